//! What a client is told of arguments and directives that break a rule.

use bluejay_core::AsIter;
use bluejay_core::definition::{
    DirectiveDefinition as _, FieldDefinition as _, InputType as _, InputValueDefinition,
};
use bluejay_parser::HasSpan as _;
use bluejay_parser::ast::executable::ExecutableDocument as Document;
use bluejay_validator::executable::document::{ArgumentError, DirectiveError};

use super::located_message::{Message, Schema};
use super::suggestion::did_you_mean;

/// The message of a directive.
pub(super) fn directive_message<'a, const CONST: bool>(
    error: DirectiveError<'a, CONST, Document<'a>, Schema>,
) -> Message {
    match error {
        DirectiveError::DirectiveDoesNotExist { directive } => Message::new(
            format!("There is no directive \"@{}\".", directive.name().as_str()),
            [*directive.span()],
        ),
        DirectiveError::DirectiveInInvalidLocation { directive, .. } => Message::new(
            format!(
                "Directive \"@{}\" is not allowed here.",
                directive.name().as_str()
            ),
            [*directive.span()],
        ),
        DirectiveError::DirectivesNotUniquePerLocation {
            directives,
            directive_definition,
        } => Message::new(
            format!(
                "There can be only one directive \"@{}\" in one place.",
                directive_definition.name()
            ),
            directives.iter().map(|directive| *directive.span()),
        ),
    }
}

/// The message of an argument.
pub(super) fn argument_message<'a, const CONST: bool>(
    error: ArgumentError<'a, CONST, Document<'a>, Schema>,
) -> Message {
    match error {
        ArgumentError::NonUniqueArgumentNames { arguments, name } => Message::new(
            format!("There can be only one argument \"{name}\"."),
            arguments.iter().map(|argument| *argument.name().span()),
        ),
        ArgumentError::ArgumentDoesNotExistOnField {
            argument,
            field_definition,
        } => {
            let name = argument.name().as_str();
            let known = field_definition.arguments_definition().into_iter();
            let known = known.flat_map(AsIter::iter).map(|known| known.name());
            let text = format!(
                "Field \"{}\" has no argument \"{name}\".{}",
                field_definition.name(),
                did_you_mean(name, known)
            );
            Message::new(text, [*argument.name().span()])
        }
        ArgumentError::ArgumentDoesNotExistOnDirective {
            argument,
            directive_definition,
        } => Message::new(
            format!(
                "Directive \"@{}\" has no argument \"{}\".",
                directive_definition.name(),
                argument.name().as_str()
            ),
            [*argument.name().span()],
        ),
        ArgumentError::DirectiveMissingRequiredArguments {
            directive,
            missing_argument_definitions,
            ..
        } => Message::new(
            format!(
                "Directive \"@{}\" needs {}.",
                directive.name().as_str(),
                arguments(&missing_argument_definitions)
            ),
            [*directive.span()],
        ),
        ArgumentError::FieldMissingRequiredArguments {
            field,
            missing_argument_definitions,
            ..
        } => Message::new(
            format!(
                "Field \"{}\" needs {}.",
                field.name().as_str(),
                arguments(&missing_argument_definitions)
            ),
            [*field.name().span()],
        ),
    }
}

/// `argument "id" of type "String!"`, for each of them.
fn arguments(missing: &[&impl InputValueDefinition]) -> String {
    let each = missing.iter().map(|argument| {
        format!(
            "argument \"{}\" of type \"{}\"",
            argument.name(),
            argument.r#type().display_name()
        )
    });
    each.collect::<Vec<_>>().join(" and ")
}
