//! Limits on a document, checked before anything recursive or multiplying looks at it: a small text can
//! be nested deeper than the parser's stack, or stand for millions of fields through its fragments.

use std::collections::HashMap;

use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};

/// Brackets within brackets. The deepest documents people write (introspection) have some 15.
const NESTING_MAX: usize = 64;
/// Fields of an operation with its fragments put in. Introspection as tools send it has some 500.
const FIELDS_MAX: u64 = 4_000;
/// Fields at the root: each may be a whole list.
const ROOT_FIELDS_MAX: u64 = 200;
/// Fragments of a document, spread or not: whoever follows them from one to the next needs stack for each.
/// The largest pages people write have some hundred.
const FRAGMENTS_MAX: usize = 500;

/// Whether the brackets of a document are nested no deeper than [`NESTING_MAX`]. Those in strings and comments are text:
/// counted, an opening one would make a description too deep, and a closing one would hide real depth.
pub(super) fn is_flat(document: &str) -> bool {
    let mut depth = 0_usize;
    let mut rest = document.as_bytes();
    while let [first, behind @ ..] = rest {
        rest = match first {
            b'#' => after_comment(behind),
            b'"' if behind.starts_with(b"\"\"") => match after_block_string(&behind[2..]) {
                Some(behind) => behind,
                // The parser takes it for two strings of the short kind, and goes on: so every bracket may count.
                None => return depth + openings(behind) <= NESTING_MAX,
            },
            b'"' => after_string(behind),
            _ => behind,
        };
        match first {
            b'[' | b'{' | b'(' => {
                depth += 1;
                if depth > NESTING_MAX {
                    return false;
                }
            }
            b']' | b'}' | b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    true
}

/// Behind the string or comment that a document, which parses, has here; `None` where it has neither.
pub(super) fn behind_text(document: &[u8]) -> Option<&[u8]> {
    match document {
        [b'#', behind @ ..] => Some(after_comment(behind)),
        [b'"', b'"', b'"', behind @ ..] => Some(after_block_string(behind).unwrap_or(&[])),
        [b'"', behind @ ..] => Some(after_string(behind)),
        _ => None,
    }
}

fn after_comment(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
    &text[end.unwrap_or(text.len())..]
}

/// Behind a string in quotes, which ends with its line at the latest.
fn after_string(text: &[u8]) -> &[u8] {
    let mut escaped = false;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'\n' | b'\r' => return &text[at..],
            b'"' if !escaped => return &text[at + 1..],
            _ => escaped = *byte == b'\\' && !escaped,
        }
    }
    &[]
}

/// Behind a string in triple quotes, where only triple quotes can be escaped. `None` when it does not end.
fn after_block_string(text: &[u8]) -> Option<&[u8]> {
    let mut rest = text;
    loop {
        rest = if rest.starts_with(b"\\\"\"\"") {
            &rest[4..]
        } else if rest.starts_with(b"\"\"\"") {
            return Some(&rest[3..]);
        } else {
            rest.get(1..)?
        };
    }
}

fn openings(text: &[u8]) -> usize {
    let opens = |byte: &&u8| matches!(byte, b'[' | b'{' | b'(');
    text.iter().filter(opens).count()
}

/// What a document asks for that is too much.
pub(super) fn excess(document: &ExecutableDocument) -> Option<String> {
    if document.fragments.len() > FRAGMENTS_MAX {
        return Some(format!(
            "a document has more than {FRAGMENTS_MAX} fragments"
        ));
    }
    let mut counter = Counter {
        document,
        fragments: HashMap::new(),
        depth: 0,
        too_deep: false,
    };
    for (_, operation) in document.operations.iter() {
        let set = &operation.node.selection_set.node;
        let (at_root, in_all) = (counter.fields(set, false), counter.fields(set, true));
        if counter.too_deep {
            return Some(format!(
                "an operation is nested deeper than {NESTING_MAX}, fragments put in"
            ));
        }
        if at_root > ROOT_FIELDS_MAX {
            return Some(format!(
                "an operation has more than {ROOT_FIELDS_MAX} fields at its root"
            ));
        }
        if in_all > FIELDS_MAX {
            return Some(format!(
                "an operation has more than {FIELDS_MAX} fields, fragments put in"
            ));
        }
    }
    None
}

/// Counts each fragment once, however often it is spread.
struct Counter<'d> {
    document: &'d ExecutableDocument,
    /// By name and whether fields inside fields count; `None` while being counted: a cycle, which
    /// validation refuses.
    fragments: HashMap<(&'d str, bool), Option<u64>>,
    /// Selections around the one being counted, and whether there were too many to look into it.
    depth: usize,
    too_deep: bool,
}

