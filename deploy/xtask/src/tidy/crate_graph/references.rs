//! The paths that the code of a module mentions: in its syntax, in macros and in attributes.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Expr, ExprMethodCall, ImplItem, Item, ItemImpl, ItemMod, ItemUse};
use syn::{Macro, Meta, Path, Type, VisRestricted};

use super::module_tree::{Module, imports};
use crate::tidy::syntax::{attributes, is_for_tests};

/// A path in the code. `Self::x` and `self.x()` are written with the name of the type.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) path: Vec<String>,
    pub(super) line: usize,
}

/// Every path in the code of the module, and what it imports by name. A re-export is no reference:
/// it only passes a name on.
pub(super) fn references_in(module: &Module<'_>) -> Vec<Reference> {
    let mut collector = Collector::default();
    for item in &module.code {
        collector.visit_item(item);
    }
    let imported = module.imports.iter().filter(|import| !import.is_public);
    collector.references.extend(
        imported
            .filter(|import| import.name.is_some())
            .map(|import| Reference {
                path: import.path.clone(),
                line: import.line,
            }),
    );
    collector.references
}

/// The path of the type that an `impl` is for, if it has one.
pub(super) fn self_type(item: &ItemImpl) -> Option<Vec<String>> {
    match &*item.self_ty {
        Type::Path(path) if path.qself.is_none() => Some(segments(&path.path)),
        _ => None,
    }
}

#[derive(Default)]
struct Collector {
    references: Vec<Reference>,
    self_type: Option<Vec<String>>,
}

impl Collector {
    fn add(&mut self, path: Vec<String>, line: usize) {
        let path = match (path.first().map(String::as_str), &self.self_type) {
            (Some("Self"), Some(own)) => [own, &path[1..]].concat(),
            _ => path,
        };
        self.references.push(Reference { path, line });
    }

    fn add_member_of_self(&mut self, name: String, line: usize) {
        self.add(vec!["Self".to_owned(), name], line);
    }

    /// Paths among the tokens of a macro. A lone name in lower case counts only if it is called:
    /// others are variables.
    fn scan(&mut self, tokens: &TokenStream) {
        let trees: Vec<TokenTree> = tokens.clone().into_iter().collect();
        let mut at = 0;
        while at < trees.len() {
            match &trees[at] {
                TokenTree::Group(group) => self.scan(&group.stream()),
                TokenTree::Ident(first) => {
                    let (path, after) = path_at(&trees, at);
                    let line = first.span().start().line;
                    let is_call = trees.get(after).is_some_and(is_arguments);
                    let is_member = at > 0 && is_punct(&trees[at - 1], '.');
                    let of_self = is_member && at > 1 && is_ident(&trees[at - 2], "self");
                    let is_capital = path[0].starts_with(char::is_uppercase);
                    if of_self && is_call {
                        self.add_member_of_self(path[0].clone(), line);
                    } else if !is_member && (path.len() > 1 || is_capital || is_call) {
                        self.add(path, line);
                    }
                    at = after;
                    continue;
                }
                _ => {}
            }
            at += 1;
        }
    }
}

impl<'ast> Visit<'ast> for Collector {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_for_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        let is_test = matches!(item, ImplItem::Fn(function) if is_for_tests(&function.attrs));
        if !is_test {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        let outer = std::mem::replace(&mut self.self_type, self_type(item));
        visit::visit_item_impl(self, item);
        self.self_type = outer;
    }

    /// A `use` inside of a function.
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        for import in imports(item) {
            self.add(import.path, import.line);
        }
    }

    fn visit_item_mod(&mut self, _: &'ast ItemMod) {}

    fn visit_vis_restricted(&mut self, _: &'ast VisRestricted) {}

    fn visit_path(&mut self, path: &'ast Path) {
        if let Some(first) = path.segments.first() {
            self.add(segments(path), first.ident.span().start().line);
        }
        visit::visit_path(self, path);
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        if matches!(&*call.receiver, Expr::Path(receiver) if receiver.path.is_ident("self")) {
            let line = call.method.span().start().line;
            self.add_member_of_self(call.method.to_string(), line);
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_macro(&mut self, called: &'ast Macro) {
        visit::visit_macro(self, called);
        self.scan(&called.tokens);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let Meta::List(list) = &attribute.meta {
            self.scan(&list.tokens);
        }
    }
}

fn segments(path: &Path) -> Vec<String> {
    path.segments
        .iter()
        .map(|segment| segment.ident.to_string())
        .collect()
}

/// The path that begins with the identifier at this place, and where the tokens after it begin.
fn path_at(trees: &[TokenTree], at: usize) -> (Vec<String>, usize) {
    let mut path = vec![trees[at].to_string()];
    let mut after = at + 1;
    while let [first, second, TokenTree::Ident(next), ..] = &trees[after..] {
        if !is_punct(first, ':') || !is_punct(second, ':') {
            break;
        }
        path.push(next.to_string());
        after += 3;
    }
    (path, after)
}

fn is_punct(tree: &TokenTree, character: char) -> bool {
    matches!(tree, TokenTree::Punct(punct) if punct.as_char() == character)
}

fn is_ident(tree: &TokenTree, name: &str) -> bool {
    matches!(tree, TokenTree::Ident(ident) if ident == name)
}

/// `(…)` of a call, or the `!` of a macro.
fn is_arguments(tree: &TokenTree) -> bool {
    match tree {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Parenthesis,
        other => is_punct(other, '!'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let file: syn::File = syn::parse_str(text).unwrap();
        let mut collector = Collector::default();
        for item in &file.items {
            collector.visit_item(item);
        }
        collector
            .references
            .iter()
            .map(|reference| reference.path.join("::"))
            .collect()
    }

    #[test]
    fn paths_are_found_in_types_calls_macros_and_attributes() {
        let text = "#[arg(value_parser = super::limits::nodes)]\nstruct A { b: B<c::C> }\n\
                    fn f() { use d::e; g::h(); println!(\"{}\", i::j(variable, K, l())); }\n\
                    #[cfg(test)]\nfn t() { u::v() }\n";
        let found = found(text);
        for expected in ["super::limits::nodes", "B", "c::C", "d::e", "g::h"] {
            assert!(
                found.contains(&expected.to_owned()),
                "{expected}: {found:?}"
            );
        }
        for expected in ["i::j", "K", "l"] {
            assert!(
                found.contains(&expected.to_owned()),
                "{expected}: {found:?}"
            );
        }
        for absent in ["variable", "u::v"] {
            assert!(!found.contains(&absent.to_owned()), "{absent}: {found:?}");
        }
    }

    #[test]
    fn members_of_self_have_the_name_of_its_type() {
        let text = "impl a::A { fn f(&self) { self.g(); Self::h(); join!(self.i()); other.j() } }";
        let found = found(text);
        for expected in ["a::A::g", "a::A::h", "a::A::i"] {
            assert!(
                found.contains(&expected.to_owned()),
                "{expected}: {found:?}"
            );
        }
        assert!(!found.iter().any(|path| path.ends_with('j')), "{found:?}");
    }
}
