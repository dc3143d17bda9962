//! The values of the schema's own scalars, checked before anything is executed.

use std::borrow::Cow;
use std::collections::HashSet;

use bluejay_core::{AsIter as _, ObjectValue as _, Value, ValueReference};
use bluejay_parser::ast::definition::{Context, CustomScalarTypeDefinition};
use fritzy_types::from_rfc3339;

use super::shortened::shortened;

/// The validator's rules for literals of custom scalars.
#[derive(Debug)]
pub(super) struct CustomScalars;

impl Context for CustomScalars {
    fn coerce_custom_scalar_input<const CONST: bool>(
        scalar: &CustomScalarTypeDefinition<'_, Self>,
        value: &impl Value<CONST>,
    ) -> Result<(), Cow<'static, str>> {
        // Where fields have no types, their names are unique all the same (5.6.3).
        if let Some(name) = repeated_field(value) {
            return Err(only_one_field(&name).into());
        }
        let text = match value.as_ref() {
            ValueReference::String(text) => Some(text),
            _ => None,
        };
        let name = bluejay_core::definition::ScalarTypeDefinition::name(scalar);
        check_scalar(name, text).map_err(Cow::from)
    }
}

/// Checks a value of a custom scalar: its text, or `None` where it is no string. Scalars without a
/// rule admit every value.
///
/// # Errors
/// What is wrong, as a clause.
pub(super) fn check_scalar(scalar: &str, text: Option<&str>) -> Result<(), String> {
    match (scalar, text) {
        ("Time", None) => Err("it is not a string".to_owned()),
        ("Time", Some(text)) => from_rfc3339(text)
            .map(drop)
            .map_err(|error| format!("it {error}")),
        _ => Ok(()),
    }
}

/// The clause for a field that an object has twice.
pub(super) fn only_one_field(name: &str) -> String {
    format!("there can be only one input field \"{}\"", shortened(name))
}

/// The name of a field that an object in this value has twice.
fn repeated_field<const CONST: bool, V: Value<CONST>>(value: &V) -> Option<String> {
    match value.as_ref() {
        ValueReference::List(items) => items.iter().find_map(repeated_field),
        ValueReference::Object(fields) => {
            let mut names = HashSet::new();
            fields.iter().find_map(|(name, value)| {
                if names.insert(name.as_ref()) {
                    repeated_field(value)
                } else {
                    Some(name.as_ref().to_owned())
                }
            })
        }
        _ => None,
    }
}
