//! Limits on a document with its fragments expanded, checked before it is validated: fragments let
//! a small text expand to millions of fields, and the validator expands them.

use std::collections::HashMap;

use async_graphql::ServerError;
use bluejay_core::executable::{
    FragmentDefinition as _, OperationDefinition as _, Selection as _, SelectionReference,
    VariableDefinition as _,
};
use bluejay_core::{AsIter, Directive as _};
use bluejay_parser::ast::Directives;
use bluejay_parser::ast::executable::{ExecutableDocument, FragmentDefinition, SelectionSet};
use bluejay_parser::{HasSpan as _, Span};

use super::document_error::DocumentError;
use super::lexical_limits::NESTING_MAX;
use super::line_index::LineIndex;
use super::message::spreads_itself;

/// Fields of an operation with its fragments expanded. Introspection queries of tools have some
/// 500.
const FIELDS_MAX: usize = 4_000;
/// Fields at the root: each may be a full list.
const ROOT_FIELDS_MAX: usize = 200;
/// Fragments of a document, spread or not: validation recurses from one to the next. The largest
/// clients in practice have some hundred.
const FRAGMENTS_MAX: usize = 500;
/// Selections of all operations and fragments, each with its fragments expanded: what validation
/// visits.
const SELECTIONS_MAX: usize = 40_000;

/// Checks the limits. Returns the number of fields of the largest operation.
///
/// # Errors
/// `TooComplex` beyond a limit; `Invalid` for fragments that cannot be expanded, because they
/// spread themselves or share a name.
pub(super) fn check_expansion(
    text: &str,
    document: &ExecutableDocument<'_>,
) -> Result<usize, DocumentError> {
    let definitions = document.fragment_definitions();
    if definitions.len() > FRAGMENTS_MAX {
        return Err(too_complex(format!(
            "a document has more than {FRAGMENTS_MAX} fragments"
        )));
    }
    let mut counter = Counter {
        text,
        definitions: HashMap::with_capacity(definitions.len()),
        counts: HashMap::new(),
    };
    for fragment in definitions {
        let name = fragment.name().as_str();
        if counter.definitions.insert(name, fragment).is_some() {
            let message = format!("There can be only one fragment named \"{name}\".");
            return Err(counter.invalid(message, fragment.name().span()));
        }
    }
    let mut selections = 0_usize;
    for fragment in definitions {
        check_directives(fragment.directives())?;
        let name = fragment.name();
        let count = counter.fragment(name.as_str(), name.span(), 0)?;
        selections = count.selections.saturating_add(selections);
    }
    check_operations(text, document)?;
    let mut largest = 0;
    for operation in document.operation_definitions() {
        let count = counter.set(operation.selection_set(), 0)?;
        if count.at_root > ROOT_FIELDS_MAX {
            return Err(too_complex(format!(
                "an operation has more than {ROOT_FIELDS_MAX} fields at its root"
            )));
        }
        if count.fields > FIELDS_MAX {
            return Err(too_complex(format!(
                "an operation has more than {FIELDS_MAX} fields with its fragments expanded"
            )));
        }
        selections = selections.saturating_add(count.selections);
        largest = largest.max(count.fields);
    }
    if selections > SELECTIONS_MAX {
        return Err(too_complex(format!(
            "the operations and fragments of the document have more than {SELECTIONS_MAX} selections with their fragments expanded"
        )));
    }
    Ok(largest)
}

/// Directives, arguments or variables in one place: validation compares each with each. The largest
/// clients in practice define some hundred variables.
const DIRECTIVES_MAX: usize = 16;
const ARGUMENTS_MAX: usize = 100;
const VARIABLES_MAX: usize = 500;
/// Operations, multiplied by the uses and definitions of variables in the document: validation
/// looks at each variable of a fragment for each operation that spreads it.
const VARIABLES_OF_OPERATIONS_MAX: usize = 50_000;

fn check_number<'l, L: AsIter + 'l>(
    list: impl IntoIterator<Item = &'l L>,
    most: usize,
    what: &str,
) -> Result<(), DocumentError> {
    let counts = list.into_iter().map(AsIter::len);
    if counts.sum::<usize>() > most {
        return Err(too_complex(format!(
            "one place of the document has more than {most} {what}"
        )));
    }
    Ok(())
}

