//! What a client is told of a literal that does not fit its type.

use bluejay_core::AsIter as _;
use bluejay_core::Value as _;
use bluejay_core::definition::{
    EnumTypeDefinition as _, EnumValueDefinition as _, InputObjectTypeDefinition as _,
    InputValueDefinition as _, SchemaDefinition as _, TypeDefinitionReference,
};
use bluejay_parser::HasSpan as _;
use bluejay_parser::ast;
use bluejay_validator::value::input_coercion;
use bluejay_validator::{Path, PathElement};

use super::located_message::{Message, Schema};
use super::suggestion::did_you_mean;

/// The message of a literal that does not fit.
pub(super) fn value_message<'a, const CONST: bool>(
    schema: &Schema,
    error: &input_coercion::Error<'a, CONST, ast::Value<'a, CONST>>,
) -> Message {
    use input_coercion::Error as E;
    let (text, path, at) = match error {
        E::NullValueForRequiredType {
            value,
            input_type_name,
            path,
        } => (
            format!("null is not a value of \"{input_type_name}\""),
            path,
            *value.span(),
        ),
        E::NoImplicitConversion {
            value,
            input_type_name,
            path,
        } => (
            format!(
                "{} is not a value of \"{input_type_name}\"",
                value.as_ref().variant()
            ),
            path,
            *value.span(),
        ),
        E::IntegerOutOfRange { value, path } => (
            "an Int is a whole number from -2147483648 to 2147483647".to_owned(),
            path,
            *value.span(),
        ),
        E::NonFiniteFloat { value, path } => {
            ("the number is too large".to_owned(), path, *value.span())
        }
        E::NoEnumMemberWithName {
            name,
            value,
            enum_type_name,
            path,
        } => {
            let suggestion = did_you_mean(name, values_of(schema, enum_type_name));
            (
                format!("{name} is not a value of \"{enum_type_name}\".{suggestion}"),
                path,
                *value.span(),
            )
        }
        E::NoValueForRequiredFields {
            value,
            field_names,
            input_object_type_name,
            path,
        } => (
            format!(
                "\"{input_object_type_name}\" needs the field \"{}\"",
                field_names.join("\" and the field \"")
            ),
            path,
            *value.span(),
        ),
        E::NonUniqueFieldNames {
            field_name,
            keys,
            path,
            ..
        } => (
            format!("there can be only one input field \"{field_name}\""),
            path,
            *keys[0].span(),
        ),
        E::NoInputFieldWithName {
            field,
            input_object_type_name,
            ..
        } => {
            let suggestion = did_you_mean(
                field.as_str(),
                input_fields_of(schema, input_object_type_name),
            );
            let text = format!(
                "\"{input_object_type_name}\" has no field \"{}\".{suggestion}",
                field.as_str()
            );
            // The path ends with the unknown field, which the text names.
            return Message::new(capitalized(&text), [*field.span()]);
        }
        E::CustomScalarInvalidValue {
            value,
            custom_scalar_type_name,
            message,
            path,
        } => (
            format!("not a value of \"{custom_scalar_type_name}\": {message}"),
            path,
            *value.span(),
        ),
        E::OneOfInputNullValues {
            value,
            input_object_type_name,
            path,
            ..
        }
        | E::OneOfInputNotSingleNonNullValue {
            value,
            input_object_type_name,
            path,
            ..
        } => (
            format!("\"{input_object_type_name}\" takes exactly one field, which is not null"),
            path,
            *value.span(),
        ),
    };
    Message::new(located(path, &text), [at])
}

/// The text with the place inside the value: `At products[1].quantity: …`.
fn located(path: &Path<'_>, text: &str) -> String {
    let mut place = String::new();
    for element in path.to_vec::<Element>() {
        match element {
            Element::Field(name) if place.is_empty() => place = name,
            Element::Field(name) => place = format!("{place}.{name}"),
            Element::Index(index) => place = format!("{place}[{index}]"),
        }
    }
    let text = if text.contains('.') {
        text.to_owned()
    } else {
        format!("{text}.")
    };
    if place.is_empty() {
        capitalized(&text)
    } else {
        format!("At {place}: {text}")
    }
}

enum Element {
    Field(String),
    Index(usize),
}

impl From<PathElement<'_>> for Element {
    fn from(element: PathElement<'_>) -> Self {
        match element {
            PathElement::Key(name) => Self::Field(name.to_owned()),
            PathElement::Index(index) => Self::Index(index),
        }
    }
}

fn capitalized(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).collect()
}

fn values_of<'s>(schema: &'s Schema, name: &str) -> Vec<&'s str> {
    match schema.get_type_definition(name) {
        Some(TypeDefinitionReference::Enum(definition)) => {
            let values = definition.enum_value_definitions().iter();
            values.map(|value| value.name()).collect()
        }
        _ => Vec::new(),
    }
}

fn input_fields_of<'s>(schema: &'s Schema, name: &str) -> Vec<&'s str> {
    match schema.get_type_definition(name) {
        Some(TypeDefinitionReference::InputObject(definition)) => {
            let fields = definition.input_field_definitions().iter();
            fields.map(|field| field.name()).collect()
        }
        _ => Vec::new(),
    }
}
