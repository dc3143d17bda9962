//! The algorithm "CoerceVariableValues", before execution: missing variables get their defaults,
//! and a value of the wrong type fails the whole request. The library checks a value only where it
//! is used.

use std::collections::{BTreeMap, HashMap};

use async_graphql::parser::types::OperationDefinition;
use async_graphql::{ServerError, Value, Variables};
use bluejay_core::AsIter as _;
use bluejay_core::definition::{
    EnumTypeDefinition as _, EnumValueDefinition as _, InputObjectTypeDefinition as _,
    InputValueDefinition as _, SchemaDefinition as _, TypeDefinitionReference,
};

use super::custom_scalars::check_scalar;
use super::located_message::Schema;
use super::shortened::shortened;
use super::suggestion::did_you_mean;
use super::type_ref::TypeRef;

/// The input types of a schema, by name.
#[derive(Debug)]
pub(super) struct InputTypes(HashMap<String, InputType>);

#[derive(Debug)]
enum InputType {
    Scalar,
    Enum(Vec<String>),
    /// The type of each field, and whether it has a default.
    Object(BTreeMap<String, (TypeRef, bool)>),
}

/// Where in a variable a value is wrong, and why.
struct Mismatch {
    /// `products[1].quantity`; empty for the variable itself.
    place: String,
    what: String,
    /// The nearest known name, as a sentence behind that of the error; may be empty.
    suggestion: String,
}

impl InputTypes {
    pub(super) fn of(schema: &Schema) -> Self {
        let types = schema.type_definitions().filter_map(|definition| {
            let input = match definition {
                TypeDefinitionReference::BuiltinScalar(_)
                | TypeDefinitionReference::CustomScalar(_) => InputType::Scalar,
                TypeDefinitionReference::Enum(definition) => {
                    let values = definition.enum_value_definitions().iter();
                    InputType::Enum(values.map(|value| value.name().to_owned()).collect())
                }
                TypeDefinitionReference::InputObject(definition) => {
                    let fields = definition.input_field_definitions().iter();
                    let fields = fields.map(|field| {
                        let ty = TypeRef::of(schema, field.r#type());
                        (
                            field.name().to_owned(),
                            (ty, field.default_value().is_some()),
                        )
                    });
                    InputType::Object(fields.collect())
                }
                _ => return None,
            };
            Some((definition.name().to_owned(), input))
        });
        Self(types.collect())
    }

    /// The type of a field of an input object.
    pub(super) fn field(&self, object: &str, field: &str) -> Option<&TypeRef> {
        match self.0.get(object)? {
            InputType::Object(fields) => fields.get(field).map(|(ty, _)| ty),
            InputType::Scalar | InputType::Enum(_) => None,
        }
    }

    /// Inserts defaults and checks every variable of an operation. Numbers become the text that
    /// they are as `ID`.
    ///
    /// # Errors
    /// One for each variable that is missing or has the wrong type.
    pub(super) fn coerce(
        &self,
        operation: &OperationDefinition,
        variables: &mut Variables,
    ) -> Result<(), Vec<ServerError>> {
        let mut errors = Vec::new();
        for definition in &operation.variable_definitions {
            let name = &definition.node.name.node;
            let ty = &definition.node.var_type.node;
            let message = match variables.get_mut(name) {
                None => match &definition.node.default_value {
                    Some(default) => {
                        variables.insert(name.clone(), default.node.clone());
                        continue;
                    }
                    None if ty.nullable => continue,
                    None => format!("Variable \"${name}\" of type {ty} is required."),
                },
                Some(value) => match self.check(&TypeRef::from(ty), value) {
                    Ok(()) => continue,
                    Err(mismatch) => mismatch.message(name),
                },
            };
            errors.push(ServerError::new(message, Some(definition.pos)));
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors)
        }
    }

