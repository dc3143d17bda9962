//! Which argument or default of a document a value is in.

use std::ops::Range;

use bluejay_core::executable::{
    FragmentDefinition as _, OperationDefinition as _, Selection as _, SelectionReference,
    VariableDefinition as _,
};
use bluejay_core::{AsIter as _, Directive as _};
use bluejay_parser::ast::executable::{ExecutableDocument, SelectionSet};
use bluejay_parser::ast::{Arguments, Directives};
use bluejay_parser::{HasSpan as _, Span};

/// The values of arguments and defaults in a document, in its order, each with the name of its
/// place. They do not overlap.
pub(super) struct ValuePlaces(Vec<(Range<usize>, String)>);

impl ValuePlaces {
    pub(super) fn of(document: &ExecutableDocument<'_>) -> Self {
        let mut places = Self(Vec::new());
        for operation in document.operation_definitions() {
            let parts = operation.as_ref();
            places.add_directives(parts.directives());
            for variable in parts
                .variable_definitions()
                .into_iter()
                .flat_map(|v| v.iter())
            {
                if let Some(default) = variable.default_value() {
                    let place = format!("the default of ${}", variable.variable().as_str());
                    places.0.push((default.span().byte_range(), place));
                }
                places.add_directives(variable.directives());
            }
            places.add_selections(operation.selection_set());
        }
        for fragment in document.fragment_definitions() {
            places.add_directives(fragment.directives());
            places.add_selections(fragment.selection_set());
        }
        places.0.sort_by_key(|(range, _)| range.start);
        places
    }

    /// The name of the argument or default that contains a value; empty where there is none.
    pub(super) fn around(&self, value: &Span) -> &str {
        let start = value.byte_range().start;
        let before = self.0.partition_point(|(range, _)| range.start <= start);
        let nearest = before.checked_sub(1).map(|at| &self.0[at]);
        nearest
            .filter(|(range, _)| range.contains(&start))
            .map_or("", |(_, place)| place)
    }

    fn add_arguments<const CONST: bool>(&mut self, arguments: Option<&Arguments<'_, CONST>>) {
        let arguments = arguments.into_iter().flat_map(|arguments| arguments.iter());
        self.0.extend(arguments.map(|argument| {
            let place = argument.name().as_str().to_owned();
            (argument.value().span().byte_range(), place)
        }));
    }

    fn add_directives<const CONST: bool>(&mut self, directives: Option<&Directives<'_, CONST>>) {
        for directive in directives.into_iter().flat_map(|it| it.iter()) {
            self.add_arguments(directive.arguments());
        }
    }

    fn add_selections(&mut self, set: &SelectionSet<'_>) {
        for selection in set.iter() {
            self.add_directives(selection.as_ref().directives());
            match selection.as_ref() {
                SelectionReference::Field(field) => {
                    self.add_arguments(field.arguments());
                    if let Some(set) = field.selection_set() {
                        self.add_selections(set);
                    }
                }
                SelectionReference::InlineFragment(fragment) => {
                    self.add_selections(fragment.selection_set());
                }
                SelectionReference::FragmentSpread(_) => {}
            }
        }
    }
}
