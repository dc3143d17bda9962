//! Writes the `use` declarations of a file out in full, so that `use std::{fs, io}` cannot hide `std::fs`.

use super::rust_text::is_word;

/// Every path a `use` declaration brings in, with the line the declaration starts on. Renames are left out, globs kept.
/// The code must come without comments and literals.
pub(crate) fn imported_paths(code: &str) -> Vec<(usize, String)> {
    let mut paths = Vec::new();
    for (at, _) in code.match_indices("use") {
        let (before, after) = (&code[..at], &code[at + "use".len()..]);
        let whole_word = !before.ends_with(is_word) && after.starts_with(char::is_whitespace);
        let Some(end) = after.find(';') else { break };
        if whole_word {
            let line = 1 + before.matches('\n').count();
            let mut leaves = Vec::new();
            write_out("", &after[..end], &mut leaves);
            paths.extend(leaves.into_iter().map(|path| (line, path)));
        }
    }
    paths
}

fn write_out(prefix: &str, tree: &str, paths: &mut Vec<String>) {
    let tree = tree.trim();
    match tree.split_once('{') {
        Some((head, rest)) => {
            let prefix = format!("{prefix}{}", head.trim());
            for part in branches(rest) {
                write_out(&prefix, part, paths);
            }
        }
        None if tree.is_empty() => {}
        None => {
            let path = tree.split_once(" as ").map_or(tree, |(path, _)| path);
            paths.push(format!("{prefix}{}", path.trim()));
        }
    }
}

/// The parts between the commas that belong to this level of braces.
fn branches(inside: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut from) = (1_usize, 0);
    for (at, character) in inside.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => {
                parts.push(&inside[from..at]);
                from = at + 1;
            }
            _ => {}
        }
        if depth == 0 {
            parts.push(&inside[from..at]);
            break;
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_trees_are_written_out() {
        let code = "use std::{\n    fs, io::{self, Read as _},\n};\npub(crate) use a::b as c;\nfn abuse() {}\nuse x::*;\n";
        let expected = [
            (1, "std::fs"),
            (1, "std::io::self"),
            (1, "std::io::Read"),
            (4, "a::b"),
            (6, "x::*"),
        ];
        let found = imported_paths(code);
        assert_eq!(
            found,
            expected.map(|(line, path)| (line, path.to_owned())),
            "every leaf has its whole path"
        );
    }
}
