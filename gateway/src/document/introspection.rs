//! Fields of introspection that the validator does not know, but the specification and the executor
//! do: tools ask for them to learn about deprecated arguments and `@oneOf`.

use bluejay_parser::ast::executable::ExecutableDocument;
use bluejay_validator::executable::document::Error;

use super::located_message::Schema;

/// All of them are leaves without arguments.
const FIELDS: [(&str, &str); 3] = [
    ("__InputValue", "isDeprecated"),
    ("__InputValue", "deprecationReason"),
    ("__Type", "isOneOf"),
];

/// Whether an error is about a field that exists.
pub(super) fn is_of_introspection(error: &Error<'_, ExecutableDocument<'_>, Schema>) -> bool {
    let Error::FieldDoesNotExistOnType { field, r#type } = error else {
        return false;
    };
    let field_of_type = (r#type.name(), field.name().as_str());
    FIELDS.contains(&field_of_type)
        && field.arguments().is_none()
        && field.selection_set().is_none()
}
