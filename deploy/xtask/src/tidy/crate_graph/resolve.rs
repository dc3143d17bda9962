//! From a path in a module to the modules that define what it names.

use std::collections::{BTreeMap, BTreeSet};

use syn::{ImplItem, Item};

use super::module_tree::{ModuleId, ModuleTree};
use super::references::self_type;

/// What a path can lead to, within its crate.
enum Place<'p> {
    Module(ModuleId),
    /// An item of the module, and the segment after it: a member.
    Item {
        module: ModuleId,
        name: &'p str,
        member: Option<&'p str>,
    },
}

/// Looks names up in a module tree.
pub(super) struct Resolver<'t, 'a> {
    tree: &'t ModuleTree<'a>,
    /// Where inherent functions are, by the module and name of their type, and by their own name.
    members: BTreeMap<(ModuleId, String, String), ModuleId>,
}

/// Lookups that have begun, so that imports that lead to each other end.
type Begun = BTreeSet<(ModuleId, String, bool)>;

impl<'t, 'a> Resolver<'t, 'a> {
    pub(super) fn new(tree: &'t ModuleTree<'a>) -> Self {
        let mut resolver = Self {
            tree,
            members: BTreeMap::new(),
        };
        for (id, module) in tree.modules.iter().enumerate() {
            for item in &module.code {
                let Item::Impl(item) = item else { continue };
                let Some(path) = self_type(item).filter(|_| item.trait_.is_none()) else {
                    continue;
                };
                let Some(Place::Item {
                    module: of, name, ..
                }) = resolver.resolve(id, &path)
                else {
                    continue;
                };
                for function in &item.items {
                    if let ImplItem::Fn(function) = function {
                        let member = function.sig.ident.to_string();
                        let key = (of, name.to_owned(), member);
                        resolver.members.insert(key, id);
                    }
                }
            }
        }
        resolver
    }

    /// The modules that a path leads to, each with the name that it defines: that of the item, and
    /// that of its inherent function. None for items of other crates.
    pub(super) fn modules_of(&self, from: ModuleId, path: &[String]) -> Vec<(ModuleId, String)> {
        let Some(Place::Item {
            module,
            name,
            member,
        }) = self.resolve(from, path)
        else {
            return Vec::new();
        };
        let module_of_member = member.and_then(|member| {
            let key = (module, name.to_owned(), member.to_owned());
            let module = self.members.get(&key)?;
            Some((*module, format!("{name}::{member}")))
        });
        let item = (module, name.to_owned());
        std::iter::once(item).chain(module_of_member).collect()
    }

    fn resolve<'p>(&self, from: ModuleId, path: &'p [String]) -> Option<Place<'p>>
    where
        't: 'p,
    {
        self.resolve_once(from, path, &mut Begun::new())
    }

    fn resolve_once<'p>(
        &self,
        from: ModuleId,
        path: &'p [String],
        begun: &mut Begun,
    ) -> Option<Place<'p>>
    where
        't: 'p,
    {
        let (first, rest) = path.split_first()?;
        let mut place = match first.as_str() {
            "crate" => Place::Module(0),
            "self" => Place::Module(from),
            "super" => Place::Module(self.tree.modules[from].parent?),
            name => self.look_up(from, name, !rest.is_empty(), begun)?,
        };
        for (index, segment) in rest.iter().enumerate() {
            let has_more = index + 1 < rest.len();
            place = match place {
                Place::Module(module) if segment == "super" => {
                    Place::Module(self.tree.modules[module].parent?)
                }
                Place::Module(module) => self.look_up(module, segment, has_more, begun)?,
                Place::Item { module, name, .. } => {
                    return Some(Place::Item {
                        module,
                        name,
                        member: Some(segment),
                    });
                }
            };
        }
        Some(place)
    }

    /// What a name means in a module. Before `::` it is a module rather than a function of the same
    /// name.
    fn look_up<'p>(
        &self,
        id: ModuleId,
        name: &'p str,
        has_more: bool,
        begun: &mut Begun,
    ) -> Option<Place<'p>>
    where
        't: 'p,
    {
        if !begun.insert((id, name.to_owned(), has_more)) {
            return None;
        }
        let module = &self.tree.modules[id];
        let child = module.children.get(name).copied().map(Place::Module);
        let item = || Place::Item {
            module: id,
            name,
            member: None,
        };
        if has_more && child.is_some() {
            return child;
        }
        if module.items.contains(name) {
            return Some(item());
        }
        let mut named = module.imports.iter();
        let imported = named
            .by_ref()
            .filter(|import| import.name.as_deref() == Some(name))
            .find_map(|import| self.resolve_once(id, &import.path, begun));
        if imported.is_some() || child.is_some() {
            return imported.or(child);
        }
        let globs = module.imports.iter().filter(|import| import.name.is_none());
        let through_globs = globs.filter_map(|import| self.resolve_once(id, &import.path, begun));
        let places: Vec<Place<'_>> = through_globs.collect();
        let in_globs = places.into_iter().find_map(|place| match place {
            Place::Module(module) => self.look_up(module, name, has_more, begun),
            Place::Item { .. } => None,
        });
        in_globs.or_else(|| module.items_of_macros.contains(name).then(item))
    }
}
