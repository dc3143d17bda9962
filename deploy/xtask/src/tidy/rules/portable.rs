//! The project names only itself: no folder of one machine, no registry that one machine downloads
//! from.

use crate::tidy::repository::{Repository, Violation};
use crate::tidy::words::is_word;

/// Where the absolute paths of a developer's machine begin.
const FOLDERS: [&str; 4] = ["/work/", "/root/", "/home/", "/Users/"];

/// Hosts of registries. Each machine's settings choose one.
const HOSTS: [&str; 7] = [
    "registry.npmjs.org",
    "pypi.org",
    "static.crates.io",
    "index.crates.io",
    "proxy.golang.org",
    "repo.maven",
    "repo1.maven",
];

pub(super) fn check(repository: &Repository) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in &repository.files {
        let in_cargo_lock = file.path == "Cargo.lock";
        for (index, line) in file.text.lines().enumerate() {
            // Cargo names crates.io like this in every lock file.
            if in_cargo_lock && line.starts_with("source = ") {
                continue;
            }
            let folders = FOLDERS.iter().filter(|folder| has_folder(line, folder));
            let hosts = HOSTS.iter().filter(|host| line.contains(**host));
            let messages = folders.map(about_folder).chain(hosts.map(about_host));
            violations
                .extend(messages.map(|message| Violation::new(&file.path, index + 1, message)));
        }
    }
    violations
}

fn about_folder(folder: &&str) -> String {
    format!("a path of one machine ({folder}…): write it relative to the root of the repository")
}

fn about_host(host: &&str) -> String {
    format!(
        "a registry's host ({host}): leave it to the machine's settings; a package-lock.json is written without it by \
         `npm install --omit-lockfile-registry-resolved`"
    )
}

/// Whether the line has an absolute path into the folder; `docs/work/` and `./work/` are relative.
fn has_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = &line[..at];
        let relative = before.ends_with(|c| is_word(c) || matches!(c, '.' | '-' | '}' | ')'));
        let of_a_host = before.ends_with('/') && !before.ends_with("//");
        !relative && !of_a_host
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths_and_lines_of_cargo_are_clean() {
        let readme = "See docs/work/x, ./work/x, $HOME/root/x, https://home/x and https://crates.io/crates/serde.\n";
        let lock = "name = \"a\"\nsource = \"registry+https://index.crates.io/\"\n";
        assert_eq!(
            check(&Repository::of(&[
                ("README.md", readme),
                ("Cargo.lock", lock)
            ])),
            []
        );
    }

    #[test]
    fn each_folder_is_reported() {
        for folder in FOLDERS {
            for line in [
                format!("cd {folder}x"),
                format!("{folder}x"),
                format!("\"file://{folder}x\""),
            ] {
                let violations = check(&Repository::of(&[("docs/a.md", &format!("\n{line}\n"))]));
                assert_eq!(violations.len(), 1, "{line}");
                assert!(
                    violations[0]
                        .to_string()
                        .starts_with("docs/a.md:2: a path of one machine")
                );
            }
        }
    }

    #[test]
    fn each_host_is_reported() {
        for host in HOSTS {
            for path in [
                "gateway/tests/web/package-lock.json",
                "Cargo.lock",
                "deploy/Dockerfile",
            ] {
                let violations = check(&Repository::of(&[(
                    path,
                    &format!("x = \"https://{host}/x\"\n"),
                )]));
                assert_eq!(violations.len(), 1, "{host} in {path}");
                assert!(
                    violations[0]
                        .to_string()
                        .starts_with(&format!("{path}:1: a registry's host ({host})"))
                );
            }
        }
    }
}
