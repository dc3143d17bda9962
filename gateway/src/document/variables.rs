//! The algorithm "CoerceVariableValues", before execution: missing variables get their defaults,
//! and a value of the wrong type fails the whole request. The library checks a value only where it
//! is used.

use std::collections::{BTreeMap, HashMap};

use async_graphql::parser::types::{BaseType, OperationDefinition, Type};
use async_graphql::{Name, ServerError, Value, Variables};
use bluejay_core::AsIter as _;
use bluejay_core::definition::{
    EnumTypeDefinition as _, EnumValueDefinition as _, InputObjectTypeDefinition as _,
    InputType as _, InputTypeReference, InputValueDefinition as _, SchemaDefinition as _,
    TypeDefinitionReference,
};
use bluejay_parser::ast::definition::SchemaDefinition;

use super::suggestion::did_you_mean;

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

#[derive(Debug)]
enum TypeRef {
    NonNull(Box<TypeRef>),
    List(Box<TypeRef>),
    Named(String),
}

/// Where in a variable a value is wrong, and why.
struct Mismatch {
    /// `products[1].quantity`; empty for the variable itself.
    place: String,
    what: String,
}

impl InputTypes {
    pub(super) fn of(schema: &SchemaDefinition<'_>) -> Self {
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

    /// Inserts defaults and checks every variable of an operation.
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
            let message = match variables.get(name) {
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
                    Err(Mismatch { place, what }) if place.is_empty() => {
                        format!("Variable \"${name}\" {what}.")
                    }
                    Err(Mismatch { place, what }) => {
                        format!("Variable \"${name}\" at {place} {what}.")
                    }
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

    fn check(&self, ty: &TypeRef, value: &Value) -> Result<(), Mismatch> {
        match (ty, value) {
            (TypeRef::NonNull(_), Value::Null) => Err(Mismatch::here("must not be null")),
            (TypeRef::NonNull(inner), value) => self.check(inner, value),
            (_, Value::Null) => Ok(()),
            (TypeRef::List(inner), Value::List(items)) => {
                items.iter().enumerate().try_for_each(|(index, item)| {
                    self.check(inner, item).map_err(|it| it.in_item(index))
                })
            }
            // A single value is coerced to a list of one.
            (TypeRef::List(inner), value) => self.check(inner, value),
            (TypeRef::Named(name), value) => match self.0.get(name) {
                Some(InputType::Object(fields)) => self.check_object(name, fields, value),
                Some(InputType::Enum(names)) => check_enum(name, names, value),
                Some(InputType::Scalar) if !fits(name, value) => {
                    Err(Mismatch::here(format!("is not of type {name}")))
                }
                // Validation rejects types that do not exist.
                Some(InputType::Scalar) | None => Ok(()),
            },
        }
    }

    fn check_object(
        &self,
        name: &str,
        fields: &BTreeMap<String, (TypeRef, bool)>,
        value: &Value,
    ) -> Result<(), Mismatch> {
        let Value::Object(given) = value else {
            return Err(Mismatch::here(format!("is not of type {name}")));
        };
        if let Some(unknown) = given.keys().find(|key| !fields.contains_key(key.as_str())) {
            let known = fields.keys().map(String::as_str);
            return Err(Mismatch::here(format!(
                "has the field \"{unknown}\", which {name} does not define.{}",
                did_you_mean(unknown, known)
            )));
        }
        for (field, (ty, has_default)) in fields {
            match given.get(field.as_str()) {
                Some(value) => self.check(ty, value).map_err(|it| it.in_field(field))?,
                None if matches!(ty, TypeRef::NonNull(_)) && !has_default => {
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
    let given = match value {
        Value::Enum(given) => given.as_str(),
        Value::String(given) => given,
        _ => return Err(Mismatch::here(format!("is not a value of {name}"))),
    };
    if names.iter().any(|known| known == given) {
        return Ok(());
    }
    let suggestion = did_you_mean(given, names.iter().map(String::as_str));
    let end = if suggestion.is_empty() { "" } else { "." };
    Err(Mismatch::here(format!(
        "is not a value of {name}{end}{suggestion}"
    )))
}

impl Mismatch {
    fn here(what: impl Into<String>) -> Self {
        Self {
            place: String::new(),
            what: what.into(),
        }
    }

    fn in_item(self, index: usize) -> Self {
        let Self { place, what } = self;
        let dot = if place.is_empty() || place.starts_with('[') {
            ""
        } else {
            "."
        };
        Self {
            place: format!("[{index}]{dot}{place}"),
            what,
        }
    }

    fn in_field(self, field: &str) -> Self {
        let Self { place, what } = self;
        let dot = if place.is_empty() || place.starts_with('[') {
            ""
        } else {
            "."
        };
        Self {
            place: format!("{field}{dot}{place}"),
            what,
        }
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
    fn of(
        schema: &SchemaDefinition<'_>,
        ty: &bluejay_parser::ast::definition::InputType<'_>,
    ) -> Self {
        let (inner, required) = match ty.as_ref(schema) {
            InputTypeReference::Base(base, required) => {
                (Self::Named(base.name().to_owned()), required)
            }
            InputTypeReference::List(inner, required) => {
                (Self::List(Box::new(Self::of(schema, inner))), required)
            }
        };
        inner.non_null_if(required)
    }

    fn non_null_if(self, required: bool) -> Self {
        if required {
            Self::NonNull(Box::new(self))
        } else {
            self
        }
    }
}

impl From<&Type> for TypeRef {
    fn from(ty: &Type) -> Self {
        let base = match &ty.base {
            BaseType::Named(name) => Self::Named(Name::to_string(name)),
            BaseType::List(inner) => Self::List(Box::new(inner.as_ref().into())),
        };
        base.non_null_if(!ty.nullable)
    }
}
