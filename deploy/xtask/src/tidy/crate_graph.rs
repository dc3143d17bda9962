//! Which file of a crate uses which, by the paths in its code.
//!
//! A name counts for the file that defines it, however many re-exports lead there: a `lib.rs` that
//! only re-exports uses nothing. A module may use its submodules without a trace here: they are its
//! parts. Code for tests does not count. Methods are followed on `self` only, because other
//! receivers need types.

mod components;
mod module_tree;
mod references;
mod resolve;

use std::collections::{BTreeMap, BTreeSet};

use super::repository::Repository;
use module_tree::{ModuleId, ModuleTree};
use references::{Reference, references_in};
use resolve::Resolver;

/// Files, and what each uses of which others. The root file of the crate is the start of the module
/// tree.
pub(crate) struct CrateGraph<'a> {
    uses: BTreeMap<&'a str, BTreeMap<&'a str, Uses>>,
}

/// What one file uses of another one.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Uses {
    pub(crate) names: BTreeSet<String>,
    /// The first line that uses one of them.
    pub(crate) line: usize,
}

impl<'a> CrateGraph<'a> {
    /// The graph of the crate with this root file, such as `search/src/lib.rs`; `None` without such
    /// a file.
    pub(crate) fn of(repository: &'a Repository, root: &str) -> Option<Self> {
        let tree = ModuleTree::read(repository, root)?;
        let references: Vec<(ModuleId, Reference)> = (0..tree.modules.len())
            .flat_map(|id| {
                let found = references_in(&tree.modules[id]).into_iter();
                found.map(move |reference| (id, reference))
            })
            .collect();
        let resolver = Resolver::new(&tree);
        let mut uses: BTreeMap<&str, BTreeMap<&str, Uses>> = BTreeMap::new();
        for (id, reference) in &references {
            let from = tree.modules[*id].file;
            for (module, name) in resolver.modules_of(*id, &reference.path) {
                let to = tree.modules[module].file;
                if !tree.is_within(module, from) {
                    let found = uses.entry(from).or_default().entry(to).or_default();
                    found.names.insert(name);
                    if found.line == 0 || reference.line < found.line {
                        found.line = reference.line;
                    }
                }
            }
        }
        Some(Self { uses })
    }

    /// What the first file uses of the second, if it does.
    pub(crate) fn uses(&self, from: &str, to: &str) -> Option<&Uses> {
        self.uses.get(from)?.get(to)
    }

    /// Sets of files in which each file uses every other one, directly or through others.
    pub(crate) fn circles(&self) -> Vec<Vec<&'a str>> {
        components::circles(&self.uses)
    }
}