fn check_directives<const CONST: bool>(
    directives: Option<&Directives<'_, CONST>>,
) -> Result<(), DocumentError> {
    let Some(directives) = directives else {
        return Ok(());
    };
    check_number([directives], DIRECTIVES_MAX, "directives")?;
    for directive in directives.iter() {
        check_number(directive.arguments(), ARGUMENTS_MAX, "arguments")?;
    }
    Ok(())
}

/// Checks what is beside the selections of the operations.
fn check_operations(text: &str, document: &ExecutableDocument<'_>) -> Result<(), DocumentError> {
    let operations = document.operation_definitions();
    // Those in strings and comments count, too.
    let variables = text.bytes().filter(|byte| *byte == b'$').count();
    if variables.saturating_mul(operations.len()) > VARIABLES_OF_OPERATIONS_MAX {
        return Err(too_complex(format!(
            "the number of operations times that of variables is more than {VARIABLES_OF_OPERATIONS_MAX}"
        )));
    }
    for operation in operations {
        let parts = operation.as_ref();
        check_directives(parts.directives())?;
        check_number(parts.variable_definitions(), VARIABLES_MAX, "variables")?;
        if let Some(variables) = parts.variable_definitions() {
            for variable in variables.iter() {
                check_directives(variable.directives())?;
            }
        }
    }
    Ok(())
}

/// What is in a selection set with its fragments expanded.
#[derive(Clone, Copy, Default)]
struct Count {
    /// Its own fields, without those inside them.
    at_root: usize,
    fields: usize,
    /// Fields, and spreads, which cost time even where they add no field.
    selections: usize,
    /// Selection sets within each other.
    depth: usize,
}

impl Count {
    fn add(&mut self, other: Self) {
        self.at_root = self.at_root.saturating_add(other.at_root);
        self.fields = self.fields.saturating_add(other.fields);
        self.selections = self.selections.saturating_add(other.selections);
        self.depth = self.depth.max(other.depth);
    }
}

/// Counts each fragment once, however often it is spread.
struct Counter<'d> {
    text: &'d str,
    definitions: HashMap<&'d str, &'d FragmentDefinition<'d>>,
    /// `None` while the fragment is being counted: reading it then means that it spreads itself.
    counts: HashMap<&'d str, Option<Count>>,
}

impl<'d> Counter<'d> {
    /// Counts a selection set with `around` others around it.
    fn set(&mut self, set: &'d SelectionSet<'d>, around: usize) -> Result<Count, DocumentError> {
        if around >= NESTING_MAX {
            return Err(too_deep());
        }
        let mut sum = Count::default();
        for selection in set.iter() {
            check_directives(selection.as_ref().directives())?;
            let mut count = match selection.as_ref() {
                SelectionReference::Field(field) => {
                    check_number(field.arguments(), ARGUMENTS_MAX, "arguments")?;
                    let inside = match field.selection_set() {
                        Some(set) => self.set(set, around + 1)?,
                        None => Count::default(),
                    };
                    Count {
                        at_root: 1,
                        fields: inside.fields.saturating_add(1),
                        ..inside
                    }
                }
                SelectionReference::InlineFragment(fragment) => {
                    self.set(fragment.selection_set(), around + 1)?
                }
                SelectionReference::FragmentSpread(spread) => {
                    let name = spread.name();
                    self.fragment(name.as_str(), name.span(), around + 1)?
                }
            };
            count.selections = count.selections.saturating_add(1);
            sum.add(count);
        }
        sum.depth += 1;
        if around + sum.depth > NESTING_MAX {
            return Err(too_deep());
        }
        Ok(sum)
    }

    fn fragment(
        &mut self,
        name: &'d str,
        spread: &Span,
        around: usize,
    ) -> Result<Count, DocumentError> {
        match self.counts.get(name) {
            Some(Some(known)) if around + known.depth > NESTING_MAX => return Err(too_deep()),
            Some(Some(known)) => return Ok(*known),
            Some(None) => {
                return Err(self.invalid(spreads_itself(name), spread));
            }
            None => {}
        }
        // A fragment that does not exist is left to validation.
        let Some(definition) = self.definitions.get(name) else {
            return Ok(Count::default());
        };
        let set = definition.selection_set();
        self.counts.insert(name, None);
        let count = self.set(set, around)?;
        self.counts.insert(name, Some(count));
        Ok(count)
    }

    fn invalid(&self, message: String, at: &Span) -> DocumentError {
        let position = LineIndex::new(self.text).position(at.byte_range().start);
        DocumentError::Invalid(vec![ServerError::new(message, Some(position))])
    }
}

