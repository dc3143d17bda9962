//! Reads a Cargo.toml line by line, because a violation needs its line and Cargo's own answer has none.
//!
//! Not all of TOML: the manifests here are tables of `key = value` lines, and anything else is passed over.

/// One `key = value` line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    /// Counted from 1.
    pub(crate) line: usize,
    /// The table the line stands in, without brackets: `dependencies`, `workspace.package`.
    pub(crate) table: &'a str,
    pub(crate) key: &'a str,
    pub(crate) value: &'a str,
}

/// One dependency in one table of dependencies.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Named<'a> {
    pub(crate) line: usize,
    pub(crate) name: &'a str,
    /// Whether the version comes from the root.
    pub(crate) inherited: bool,
}

/// The `key = value` lines, in order.
pub(crate) fn entries(text: &str) -> Vec<Entry<'_>> {
    let mut table = "";
    let mut entries = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = without_comment(line).trim();
        if let Some(header) = line.strip_prefix('[') {
            table = header.trim_start_matches('[').trim_end_matches(']').trim();
        } else if let Some((key, value)) = line.split_once('=') {
            entries.push(Entry {
                line: index + 1,
                table,
                key: key.trim(),
                value: value.trim(),
            });
        }
    }
    entries
}

/// Every dependency the manifest names, once for each table it stands in.
pub(crate) fn dependencies(text: &str) -> Vec<Named<'_>> {
    let mut found: Vec<(&str, Named<'_>)> = Vec::new();
    for entry in entries(text) {
        let Some((table, name, property)) = dependency_line(&entry) else {
            continue;
        };
        let inherited = match property {
            Some("workspace") => entry.value == "true",
            Some(_) => false,
            None => entry.value.replace(' ', "").contains("workspace=true"),
        };
        match found
            .iter_mut()
            .find(|(at, named)| *at == table && named.name == name)
        {
            Some((_, named)) => named.inherited |= inherited,
            None => found.push((
                table,
                Named {
                    line: entry.line,
                    name,
                    inherited,
                },
            )),
        }
    }
    found.into_iter().map(|(_, named)| named).collect()
}

/// Where a dependency is named, or the first line.
pub(crate) fn line_of(text: &str, dependency: &str) -> usize {
    let named = dependencies(text)
        .into_iter()
        .find(|named| named.name == dependency);
    named.map_or(1, |named| named.line)
}

/// The table, the dependency, and the property if the line speaks of one: `[dependencies]` with `a = …` or `a.b = …`,
/// and `[dependencies.a]` with `b = …`.
fn dependency_line<'a>(entry: &Entry<'a>) -> Option<(&'a str, &'a str, Option<&'a str>)> {
    let unquoted = |name: &'a str| name.trim_matches('"');
    if is_dependency_table(entry.table) {
        return Some(match entry.key.split_once('.') {
            Some((name, property)) => (entry.table, unquoted(name), Some(property)),
            None => (entry.table, unquoted(entry.key), None),
        });
    }
    let (table, name) = entry.table.rsplit_once('.')?;
    is_dependency_table(table).then(|| (table, unquoted(name), Some(entry.key)))
}

/// The tables of a member, `[target.'cfg(unix)'.dependencies]` among them; the root's `[workspace.dependencies]` is the
/// one place where versions belong.
fn is_dependency_table(table: &str) -> bool {
    let last = table.rsplit('.').next();
    let known = matches!(
        last,
        Some("dependencies" | "dev-dependencies" | "build-dependencies")
    );
    known && table != "workspace.dependencies"
}

/// Cuts a `#` comment, but not a `#` inside quotes.
fn without_comment(line: &str) -> &str {
    let mut quoted = false;
    for (at, character) in line.char_indices() {
        match character {
            '"' => quoted = !quoted,
            '#' if !quoted => return &line[..at],
            _ => {}
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_name_a_dependency_is_read() {
        let text = "[package]\nname = \"x\" # = 1\n[dependencies]\na.workspace = true\nb = { workspace = true }\n\
                    c = \"1\"\n[target.'cfg(unix)'.dev-dependencies.d]\nversion = \"2\"\n[workspace.dependencies]\ne = \"1\"\n";
        let found: Vec<_> = dependencies(text)
            .into_iter()
            .map(|named| (named.line, named.name, named.inherited))
            .collect();
        assert_eq!(
            found,
            [
                (4, "a", true),
                (5, "b", true),
                (6, "c", false),
                (8, "d", false)
            ]
        );
        assert_eq!(line_of(text, "c"), 6);
        assert_eq!(line_of(text, "absent"), 1);
    }
}
