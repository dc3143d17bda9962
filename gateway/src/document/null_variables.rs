//! Null variables where null is not allowed. A nullable variable with a default may be used there,
//! and null may be given for it: then its field fails while executing, and only this field
//! ("CoerceArgumentValues").

use async_graphql::parser::types::{Directive, Field};
use async_graphql::{Name, Pos, Positioned, Value as ConstValue, Variables};
use async_graphql_value::Value;

use super::output_types::FieldType;
use super::type_ref::TypeRef;
use super::variables::InputTypes;

/// The directive of a merged field that must not be executed. No document can contain its name.
pub(crate) const REFUSED_FIELD: &str = "!refused";
/// Its argument with the message for the client.
pub(crate) const REFUSED_MESSAGE: &str = "message";
/// Its argument that says whether the field may be null.
pub(crate) const REFUSED_NULLABLE: &str = "nullable";

/// The directive for a field of this type, if a variable is null where null is not allowed.
pub(super) fn refusal(
    inputs: &InputTypes,
    ty: &FieldType,
    field: &Field,
    variables: &Variables,
) -> Option<Positioned<Directive>> {
    let finder = Finder { inputs, variables };
    let (message, pos) = field.arguments.iter().find_map(|(name, value)| {
        let argument = name.node.as_str();
        let found = finder.find(ty.argument(argument)?, &value.node, argument)?;
        Some((found, value.pos))
    })?;
    let at = |name: &str| Positioned::new(Name::new(name), pos);
    let arguments = vec![
        (at(REFUSED_MESSAGE), positioned(message, pos)),
        (at(REFUSED_NULLABLE), positioned(ty.nullable, pos)),
    ];
    let name = at(REFUSED_FIELD);
    Some(Positioned::new(Directive { name, arguments }, pos))
}

fn positioned(value: impl Into<ConstValue>, pos: Pos) -> Positioned<Value> {
    Positioned::new(value.into().into_value(), pos)
}

/// The message for a variable that is null at a place where null is not allowed.
pub(super) fn must_not_be_null(variable: &str, place: &str) -> String {
    format!("Variable \"${variable}\" must not be null at {place}.")
}

/// Whether a variable is null, or not given and without a default.
pub(super) fn is_null(variables: &Variables, name: &Name) -> bool {
    matches!(variables.get(name), None | Some(ConstValue::Null))
}

struct Finder<'d> {
    inputs: &'d InputTypes,
    variables: &'d Variables,
}

impl Finder<'_> {
    /// The message for the first such variable in a value. All others of its values are valid.
    fn find(&self, ty: &TypeRef, value: &Value, place: &str) -> Option<String> {
        match value {
            Value::Variable(name) => (ty.is_non_null() && is_null(self.variables, name))
                .then(|| must_not_be_null(name, place)),
            Value::List(items) => items
                .iter()
                .enumerate()
                .find_map(|(index, item)| self.find(ty.item(), item, &format!("{place}[{index}]"))),
            Value::Object(fields) => fields.iter().find_map(|(field, value)| {
                let ty = self.inputs.field(ty.name(), field)?;
                self.find(ty, value, &format!("{place}.{field}"))
            }),
            _ => None,
        }
    }
}
