//! What a client is told of a literal that does not fit its type.

use bluejay_core::AsIter as _;
use bluejay_core::Value as _;
use bluejay_core::definition::{
    EnumTypeDefinition as _, EnumValueDefinition as _, InputObjectTypeDefinition as _,
    InputValueDefinition as _, SchemaDefinition as _, TypeDefinitionReference,
};
use bluejay_parser::HasSpan as _;
use bluejay_parser::ast;
use bluejay_validator::PathElement;
use bluejay_validator::value::input_coercion;

use super::located_message::{Message, Schema};
use super::shortened::shortened;
use super::suggestion::did_you_mean;
use super::value_places::ValuePlaces;

/// The message of a literal that does not fit.
pub(super) fn value_message<'a, const CONST: bool>(
    schema: &Schema,
    places: &ValuePlaces,
    error: &input_coercion::Error<'a, CONST, ast::Value<'a, CONST>>,
) -> Message {
    use input_coercion::Error as E;
    let no_suggestion = String::new();
    let (text, suggestion, path, at) = match error {
        E::NullValueForRequiredType {
            value,
            input_type_name,
            path,
        } => (
            format!("null is not a value of \"{input_type_name}\""),
            no_suggestion,
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
            no_suggestion,
            path,
            *value.span(),
        ),
        E::IntegerOutOfRange { value, path } => (
            "an Int is a whole number from -2147483648 to 2147483647".to_owned(),
            no_suggestion,
            path,
            *value.span(),
        ),
        E::NonFiniteFloat { value, path } => (
            "the number is too large".to_owned(),
            no_suggestion,
            path,
            *value.span(),
        ),
        E::NoEnumMemberWithName {
            name,
            value,
            enum_type_name,
            path,
        } => (
            format!(
                "\"{}\" is not a value of \"{enum_type_name}\"",
                shortened(name)
            ),
            did_you_mean(name, values_of(schema, enum_type_name)),
            path,
            *value.span(),
        ),
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
            no_suggestion,
            path,
            *value.span(),
        ),
        E::NonUniqueFieldNames {
            field_name,
            keys,
            path,
            ..
        } => (
            format!(
                "there can be only one input field \"{}\"",
                shortened(field_name)
            ),
            no_suggestion,
            path,
            *keys[0].span(),
        ),
        E::NoInputFieldWithName {
            field,
            input_object_type_name,
            path,
        } => (
            format!(
                "\"{input_object_type_name}\" has no field \"{}\"",
                shortened(field.as_str())
            ),
            did_you_mean(
                field.as_str(),
                input_fields_of(schema, input_object_type_name),
            ),
            path,
            *field.span(),
        ),
        E::CustomScalarInvalidValue {
            value,
            custom_scalar_type_name,
            message,
            path,
        } => (
            format!("not a value of \"{custom_scalar_type_name}\": {message}"),
            no_suggestion,
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
            no_suggestion,
            path,
            *value.span(),
        ),
    };
    let mut inside = path.to_vec::<Element>();
    if matches!(error, E::NoInputFieldWithName { .. }) {
        // The text names it.
        inside.pop();
    }
    let place = place(places.around(&at), inside);
    Message::new(format!("At {place}: {text}.{suggestion}"), [at])
}

/// A place inside the value of an argument, such as `order.products[1].quantity`.
fn place(around: &str, inside: Vec<Element>) -> String {
    inside
        .into_iter()
        .fold(around.to_owned(), |place, element| match element {
            Element::Field(name) => format!("{place}.{}", shortened(&name)),
            Element::Index(index) => format!("{place}[{index}]"),
        })
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
