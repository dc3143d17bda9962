//! What a client is told of a literal that does not fit its type.

use bluejay_core::AsIter as _;
use bluejay_core::Value as _;
use bluejay_core::definition::{
    EnumTypeDefinition as _, EnumValueDefinition as _, InputObjectTypeDefinition as _,
    InputValueDefinition as _, SchemaDefinition as _, TypeDefinitionReference,
};
use bluejay_parser::ast;
use bluejay_parser::{HasSpan as _, Span};
use bluejay_validator::value::input_coercion;
use bluejay_validator::{Path, PathElement};

use super::custom_scalars::only_one_field;
use super::located_message::{Message, Schema};
use super::shortened::shortened;
use super::suggestion::did_you_mean;
use super::value_places::ValuePlaces;

type ValueError<'a, const CONST: bool> = input_coercion::Error<'a, CONST, ast::Value<'a, CONST>>;

/// The message of a literal that does not fit.
pub(super) fn value_message<const CONST: bool>(
    schema: &Schema,
    places: &ValuePlaces,
    error: &ValueError<'_, CONST>,
) -> Message {
    let (path, at) = site(error);
    let mut inside = path.to_vec::<Element>();
    if matches!(error, ValueError::NoInputFieldWithName { .. }) {
        // The text names it.
        inside.pop();
    }
    let place = place(places.around(&at), inside);
    let (text, suggestion) = (text(error), suggestion(schema, error));
    Message::new(format!("At {place}: {text}.{suggestion}"), [at])
}

/// What is wrong, as a clause.
fn text<const CONST: bool>(error: &ValueError<'_, CONST>) -> String {
    use ValueError as E;
    match error {
        E::NullValueForRequiredType {
            input_type_name, ..
        } => format!("null is not a value of \"{input_type_name}\""),
        E::NoImplicitConversion {
            value,
            input_type_name,
            ..
        } => {
            let variant = value.as_ref().variant();
            format!("{variant} is not a value of \"{input_type_name}\"")
        }
        E::IntegerOutOfRange { .. } => {
            "an Int is a whole number from -2147483648 to 2147483647".to_owned()
        }
        E::NonFiniteFloat { .. } => "the number is too large".to_owned(),
        E::NoEnumMemberWithName {
            name,
            enum_type_name,
            ..
        } => {
            let name = shortened(name);
            format!("\"{name}\" is not a value of \"{enum_type_name}\"")
        }
        E::NoValueForRequiredFields {
            field_names,
            input_object_type_name,
            ..
        } => {
            let fields = field_names.join("\" and the field \"");
            format!("\"{input_object_type_name}\" needs the field \"{fields}\"")
        }
        E::NonUniqueFieldNames { field_name, .. } => only_one_field(field_name),
        E::NoInputFieldWithName {
            field,
            input_object_type_name,
            ..
        } => {
            let field = shortened(field.as_str());
            format!("\"{input_object_type_name}\" has no field \"{field}\"")
        }
        E::CustomScalarInvalidValue {
            custom_scalar_type_name,
            message,
            ..
        } => format!("not a value of \"{custom_scalar_type_name}\": {message}"),
        E::OneOfInputNullValues {
            input_object_type_name,
            ..
        }
        | E::OneOfInputNotSingleNonNullValue {
            input_object_type_name,
            ..
        } => format!("\"{input_object_type_name}\" takes exactly one field, which is not null"),
    }
}

/// The nearest known name, as a sentence of its own; empty where there is none.
fn suggestion<const CONST: bool>(schema: &Schema, error: &ValueError<'_, CONST>) -> String {
    match error {
        ValueError::NoEnumMemberWithName {
            name,
            enum_type_name,
            ..
        } => did_you_mean(name, values_of(schema, enum_type_name)),
        ValueError::NoInputFieldWithName {
            field,
            input_object_type_name,
            ..
        } => {
            let known = input_fields_of(schema, input_object_type_name);
            did_you_mean(field.as_str(), known)
        }
        _ => String::new(),
    }
}

/// The place inside the value of the argument, and the one in the document.
fn site<'e, 'a, const CONST: bool>(error: &'e ValueError<'a, CONST>) -> (&'e Path<'a>, Span) {
    use ValueError as E;
    match error {
        E::NonUniqueFieldNames { keys, path, .. } => (path, *keys[0].span()),
        E::NoInputFieldWithName { field, path, .. } => (path, *field.span()),
        E::NullValueForRequiredType { value, path, .. }
        | E::NoImplicitConversion { value, path, .. }
        | E::IntegerOutOfRange { value, path }
        | E::NonFiniteFloat { value, path }
        | E::NoEnumMemberWithName { value, path, .. }
        | E::NoValueForRequiredFields { value, path, .. }
        | E::CustomScalarInvalidValue { value, path, .. }
        | E::OneOfInputNullValues { value, path, .. }
        | E::OneOfInputNotSingleNonNullValue { value, path, .. } => (path, *value.span()),
    }
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
