//! What a client is told of a broken rule of validation: a sentence that names what is wrong, and
//! where.

use bluejay_core::AsIter;
use bluejay_core::definition::{
    FieldDefinition as _, InputType as _, OutputType as _, TypeDefinitionReference,
};
use bluejay_core::executable::{OperationDefinition as _, VariableType as _};
use bluejay_parser::HasSpan as _;
use bluejay_parser::ast::executable::ExecutableDocument;
use bluejay_validator::executable::document::Error;

use super::argument_message::{argument_message, directive_message};
use super::located_message::{Message, Schema};
use super::suggestion::did_you_mean;
use super::value_message::value_message;
use super::value_places::ValuePlaces;

type RuleError<'a> = Error<'a, ExecutableDocument<'a>, Schema>;

/// The message of a broken rule.
pub(super) fn message(schema: &Schema, places: &ValuePlaces, error: RuleError<'_>) -> Message {
    match error {
        Error::NonUniqueOperationNames { name, operations } => Message::new(
            format!("There can be only one operation named \"{name}\"."),
            operations.iter().map(|operation| *operation.span()),
        ),
        Error::NotLoneAnonymousOperation {
            anonymous_operations,
        } => Message::new(
            "A document with several operations needs a name for each of them.".to_owned(),
            anonymous_operations
                .iter()
                .map(|operation| *operation.span()),
        ),
        Error::SubscriptionRootNotSingleField { operation } => Message::new(
            "A subscription selects one field.".to_owned(),
            [*operation.span()],
        ),
        Error::OperationTypeNotDefined { operation } => Message::new(
            format!(
                "The schema has no {}.",
                bluejay_core::OperationType::from(operation.operation_type())
            ),
            [*operation.span()],
        ),
        Error::InvalidConstValue(error) => value_message(schema, places, &error),
        Error::InvalidVariableValue(error) => value_message(schema, places, &error),
        Error::InvalidConstDirective(error) => directive_message(error),
        Error::InvalidVariableDirective(error) => directive_message(error),
        Error::InvalidConstArgument(error) => argument_message(error),
        Error::InvalidVariableArgument(error) => argument_message(error),
        error @ (Error::NonUniqueVariableDefinitionNames { .. }
        | Error::VariableDefinitionTypeNotInput { .. }
        | Error::VariableNotDefined { .. }
        | Error::VariableDefinitionUnused { .. }
        | Error::InvalidVariableUsage { .. }
        | Error::InvalidOneOfVariableUsage { .. }) => variable_message(error),
        error @ (Error::FieldDoesNotExistOnType { .. }
        | Error::LeafFieldSelectionNotEmpty { .. }
        | Error::NonLeafFieldSelectionEmpty { .. }
        | Error::FieldSelectionsDoNotMergeIncompatibleTypes { .. }
        | Error::FieldSelectionsDoNotMergeDifferingNames { .. }
        | Error::FieldSelectionsDoNotMergeDifferingArguments { .. }) => field_message(error),
        error => fragment_message(error),
    }
}