impl<'d> Counter<'d> {
    fn fields(&mut self, set: &'d SelectionSet, inner: bool) -> u64 {
        if self.depth > NESTING_MAX {
            self.too_deep = true;
            return 0;
        }
        self.depth += 1;
        let fields = set.items.iter().fold(0, |sum: u64, item| {
            sum.saturating_add(match &item.node {
                Selection::Field(field) if inner => self
                    .fields(&field.node.selection_set.node, true)
                    .saturating_add(1),
                Selection::Field(_) => 1,
                Selection::InlineFragment(fragment) => {
                    self.fields(&fragment.node.selection_set.node, inner)
                }
                Selection::FragmentSpread(spread) => {
                    self.fragment(spread.node.fragment_name.node.as_str(), inner)
                }
            })
        });
        self.depth -= 1;
        fields
    }

    fn fragment(&mut self, name: &'d str, inner: bool) -> u64 {
        if let Some(known) = self.fragments.get(&(name, inner)) {
            return known.unwrap_or(0);
        }
        let Some(fragment) = self.document.fragments.get(name) else {
            return 0;
        };
        self.fragments.insert((name, inner), None);
        let fields = self.fields(&fragment.node.selection_set.node, inner);
        self.fragments.insert((name, inner), Some(fields));
        fields
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    fn excess_of(text: &str) -> Option<String> {
        excess(&parse_query(text).expect("parses"))
    }

    #[test]
    fn nesting_is_bounded_before_the_parser_sees_it() {
        assert!(is_flat("{ accounts { orders { products { name } } } }"));
        for depth in [65, 2_000, 100_000] {
            let text = format!(
                "{{accounts(id:{}{}){{id}}}}",
                "[".repeat(depth),
                "]".repeat(depth)
            );
            assert!(!is_flat(&text), "{depth}");
        }
    }

    #[test]
    fn brackets_in_strings_and_comments_are_text() {
        for hidden in [
            "[#]\n",
            "[\"]\" ",
            "[\"\\\"]\" ",
            "[\"\"\"]\"\"\" ",
            "[\"\"\"\\\"\"\"]\"\"\" ",
            "[\"\" ",
            "[#\"\n",
            "[#]\r",
        ] {
            let text = format!(
                "{{accounts(id:{}{}){{id}}}}",
                hidden.repeat(2_000),
                "]".repeat(2_000)
            );
            assert!(!is_flat(&text), "{hidden:?}");
        }
        let after_half_a_block = format!("{{a(b:[\"\"\"x\" {}", "[".repeat(2_000));
        assert!(!is_flat(&after_half_a_block));
        assert!(
            is_flat("{ a(b: \"\"\"x) { c } }"),
            "the parser says it better"
        );
        for text in [":( ".repeat(500), "[{(".repeat(500)] {
            for (open, close) in [
                ("\"", "\""),
                ("\"\"\"", "\"\"\""),
                ("\"\\\"", "\""),
                ("#", "\n1"),
            ] {
                let text = format!("{{ a(b: {open}{text}{close}) {{ c }} }}");
                assert!(is_flat(&text), "{open}");
                assert!(parse_query(&text).is_ok(), "{open}");
            }
        }
    }

    /// Fragments that each spread the next, `nested` selections further in.
    fn chain(fragments: usize, nested: usize, root: &str) -> String {
        let links = (0..fragments).map(|n| {
            let (open, close) = ("{ a ".repeat(nested), "}".repeat(nested));
            format!("fragment F{n} on Query {open} {{ ...F{} }} {close} ", n + 1)
        });
        let links: String = links.collect();
        format!("{root} {links} fragment F{fragments} on Query {{ a }}")
    }

    #[test]
    fn a_chain_of_fragments_needs_no_stack() {
        assert_eq!(excess_of(&chain(20, 0, "{ ...F0 }")), None);
        assert!(excess_of(&chain(100, 0, "{ ...F0 }")).is_some());
        assert!(excess_of(&chain(400, 50, "{ ...F0 }")).is_some());
        for root in ["{ ...F0 }", "{ a }"] {
            assert!(excess_of(&chain(25_000, 0, root)).is_some());
        }
    }

    #[test]
    fn a_small_document_cannot_stand_for_a_large_one() {
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
        assert_eq!(
            excess_of("{ ...F } fragment F on Query { ...F }"),
            None,
            "left to validation"
        );
    }
}
