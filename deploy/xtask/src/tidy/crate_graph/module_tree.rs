//! The modules of a crate: in which file each is, what it defines, and what it imports.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::TokenStream;
use syn::{Item, ItemUse, UseTree, Visibility};

use crate::tidy::repository::Repository;
use crate::tidy::syntax::{attributes, is_for_tests};
use crate::tidy::tokens::{self, Token};

/// The place of a module in its tree.
pub(super) type ModuleId = usize;

/// A crate without its code for tests. The first module is its root.
pub(super) struct ModuleTree<'a> {
    pub(super) modules: Vec<Module<'a>>,
}

/// One module, in a file of its own or in that of its parent.
pub(super) struct Module<'a> {
    pub(super) file: &'a str,
    pub(super) parent: Option<ModuleId>,
    pub(super) children: BTreeMap<String, ModuleId>,
    /// Names of the items that it defines.
    pub(super) items: BTreeSet<String>,
    /// Names that its macros may define: all in their invocations.
    pub(super) items_of_macros: BTreeSet<String>,
    pub(super) imports: Vec<Import>,
    /// Its items, without modules and imports.
    pub(super) code: Vec<&'a Item>,
}

/// One leaf of a `use`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Import {
    pub(super) path: Vec<String>,
    /// The name it has here; `None` for all names of a module or an enum.
    pub(super) name: Option<String>,
    /// Whether it is a re-export.
    pub(super) is_public: bool,
    pub(super) line: usize,
}

impl<'a> ModuleTree<'a> {
    /// Reads the crate with this root file; `None` without such a file.
    pub(super) fn read(repository: &'a Repository, root: &str) -> Option<Self> {
        let folder = root.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut tree = Self {
            modules: Vec::new(),
        };
        tree.add_file(repository, root, folder, None)?;
        Some(tree)
    }

    /// Whether a module, or one that it is a part of, is in the file.
    pub(super) fn is_within(&self, id: ModuleId, file: &str) -> bool {
        let module = &self.modules[id];
        let parent = module.parent;
        module.file == file || parent.is_some_and(|parent| self.is_within(parent, file))
    }

    /// Adds the module of a file, whose children have their files in the folder.
    fn add_file(
        &mut self,
        repository: &'a Repository,
        path: &str,
        folder: &str,
        parent: Option<ModuleId>,
    ) -> Option<ModuleId> {
        let file = repository.file(path)?;
        let items = &file.syntax()?.items;
        let id = self.add_module(&file.path, parent);
        self.add_items(repository, id, items, folder);
        Some(id)
    }

    fn add_module(&mut self, file: &'a str, parent: Option<ModuleId>) -> ModuleId {
        self.modules.push(Module {
            file,
            parent,
            children: BTreeMap::new(),
            items: BTreeSet::new(),
            items_of_macros: BTreeSet::new(),
            imports: Vec::new(),
            code: Vec::new(),
        });
        self.modules.len() - 1
    }

    fn add_items(
        &mut self,
        repository: &'a Repository,
        id: ModuleId,
        items: &'a [Item],
        folder: &str,
    ) {
        for item in items.iter().filter(|item| !is_for_tests(attributes(item))) {
            match item {
                Item::Mod(child) => {
                    let name = child.ident.to_string();
                    let inner = format!("{folder}/{name}");
                    let added = match &child.content {
                        Some((_, items)) => {
                            let child = self.add_module(self.modules[id].file, Some(id));
                            self.add_items(repository, child, items, &inner);
                            Some(child)
                        }
                        None => [format!("{inner}.rs"), format!("{inner}/mod.rs")]
                            .iter()
                            .find_map(|file| self.add_file(repository, file, &inner, Some(id))),
                    };
                    if let Some(child) = added {
                        self.modules[id].children.insert(name, child);
                    }
                }
                Item::Use(import) => self.modules[id].imports.extend(imports(import)),
                item => self.modules[id].add_item(item),
            }
        }
    }
}

impl<'a> Module<'a> {
    fn add_item(&mut self, item: &'a Item) {
        self.code.push(item);
        self.items.extend(name(item));
        if let Item::Macro(called) = item {
            self.items_of_macros.extend(identifiers(&called.mac.tokens));
        }
    }
}

/// The leaves of a `use`, each with its whole path.
pub(super) fn imports(item: &ItemUse) -> Vec<Import> {
    let mut imports = Vec::new();
    write_out(&item.tree, &[], &mut |path, name| {
        imports.push(Import {
            path,
            name,
            is_public: !matches!(item.vis, Visibility::Inherited),
            line: item.use_token.span.start().line,
        });
    });
    imports
}

fn write_out(
    tree: &UseTree,
    prefix: &[String],
    on_leaf: &mut dyn FnMut(Vec<String>, Option<String>),
) {
    let with = |name: String| [prefix, &[name]].concat();
    // `use a::{self}` means `use a`.
    let leaf = |name: String| match name.as_str() {
        "self" if !prefix.is_empty() => prefix.to_vec(),
        _ => with(name),
    };
    match tree {
        UseTree::Path(path) => write_out(&path.tree, &with(path.ident.to_string()), on_leaf),
        UseTree::Group(group) => {
            for tree in &group.items {
                write_out(tree, prefix, on_leaf);
            }
        }
        UseTree::Glob(_) => on_leaf(prefix.to_vec(), None),
        UseTree::Name(name) => {
            let path = leaf(name.ident.to_string());
            let name = path.last().cloned();
            on_leaf(path, name);
        }
        UseTree::Rename(rename) => on_leaf(
            leaf(rename.ident.to_string()),
            Some(rename.rename.to_string()),
        ),
    }
}

fn identifiers(tokens: &TokenStream) -> Vec<String> {
    let mut names = Vec::new();
    tokens::each(tokens, &mut |token| {
        if let Token::Ident(ident) = token {
            names.push(ident.to_string());
        }
    });
    names
}

/// The name that an item defines.
fn name(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::TraitAlias(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        _ => return None,
    };
    Some(ident.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_imports_are_written_out() {
        let item: ItemUse =
            syn::parse_str("pub use a::{self, b::{C, D as E}, f::*, g::{self as h}};").unwrap();
        let leaves: Vec<String> = imports(&item)
            .iter()
            .map(|leaf| {
                let name = leaf.name.as_deref().unwrap_or("*");
                format!("{} {name} {}", leaf.path.join("::"), leaf.is_public)
            })
            .collect();
        let expected = [
            "a a true",
            "a::b::C C true",
            "a::b::D E true",
            "a::f * true",
            "a::g h true",
        ];
        assert_eq!(leaves, expected);
    }

    #[test]
    fn modules_are_found_in_every_place_they_can_be() {
        let repository = Repository::of(&[
            (
                "x/src/lib.rs",
                "mod a; mod b; mod c { mod d; } #[cfg(test)] mod tests;",
            ),
            ("x/src/a.rs", "mod e;"),
            ("x/src/a/e.rs", ""),
            ("x/src/b/mod.rs", "mod f;"),
            ("x/src/b/f.rs", ""),
            ("x/src/c/d.rs", ""),
            ("x/src/tests.rs", ""),
        ]);
        let tree = ModuleTree::read(&repository, "x/src/lib.rs").unwrap();
        let mut files: Vec<&str> = tree.modules.iter().map(|module| module.file).collect();
        files.sort_unstable();
        assert_eq!(
            files,
            [
                "x/src/a.rs",
                "x/src/a/e.rs",
                "x/src/b/f.rs",
                "x/src/b/mod.rs",
                "x/src/c/d.rs",
                "x/src/lib.rs",
                "x/src/lib.rs"
            ]
        );
    }
}
