//! What the rules read from the tokens of a Rust file: literals, doc comments, identifiers,
//! functions.
//!
//! Tokens are used where the syntax tree stops: inside macros, which contain tests and SQL too.

use proc_macro2::{Delimiter, Group, Ident, Literal, TokenStream, TokenTree};

/// A token of interest. Punctuation is left out.
pub(crate) enum Token<'a> {
    Ident(&'a Ident),
    Literal(&'a Literal),
    /// One line of a doc comment, or the text of a `#[doc = "…"]`.
    Doc {
        line: usize,
        text: String,
    },
}

/// A function of a file, also inside another one or a macro.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) line: usize,
    /// Whether it has an attribute such as `#[test]` or `#[tokio::test(start_paused = true)]`.
    pub(crate) is_test: bool,
}

/// Calls `on` for every token, also inside of groups and macros, in order.
pub(crate) fn each(tokens: &TokenStream, on: &mut dyn FnMut(Token<'_>)) {
    for tree in tokens.clone() {
        match &tree {
            TokenTree::Group(group) => match doc_comment(group) {
                Some((line, text)) => on(Token::Doc { line, text }),
                None => each(&group.stream(), on),
            },
            TokenTree::Ident(ident) => on(Token::Ident(ident)),
            TokenTree::Literal(literal) => on(Token::Literal(literal)),
            TokenTree::Punct(_) => {}
        }
    }
}

/// Every function the file defines, inside of macros too.
pub(crate) fn functions(tokens: &TokenStream) -> Vec<Function> {
    let mut functions = Vec::new();
    collect_functions(tokens, &mut functions);
    functions
}

fn collect_functions(tokens: &TokenStream, functions: &mut Vec<Function>) {
    let (mut after_hash, mut after_fn, mut is_test) = (false, false, false);
    for tree in tokens.clone() {
        match &tree {
            TokenTree::Group(group) if after_hash && group.delimiter() == Delimiter::Bracket => {
                is_test |= is_test_attribute(group);
            }
            TokenTree::Group(group) => collect_functions(&group.stream(), functions),
            TokenTree::Ident(name) if after_fn => {
                functions.push(Function {
                    name: name.to_string(),
                    line: name.span().start().line,
                    is_test,
                });
                is_test = false;
            }
            _ => {}
        }
        after_hash = matches!(&tree, TokenTree::Punct(punct) if punct.as_char() == '#');
        after_fn = matches!(&tree, TokenTree::Ident(ident) if ident == "fn");
    }
}

/// `[test]`, `[tokio::test]` and `[tokio::test(…)]`, but not `[cfg(test)]`.
fn is_test_attribute(group: &Group) -> bool {
    let path = group
        .stream()
        .into_iter()
        .take_while(|tree| !matches!(tree, TokenTree::Group(_)));
    let last = path
        .filter(|tree| matches!(tree, TokenTree::Ident(_)))
        .last();
    last.is_some_and(|last| last.to_string() == "test")
}

/// What proc-macro2 makes of `/// text`: a group with `doc = "text"`.
fn doc_comment(group: &Group) -> Option<(usize, String)> {
    let mut trees = group.stream().into_iter();
    let is_doc = matches!(trees.next(), Some(TokenTree::Ident(ident)) if ident == "doc");
    let is_set = matches!(trees.next(), Some(TokenTree::Punct(punct)) if punct.as_char() == '=');
    match trees.next() {
        Some(TokenTree::Literal(text)) if is_doc && is_set => {
            let line = text.span().start().line;
            match syn::Lit::new(text) {
                syn::Lit::Str(text) => Some((line, text.value())),
                _ => None,
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_told_from_other_functions_also_in_macros() {
        let text = "fn plain() {}\n#[tokio::test(start_paused = true)]\nasync fn paused() { fn inner() {} }\n\
                    #[cfg(test)]\nfn only_compiled_for_tests() {}\n\
                    proptest! {\n#[test]\n#[ignore]\npub(crate) fn generated(a in 0..3) {}\n}\n";
        let found = functions(&text.parse().unwrap());
        let found: Vec<_> = found
            .iter()
            .map(|function| (function.name.as_str(), function.line, function.is_test))
            .collect();
        assert_eq!(
            found,
            [
                ("plain", 1, false),
                ("paused", 3, true),
                ("inner", 3, false),
                ("only_compiled_for_tests", 5, false),
                ("generated", 9, true),
            ]
        );
    }

    #[test]
    fn doc_comments_are_told_from_literals() {
        let text = "//! one\n/// two \"2\"\nconst A: &str = \"three\"; // four\n";
        let (mut docs, mut literals) = (Vec::new(), Vec::new());
        each(&text.parse().unwrap(), &mut |token| match token {
            Token::Doc { line, text } => docs.push((line, text)),
            Token::Literal(literal) => literals.push(literal.to_string()),
            Token::Ident(_) => {}
        });
        assert_eq!(docs, [(1, " one".to_owned()), (2, " two \"2\"".to_owned())]);
        assert_eq!(literals, ["\"three\""]);
    }
}
