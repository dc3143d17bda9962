//! A type's private state is touched in one file: there its rules can be read, and there they can
//! be broken. What needs more than one file is more than one type.
//!
//! Followed are the fields of `self`, because other receivers need types. A constructor may be in
//! another file: it makes the state and does not change it.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{ExprField, Fields, Item, ItemImpl, ItemStruct, Macro, Member, Type, Visibility};

use crate::tidy::repository::{Repository, SourceFile, Violation};
use crate::tidy::syntax::{attributes, is_for_tests};

pub(super) fn check(repository: &Repository) -> Vec<Violation> {
    let mut violations = Vec::new();
    for package in &repository.packages {
        let manifest = package.manifest_path.to_string_lossy().into_owned();
        let sources = format!("{}src/", manifest.trim_end_matches("Cargo.toml"));
        let files = repository.rust_files();
        let files: Vec<&SourceFile> = files
            .filter(|file| file.path.starts_with(&sources))
            .collect();
        let types = private_fields(&files);
        for file in files {
            let mut finder = Finder {
                file: &file.path,
                types: &types,
                current: None,
                found: BTreeMap::new(),
            };
            if let Some(syntax) = file.syntax() {
                finder.visit_file(syntax);
            }
            violations.extend(finder.found.into_iter().map(|((name, home), (line, fields))| {
                let fields: Vec<String> = fields.into_iter().collect();
                let message = format!(
                    "touches {} of {name}, whose private state belongs to {home}: call a function of it, or \
                     make a second type",
                    fields.join(", ")
                );
                Violation::new(&file.path, line, message)
            }));
        }
    }
    violations
}

/// A type, and which of its fields are private or for its crate only.
struct PrivateFields<'a> {
    file: &'a str,
    names: BTreeSet<String>,
}

/// The structs of a crate by name. Names that two files use are left out: a path does not tell them
/// apart.
fn private_fields<'a>(files: &[&'a SourceFile]) -> BTreeMap<String, PrivateFields<'a>> {
    let mut definitions = Definitions::default();
    for file in files {
        if let Some(syntax) = file.syntax() {
            definitions.file = &file.path;
            definitions.visit_file(syntax);
        }
    }
    let unique = definitions.found.into_iter();
    unique
        .filter_map(|(name, mut found)| (found.len() == 1).then(|| (name, found.remove(0))))
        .collect()
}

#[derive(Default)]
struct Definitions<'a> {
    file: &'a str,
    found: BTreeMap<String, Vec<PrivateFields<'a>>>,
}

impl<'ast> Visit<'ast> for Definitions<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_for_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_struct(&mut self, item: &'ast ItemStruct) {
        let is_private = |visibility: &Visibility| !matches!(visibility, Visibility::Public(_));
        let names = match &item.fields {
            Fields::Named(fields) => fields.named.iter().enumerate(),
            Fields::Unnamed(fields) => fields.unnamed.iter().enumerate(),
            Fields::Unit => return,
        };
        let names = names.filter(|(_, field)| is_private(&field.vis));
        let names = names.map(|(at, field)| match &field.ident {
            Some(name) => name.to_string(),
            None => at.to_string(),
        });
        let fields = PrivateFields {
            file: self.file,
            names: names.collect(),
        };
        let found = self.found.entry(item.ident.to_string());
        found.or_default().push(fields);
    }
}

/// Finds private fields of `self` in the `impl` blocks of types that another file defines.
struct Finder<'a> {
    file: &'a str,
    types: &'a BTreeMap<String, PrivateFields<'a>>,
    /// The type of the `impl` block, if another file defines it.
    current: Option<(String, &'a PrivateFields<'a>)>,
    /// By type and its file: the first line, and the fields.
    found: BTreeMap<(String, String), (usize, BTreeSet<String>)>,
}

impl Finder<'_> {
    fn add(&mut self, field: String, line: usize) {
        let Some((name, fields)) = &self.current else {
            return;
        };
        if !fields.names.contains(&field) {
            return;
        }
        let key = (name.clone(), fields.file.to_owned());
        let (_, fields) = self.found.entry(key).or_insert((line, BTreeSet::new()));
        fields.insert(field);
    }

    /// Fields in the arguments of a macro, which are tokens only: `self.field`, not a call.
    fn add_from_tokens(&mut self, tokens: TokenStream) {
        let trees: Vec<TokenTree> = tokens.into_iter().collect();
        for (at, tree) in trees.iter().enumerate() {
            match (tree, trees.get(at + 1), trees.get(at + 2)) {
                (TokenTree::Ident(own), Some(TokenTree::Punct(dot)), Some(field))
                    if own == "self" && dot.as_char() == '.' =>
                {
                    self.add(field.to_string(), own.span().start().line);
                }
                (TokenTree::Group(group), ..) => self.add_from_tokens(group.stream()),
                _ => {}
            }
        }
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_for_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        let name = match &*item.self_ty {
            Type::Path(path) => path.path.segments.last(),
            _ => None,
        };
        let name = name.map(|segment| segment.ident.to_string());
        let fields = name.as_ref().and_then(|name| self.types.get(name));
        let fields = fields.filter(|fields| fields.file != self.file);
        let outer = self.current.take();
        self.current = name.zip(fields);
        visit::visit_item_impl(self, item);
        self.current = outer;
    }

    fn visit_expr_field(&mut self, field: &'ast ExprField) {
        if let syn::Expr::Path(base) = &*field.base
            && base.path.is_ident("self")
        {
            let name = match &field.member {
                Member::Named(name) => name.to_string(),
                Member::Unnamed(at) => at.index.to_string(),
            };
            self.add(name, field.dot_token.span.start().line);
        }
        visit::visit_expr_field(self, field);
    }

    fn visit_macro(&mut self, called: &'ast Macro) {
        self.add_from_tokens(called.tokens.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFINITION: &str =
        "pub struct A { x: u8, pub(crate) y: u8, pub z: u8 }\nimpl A { fn f(&self) { self.x; } }\n";

    fn found(other: &str) -> Vec<String> {
        let files = [
            ("p/src/lib.rs", "mod a;\nmod b;\n"),
            ("p/src/a.rs", DEFINITION),
            ("p/src/b.rs", other),
        ];
        let repository = Repository::of(&files).with_crate("p", "p", &[]);
        check(&repository).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn private_state_in_a_second_file_is_reported() {
        let report = |fields: &str, line: u8| {
            format!(
                "p/src/b.rs:{line}: touches {fields} of A, whose private state belongs to p/src/a.rs: call a \
                 function of it, or make a second type"
            )
        };
        for (other, expected) in [
            (
                "use crate::a::A;\nimpl A { fn g(&self) { self.x; self.y } }\n",
                report("x, y", 2),
            ),
            (
                "impl Display for crate::a::A {\n fn fmt(&self) { write!(\"{}\", self.x) } }\n",
                report("x", 2),
            ),
        ] {
            assert_eq!(found(other), [expected]);
        }
    }

    #[test]
    fn public_state_and_functions_are_open_to_all_files() {
        for other in [
            "impl A { fn g(&self) { self.f(); self.z } }\n",
            "impl A { fn new() -> Self { Self { x: 1, y: 2, z: 3 } } }\n",
            "struct B { x: u8 }\nimpl B { fn g(&self) { self.x } }\n",
            "#[cfg(test)]\nmod tests { impl A { fn g(&self) { self.x } } }\n",
            "struct A { x: u8 }\nimpl A { fn g(&self) { self.x } }\n",
        ] {
            assert_eq!(found(other), [""; 0]);
        }
    }
}
