//! Dependencies of a Cargo.toml with their lines, which Cargo's own metadata lacks.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A parsed manifest. Keys have positions in the text.
pub(crate) struct Manifest<'a> {
    text: &'a str,
    root: DeTable<'a>,
}

/// One dependency in one table of dependencies.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NamedDependency {
    pub(crate) line: usize,
    pub(crate) name: String,
    /// Whether the version comes from the root.
    pub(crate) is_inherited: bool,
}

/// The tables of a member that name dependencies, alone or under `[target.'cfg(…)']`.
const TABLES: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

impl<'a> Manifest<'a> {
    /// An empty manifest if the text is not TOML; Cargo reports that one itself.
    pub(crate) fn parse(text: &'a str) -> Self {
        let root = DeTable::parse(text).map(Spanned::into_inner);
        Self {
            text,
            root: root.unwrap_or_default(),
        }
    }

    /// The value at a path of keys, such as `["workspace", "package", "license"]`.
    pub(crate) fn get(&self, path: &[&str]) -> Option<&DeValue<'a>> {
        let (first, rest) = path.split_first()?;
        let mut value = self.root.get(*first)?.get_ref();
        for key in rest {
            value = value.as_table()?.get(*key)?.get_ref();
        }
        Some(value)
    }

    /// Every dependency of a member, once for each table that names it, in the order of lines.
    pub(crate) fn dependencies(&self) -> Vec<NamedDependency> {
        let for_targets = self
            .root
            .get("target")
            .and_then(|it| it.get_ref().as_table());
        let targets = for_targets
            .into_iter()
            .flat_map(|targets| targets.iter())
            .filter_map(|(_, target)| target.get_ref().as_table());
        let mut dependencies: Vec<NamedDependency> = std::iter::once(&self.root)
            .chain(targets)
            .flat_map(|parent| TABLES.iter().filter_map(|name| parent.get(*name)))
            .filter_map(|table| table.get_ref().as_table())
            .flat_map(|table| table.iter())
            .map(|(name, value)| NamedDependency {
                line: 1 + self.text[..name.span().start].matches('\n').count(),
                name: name.get_ref().to_string(),
                is_inherited: is_true(value.get_ref().get("workspace").map(Spanned::get_ref)),
            })
            .collect();
        dependencies.sort_by_key(|dependency| dependency.line);
        dependencies
    }

    /// Where a dependency is named, or the first line.
    pub(crate) fn line_of(&self, dependency: &str) -> usize {
        let mut dependencies = self.dependencies().into_iter();
        let named = dependencies.find(|named| named.name == dependency);
        named.map_or(1, |named| named.line)
    }
}

/// Whether there is a value, and it is `true`.
pub(crate) fn is_true(value: Option<&DeValue<'_>>) -> bool {
    value.and_then(DeValue::as_bool).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_name_a_dependency_is_read() {
        let text = "[package]\nname = \"x\" # = 1\n[dependencies]\na.workspace = true\nb = { workspace = true }\n\
                    c = \"1\"\n[target.'cfg(unix)'.dev-dependencies.d]\nversion = \"2\"\n[workspace.dependencies]\ne = \"1\"\n";
        let manifest = Manifest::parse(text);
        let found = manifest.dependencies();
        let found: Vec<_> = found
            .iter()
            .map(|named| (named.line, named.name.as_str(), named.is_inherited))
            .collect();
        assert_eq!(
            found,
            [
                (4, "a", true),
                (5, "b", true),
                (6, "c", false),
                (7, "d", false)
            ]
        );
        assert_eq!(manifest.line_of("c"), 6);
        assert_eq!(manifest.line_of("absent"), 1);
    }
}