    fn check(&self, ty: &TypeRef, value: &mut Value) -> Result<(), Mismatch> {
        match (ty, value) {
            (TypeRef::NonNull(_), Value::Null) => Err(Mismatch::here("must not be null")),
            (TypeRef::NonNull(inner), value) => self.check(inner, value),
            (_, Value::Null) => Ok(()),
            (TypeRef::List(inner), Value::List(items)) => {
                items.iter_mut().enumerate().try_for_each(|(index, item)| {
                    self.check(inner, item).map_err(|it| it.in_item(index))
                })
            }
            // A single value is coerced to a list of one.
            (TypeRef::List(inner), value) => self.check(inner, value),
            (TypeRef::Named(name), value) => match self.0.get(name) {
                Some(InputType::Object(fields)) => self.check_object(name, fields, value),
                Some(InputType::Enum(names)) => check_enum(name, names, value),
                Some(InputType::Scalar) => coerce_scalar(name, value),
                // Validation rejects types that do not exist.
                None => Ok(()),
            },
        }
    }

    fn check_object(
        &self,
        name: &str,
        fields: &BTreeMap<String, (TypeRef, bool)>,
        value: &mut Value,
    ) -> Result<(), Mismatch> {
        let Value::Object(given) = value else {
            return Err(Mismatch::here(format!("is not of type {name}")));
        };
        if let Some(unknown) = given.keys().find(|key| !fields.contains_key(key.as_str())) {
            let known = fields.keys().map(String::as_str);
            let what = format!(
                "has the field \"{}\", which {name} does not define",
                shortened(unknown)
            );
            return Err(Mismatch {
                suggestion: did_you_mean(unknown, known),
                ..Mismatch::here(what)
            });
        }
        for (field, (ty, has_default)) in fields {
            match given.get_mut(field.as_str()) {
                Some(value) => self.check(ty, value).map_err(|it| it.in_field(field))?,
                None if ty.is_non_null() && !has_default => {
                    return Err(Mismatch::here(format!(
                        "lacks the field \"{field}\" of {name}"
                    )));
                }
                None => {}
            }
        }
        Ok(())
    }
}

fn check_enum(name: &str, names: &[String], value: &Value) -> Result<(), Mismatch> {
    let misfit = || Mismatch::here(format!("is not a value of {name}"));
    let given = match value {
        Value::Enum(given) => given.as_str(),
        Value::String(given) => given,
        _ => return Err(misfit()),
    };
    if names.iter().any(|known| known == given) {
        return Ok(());
    }
    Err(Mismatch {
        suggestion: did_you_mean(given, names.iter().map(String::as_str)),
        ..misfit()
    })
}

impl Mismatch {
    fn here(what: impl Into<String>) -> Self {
        Self {
            place: String::new(),
            what: what.into(),
            suggestion: String::new(),
        }
    }

    fn in_item(self, index: usize) -> Self {
        self.inside(&format!("[{index}]"))
    }

    fn in_field(self, field: &str) -> Self {
        self.inside(field)
    }

    fn inside(self, around: &str) -> Self {
        let dot = if self.place.is_empty() || self.place.starts_with('[') {
            ""
        } else {
            "."
        };
        Self {
            place: format!("{around}{dot}{}", self.place),
            ..self
        }
    }

    fn message(&self, variable: &str) -> String {
        let Self {
            place,
            what,
            suggestion,
        } = self;
        let at = if place.is_empty() { "" } else { " at " };
        format!("Variable \"${variable}\"{at}{place} {what}.{suggestion}")
    }
}

/// Checks a value of a scalar. An integer for `ID` becomes its text: every integer is an id, and the
/// library knows only those of 64 bits.
fn coerce_scalar(scalar: &str, value: &mut Value) -> Result<(), Mismatch> {
    if !fits(scalar, value) {
        return Err(Mismatch::here(format!("is not of type {scalar}")));
    }
    if let ("ID", Value::Number(number)) = (scalar, &*value) {
        *value = Value::String(number.to_string());
    }
    let text = match value {
        Value::String(text) => Some(text.as_str()),
        _ => None,
    };
    check_scalar(scalar, text)
        .map_err(|flaw| Mismatch::here(format!("is not a value of {scalar}: {flaw}")))
}

/// Whether a value is one of a built-in scalar.
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
