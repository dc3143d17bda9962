//! Finds the links of a Markdown file, in the subset of Markdown that the documents here use.

/// The target of each link, with its line. Code, fenced or inline, has no links.
pub(crate) fn links(text: &str) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    let mut fenced = false;
    for (index, line) in text.lines().enumerate() {
        let is_fence = ["```", "~~~"]
            .iter()
            .any(|fence| line.trim_start().starts_with(fence));
        if is_fence {
            fenced = !fenced;
        } else if !fenced {
            let line = without_inline_code(line);
            links.extend(
                inline(&line)
                    .chain(definition(&line))
                    .map(|link| (index + 1, link)),
            );
        }
    }
    links
}

/// The file that a link leads to, relative to the root; `None` for URLs and for anchors of the same
/// file.
pub(crate) fn linked_file(link: &str, document: &str) -> Option<String> {
    let elsewhere = link.contains("://") || link.starts_with("mailto:") || link.starts_with('#');
    if elsewhere || link.is_empty() {
        return None;
    }
    let path = link.split(['#', '?']).next().unwrap_or(link);
    let folder = document.rsplit_once('/').map_or("", |(folder, _)| folder);
    let from_root = match path.strip_prefix('/') {
        Some(path) => path.to_owned(),
        None => format!("{folder}/{path}"),
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in from_root.split('/') {
        match part {
            "" | "." => {}
            // Nothing above the root is part of the repository: such a link keeps its dots and is
            // never found.
            ".." if parts.last().is_none_or(|last| *last == "..") => parts.push(".."),
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// `[text](target)` and `[text](<target> "title")`.
fn inline(line: &str) -> impl Iterator<Item = String> {
    line.match_indices("](").filter_map(|(at, opening)| {
        let rest = &line[at + opening.len()..];
        let (inside, _) = rest.split_once(')')?;
        target(inside)
    })
}

/// `[label]: target`, alone on its line.
fn definition(line: &str) -> Option<String> {
    let (label, rest) = line.trim_start().strip_prefix('[')?.split_once("]:")?;
    let is_label = !label.contains(['[', ']']) && !label.starts_with('^');
    is_label.then(|| target(rest)).flatten()
}

fn target(inside: &str) -> Option<String> {
    let inside = inside.trim();
    match inside.strip_prefix('<') {
        Some(bracketed) => bracketed
            .split_once('>')
            .map(|(target, _)| target.to_owned()),
        None => inside.split_whitespace().next().map(str::to_owned),
    }
}

/// Replaces text between backticks by spaces. An unpaired backtick quotes nothing.
fn without_inline_code(line: &str) -> String {
    let parts: Vec<&str> = line.split('`').collect();
    let last = parts.len() - 1;
    let blanked = parts.iter().enumerate().map(|(index, part)| {
        let quoted = index % 2 == 1 && index < last;
        if quoted {
            " ".repeat(part.len())
        } else {
            (*part).to_owned()
        }
    });
    blanked.collect::<Vec<_>>().join("`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_outside_of_code_are_found() {
        let text = "A [b](c.md) and ![d](<e f.png> \"g\"), not `[h](i)`.\n```\n[j](k)\n```\n[l]: m.md#n\n[^1]: a note\n";
        let expected = [(1, "c.md"), (1, "e f.png"), (5, "m.md#n")];
        assert_eq!(
            links(text),
            expected.map(|(line, link)| (line, link.to_owned()))
        );
    }

    #[test]
    fn link_is_resolved_from_the_folder_of_its_document() {
        let cases = [
            ("b.md#c", "docs/a.md", Some("docs/b.md")),
            ("../README.md", "docs/a.md", Some("README.md")),
            ("../../x", "docs/a.md", Some("../x")),
            ("/docs/", "README.md", Some("docs")),
            ("https://example.org/x", "README.md", None),
            ("#here", "README.md", None),
        ];
        for (link, document, expected) in cases {
            assert_eq!(
                linked_file(link, document).as_deref(),
                expected,
                "{link} in {document}"
            );
        }
    }
}