fn too_deep() -> DocumentError {
    too_complex(format!(
        "the document is nested deeper than {NESTING_MAX} with its fragments expanded"
    ))
}

fn too_complex(message: String) -> DocumentError {
    DocumentError::TooComplex(message)
}

#[cfg(test)]
mod tests {
    use bluejay_parser::ast::Parse as _;

    use super::*;

    fn excess_of(text: &str) -> Option<String> {
        let document = ExecutableDocument::parse(text).result.expect("parses");
        match check_expansion(text, &document) {
            Ok(_) => None,
            Err(DocumentError::TooComplex(message)) => Some(message),
            Err(other) => panic!("{other:?}"),
        }
    }

    /// Fragments that each spread the next one, `nested` selections deeper.
    fn chain(fragments: usize, nested: usize, root: &str) -> String {
        let links = (0..fragments).map(|n| {
            let (open, close) = ("{ a ".repeat(nested), "}".repeat(nested));
            format!("fragment F{n} on Query {open} {{ ...F{} }} {close} ", n + 1)
        });
        let links: String = links.collect();
        format!("{root} {links} fragment F{fragments} on Query {{ a }}")
    }

    #[test]
    fn long_chain_of_fragments_is_refused() {
        assert_eq!(excess_of(&chain(20, 0, "{ ...F0 }")), None);
        assert!(excess_of(&chain(100, 0, "{ ...F0 }")).is_some());
        assert!(excess_of(&chain(400, 50, "{ ...F0 }")).is_some());
        for root in ["{ ...F0 }", "{ a }"] {
            assert!(excess_of(&chain(25_000, 0, root)).is_some());
        }
    }

    #[test]
    fn small_document_expanding_to_a_large_one_is_refused() {
        let bomb = |levels: usize| {
            let mut text = String::from("{ ...F0 }");
            for level in 0..levels {
                let next = level + 1;
                text += &format!(" fragment F{level} on Query {{ ...F{next} ...F{next} }}");
            }
            text + &format!(" fragment F{levels} on Query {{ accounts {{ id }} }}")
        };
        assert_eq!(excess_of(&bomb(6)), None);
        assert!(excess_of(&bomb(12)).is_some());
        assert!(excess_of(&bomb(26)).is_some());
        let aliases: String = (0..10_000)
            .map(|n| format!("a{n}: accounts {{ id }} "))
            .collect();
        assert!(excess_of(&format!("{{ {aliases} }}")).is_some());
    }

    #[test]
    fn fragments_without_fields_are_counted() {
        let doubled = |levels: usize| {
            let spreads = (0..levels).map(|level| {
                let next = level + 1;
                format!(" fragment F{level} on Query {{ ...F{next} ...F{next} }}")
            });
            let spreads: String = spreads.collect();
            format!("{{ ...F0 a }} {spreads}")
        };
        // The last fragment does not exist.
        assert_eq!(excess_of(&doubled(6)), None);
        assert!(excess_of(&doubled(25)).is_some());
    }

    #[test]
    fn many_operations_share_what_they_expand() {
        let fields: String = (0..100).map(|n| format!("a{n}: a ")).collect();
        let operations = |count: usize| {
            let spreads: String = (0..count)
                .map(|n| format!("query Q{n} {{ ...F }} "))
                .collect();
            format!("{spreads} fragment F on Query {{ {fields} }}")
        };
        assert_eq!(excess_of(&operations(100)), None);
        assert!(excess_of(&operations(1_000)).is_some());
    }

    #[test]
    fn fragments_that_cannot_be_expanded_are_invalid() {
        for (text, expected) in [
            (
                "{ ...F } fragment F on Query { ...F }",
                "\"F\" spreads itself",
            ),
            (
                "{ a } fragment F on Query { a ...G } fragment G on Query { b { ...F } }",
                "\"F\" spreads itself",
            ),
            (
                "{ ...F } fragment F on Q { a } fragment F on Q { a }",
                "only one fragment",
            ),
        ] {
            let document = ExecutableDocument::parse(text).result.expect("parses");
            let refused = check_expansion(text, &document);
            let Err(DocumentError::Invalid(errors)) = refused else {
                panic!("{text}: {refused:?}");
            };
            assert!(errors[0].message.contains(expected), "{errors:?}");
            assert_eq!(errors[0].locations.len(), 1);
        }
    }
}
