//! The algorithm "CoerceVariableValues", before execution: missing variables get their defaults,
//! and a value of the wrong type fails the whole request. The library checks a value only where it
//! is used.

use std::collections::HashMap;

use async_graphql::parser::types::{BaseType, OperationDefinition, Type};
use async_graphql::{Name, ServerError, Value, Variables};

/// The input types of a schema.
#[derive(Debug, Default)]
pub struct InputTypes(HashMap<String, InputType>);

#[derive(Debug)]
enum InputType {
    Scalar,
    Enum(Vec<String>),
    /// The type of each field, and whether it has a default.
    Object(HashMap<String, (TypeRef, bool)>),
}

#[derive(Debug)]
enum TypeRef {
    NonNull(Box<TypeRef>),
    List(Box<TypeRef>),
    Named(String),
}

/// The introspection query that [`InputTypes`] is built from; types are at most four wrappers deep.
pub const INTROSPECTION: &str = "{ __schema { types { kind name enumValues { name } inputFields {
    name defaultValue type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }
} } } }";

impl InputTypes {
    /// Reads the `data` of the response to [`INTROSPECTION`].
    pub fn read(introspection: &serde_json::Value) -> Self {
        let types = introspection["__schema"]["types"]
            .as_array()
            .map_or(&[][..], Vec::as_slice);
        let read = |of: &serde_json::Value| {
            let name = of["name"].as_str()?.to_owned();
            let list = |key: &str| of[key].as_array().cloned().unwrap_or_default();
            let input = match of["kind"].as_str()? {
                "SCALAR" => InputType::Scalar,
                "ENUM" => {
                    let names = list("enumValues").into_iter();
                    InputType::Enum(
                        names
                            .filter_map(|v| Some(v["name"].as_str()?.into()))
                            .collect(),
                    )
                }
                "INPUT_OBJECT" => {
                    let field = |field: serde_json::Value| {
                        let ty = TypeRef::read(&field["type"])?;
                        Some((
                            field["name"].as_str()?.into(),
                            (ty, !field["defaultValue"].is_null()),
                        ))
                    };
                    InputType::Object(list("inputFields").into_iter().filter_map(field).collect())
                }
                _ => return None,
            };
            Some((name, input))
        };
        Self(types.iter().filter_map(read).collect())
    }

    /// Inserts defaults and checks every variable of an operation.
    ///
    /// # Errors
    /// One for each variable that is missing or has the wrong type.
    pub(crate) fn coerce(
        &self,
        operation: &OperationDefinition,
        variables: &mut Variables,
    ) -> Result<(), Vec<ServerError>> {
        let mut errors = Vec::new();
        for definition in &operation.variable_definitions {
            let name = &definition.node.name.node;
            let ty = &definition.node.var_type.node;
            let error = |what: String| {
                ServerError::new(format!("Variable \"${name}\" {what}"), Some(definition.pos))
            };
            match variables.get(name) {
                None => match &definition.node.default_value {
                    Some(default) => {
                        variables.insert(name.clone(), default.node.clone());
                    }
                    None if !ty.nullable => {
                        errors.push(error(format!("of type {ty} is required")));
                    }
                    None => {}
                },
                Some(value) => {
                    if let Err(what) = self.check(&TypeRef::from(ty), value) {
                        errors.push(error(what));
                    }
                }
            }
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors)
        }
    }

    fn check(&self, ty: &TypeRef, value: &Value) -> Result<(), String> {
        match (ty, value) {
            (TypeRef::NonNull(_), Value::Null) => Err("must not be null".into()),
            (TypeRef::NonNull(inner), value) => self.check(inner, value),
            (_, Value::Null) => Ok(()),
            (TypeRef::List(inner), Value::List(items)) => {
                items.iter().try_for_each(|item| self.check(inner, item))
            }
            // A single value is coerced to a list of one.
            (TypeRef::List(inner), value) => self.check(inner, value),
            (TypeRef::Named(name), value) => match self.0.get(name) {
                Some(InputType::Object(fields)) => self.check_object(name, fields, value),
                Some(InputType::Enum(names)) => {
                    let known = match value {
                        Value::Enum(given) => names.iter().any(|name| name == given.as_str()),
                        Value::String(given) => names.contains(given),
                        _ => false,
                    };
                    known
                        .then_some(())
                        .ok_or_else(|| format!("is not a value of {name}"))
                }
                Some(InputType::Scalar) if !fits(name, value) => {
                    Err(format!("is not of type {name}"))
                }
                // A type that does not exist is reported by validation.
                Some(InputType::Scalar) | None => Ok(()),
            },
        }
    }

    fn check_object(
        &self,
        name: &str,
        fields: &HashMap<String, (TypeRef, bool)>,
        value: &Value,
    ) -> Result<(), String> {
        let Value::Object(given) = value else {
            return Err(format!("is not of type {name}"));
        };
        if let Some(unknown) = given.keys().find(|key| !fields.contains_key(key.as_str())) {
            return Err(format!(
                "has the field {unknown}, which {name} does not define"
            ));
        }
        for (field, (ty, has_default)) in fields {
            match given.get(field.as_str()) {
                Some(value) => self
                    .check(ty, value)
                    .map_err(|what| format!("at {field} {what}"))?,
                None if matches!(ty, TypeRef::NonNull(_)) && !has_default => {
                    return Err(format!("lacks the field {field} of {name}"));
                }
                None => {}
            }
        }
        Ok(())
    }
}

/// Whether a value is one of a built-in scalar. Scalars of this schema check theirs where they are
/// used.
fn fits(scalar: &str, value: &Value) -> bool {
    match (scalar, value) {
        ("Int", Value::Number(number)) => number
            .as_i64()
            .is_some_and(|number| i32::try_from(number).is_ok()),
        ("Float", value) => matches!(value, Value::Number(_)),
        ("String", value) => matches!(value, Value::String(_)),
        ("Boolean", value) => matches!(value, Value::Boolean(_)),
        ("ID", Value::Number(number)) => number.is_i64() || number.is_u64(),
        ("ID", value) => matches!(value, Value::String(_)),
        ("Int", _) => false,
        _ => true,
    }
}

impl TypeRef {
    fn read(json: &serde_json::Value) -> Option<Self> {
        let inner = || Self::read(&json["ofType"]).map(Box::new);
        Some(match json["kind"].as_str()? {
            "NON_NULL" => Self::NonNull(inner()?),
            "LIST" => Self::List(inner()?),
            _ => Self::Named(json["name"].as_str()?.into()),
        })
    }
}

impl From<&Type> for TypeRef {
    fn from(ty: &Type) -> Self {
        let base = match &ty.base {
            BaseType::Named(name) => Self::Named(Name::to_string(name)),
            BaseType::List(inner) => Self::List(Box::new(inner.as_ref().into())),
        };
        if ty.nullable {
            base
        } else {
            Self::NonNull(Box::new(base))
        }
    }
}