fn field_message(error: RuleError<'_>) -> Message {
    match error {
        Error::FieldDoesNotExistOnType { field, r#type } => {
            let name = field.name().as_str();
            let known = fields_of(r#type);
            let text = format!(
                "Type \"{}\" has no field \"{name}\".{}",
                r#type.name(),
                did_you_mean(name, known)
            );
            Message::new(text, [*field.name().span()])
        }
        Error::LeafFieldSelectionNotEmpty {
            selection_set,
            r#type,
        } => Message::new(
            format!(
                "A field of type \"{}\" has no fields to select.",
                r#type.display_name()
            ),
            [*selection_set.span()],
        ),
        Error::NonLeafFieldSelectionEmpty { field, r#type } => Message::new(
            format!(
                "Field \"{}\" of type \"{}\" needs a selection of its fields, such as \"{} {{ ... }}\".",
                field.name().as_str(),
                r#type.display_name(),
                field.name().as_str()
            ),
            [*field.span()],
        ),
        Error::FieldSelectionsDoNotMergeDifferingNames {
            field_a, field_b, ..
        } => conflict(field_a, field_b, "they are different fields"),
        Error::FieldSelectionsDoNotMergeDifferingArguments {
            field_a, field_b, ..
        } => conflict(field_a, field_b, "they have different arguments"),
        Error::FieldSelectionsDoNotMergeIncompatibleTypes {
            field_a, field_b, ..
        } => conflict(field_a, field_b, "they return different types"),
        other => unnamed(other),
    }
}

fn conflict(
    one: &bluejay_parser::ast::executable::Field<'_>,
    other: &bluejay_parser::ast::executable::Field<'_>,
    why: &str,
) -> Message {
    let text = format!(
        "Fields \"{}\" conflict: {why}. Give one of them another alias.",
        one.response_key()
    );
    Message::new(text, [*one.span(), *other.span()])
}

fn fragment_message(error: RuleError<'_>) -> Message {
    match error {
        Error::NonUniqueFragmentDefinitionNames {
            name,
            fragment_definitions,
        } => Message::new(
            format!("There can be only one fragment named \"{name}\"."),
            fragment_definitions.iter().map(|it| *it.name().span()),
        ),
        Error::FragmentDefinitionTargetTypeDoesNotExist {
            fragment_definition,
        } => {
            let on = fragment_definition.type_condition().named_type();
            Message::new(no_type(on.as_str()), [*on.span()])
        }
        Error::InlineFragmentTargetTypeDoesNotExist { inline_fragment } => {
            let on = inline_fragment.type_condition().map(|on| on.named_type());
            let name = on.map(|on| on.as_str()).unwrap_or_default();
            Message::new(no_type(name), on.map(|on| *on.span()))
        }
        Error::FragmentDefinitionTargetTypeNotComposite {
            fragment_definition,
        } => {
            let on = fragment_definition.type_condition().named_type();
            Message::new(no_fields(on.as_str()), [*on.span()])
        }
        Error::InlineFragmentTargetTypeNotComposite { inline_fragment } => {
            let on = inline_fragment.type_condition().map(|on| on.named_type());
            let name = on.map(|on| on.as_str()).unwrap_or_default();
            Message::new(no_fields(name), on.map(|on| *on.span()))
        }
        Error::FragmentDefinitionUnused {
            fragment_definition,
        } => {
            let name = fragment_definition.name();
            let text = format!("Fragment \"{}\" is never used.", name.as_str());
            Message::new(text, [*name.span()])
        }
        Error::FragmentSpreadTargetUndefined { fragment_spread } => {
            let name = fragment_spread.name();
            let text = format!("There is no fragment \"{}\".", name.as_str());
            Message::new(text, [*name.span()])
        }
        Error::FragmentSpreadCycle {
            fragment_definition,
            fragment_spread,
        } => Message::new(
            spreads_itself(fragment_definition.name().as_str()),
            [*fragment_spread.span()],
        ),
        Error::FragmentSpreadIsNotPossible {
            fragment_spread,
            parent_type,
        } => Message::new(
            format!(
                "Fragment \"{}\" can never apply to type \"{}\".",
                fragment_spread.name().as_str(),
                parent_type.name()
            ),
            [*fragment_spread.span()],
        ),
        Error::InlineFragmentSpreadIsNotPossible {
            inline_fragment,
            parent_type,
        } => Message::new(
            format!(
                "This fragment can never apply to type \"{}\".",
                parent_type.name()
            ),
            [*inline_fragment.span()],
        ),
        other => unnamed(other),
    }
}

/// The message for a fragment in a circle.
pub(super) fn spreads_itself(fragment: &str) -> String {
    format!("Fragment \"{fragment}\" spreads itself, directly or through others.")
}

fn variable_message(error: RuleError<'_>) -> Message {
    match error {
        Error::NonUniqueVariableDefinitionNames {
            name,
            variable_definitions,
        } => Message::new(
            format!("There can be only one variable \"${name}\"."),
            variable_definitions.iter().map(|it| *it.variable().span()),
        ),
        Error::VariableDefinitionTypeNotInput {
            variable_definition,
        } => {
            let ty = variable_definition.r#type();
            let text = format!(
                "Variable \"${}\" cannot be of type \"{}\": there is no such input type.",
                variable_definition.variable().as_str(),
                ty.as_ref().name(),
            );
            Message::new(text, [*ty.span()])
        }
        Error::VariableNotDefined {
            variable,
            operation_definition,
        } => {
            let name = variable.as_str();
            let text = match operation_definition.as_ref().name() {
                Some(operation) => {
                    format!("Variable \"${name}\" is not defined by operation \"{operation}\".")
                }
                None => format!("Variable \"${name}\" is not defined."),
            };
            Message::new(text, [*variable.span()])
        }
        Error::VariableDefinitionUnused {
            variable_definition,
        } => {
            let variable = variable_definition.variable();
            let text = format!("Variable \"${}\" is never used.", variable.as_str());
            Message::new(text, [*variable.span()])
        }
        Error::InvalidVariableUsage {
            variable,
            variable_type,
            location_type,
        } => Message::new(
            format!(
                "Variable \"${}\" of type \"{}\" is used where \"{}\" is expected.",
                variable.as_str(),
                variable_type.as_ref().display_name(),
                location_type.display_name()
            ),
            [*variable.span()],
        ),
        Error::InvalidOneOfVariableUsage {
            variable,
            parent_type_name,
            ..
        } => Message::new(
            format!(
                "Variable \"${}\" has to be non-null where it is a field of \"{parent_type_name}\".",
                variable.as_str(),
            ),
            [*variable.span()],
        ),
        other => unnamed(other),
    }
}

fn no_type(name: &str) -> String {
    format!("There is no type \"{name}\".")
}

fn no_fields(name: &str) -> String {
    format!("Type \"{name}\" has no fields, so no fragment can apply to it.")
}

/// A rule that a later version of the validator adds.
fn unnamed(error: RuleError<'_>) -> Message {
    let error = bluejay_parser::Error::from(error);
    Message::new(error.message().to_owned(), [])
}

fn fields_of(ty: TypeDefinitionReference<'_, Schema>) -> Vec<&str> {
    let fields = ty.fields_definition().into_iter().flat_map(AsIter::iter);
    let names = fields.map(|field| field.name());
    names.filter(|name| !name.starts_with("__")).collect()
}
