//! No circles between the files of a crate: each can be understood after those that it uses. A
//! module and its submodules are one in this, so that a module may assemble its parts.

use crate::tidy::crate_graph::CrateGraph;
use crate::tidy::repository::{Repository, Violation};

pub(super) fn check(repository: &Repository) -> Vec<Violation> {
    let roots = repository
        .packages
        .iter()
        .flat_map(|package| roots(repository, &package.manifest_path.to_string_lossy()));
    let graphs = roots.filter_map(|root| CrateGraph::of(repository, &root));
    graphs.flat_map(|graph| violations(&graph)).collect()
}

/// The files in which the crates of a package begin: its library, its programs.
fn roots(repository: &Repository, manifest: &str) -> Vec<String> {
    let folder = manifest.trim_end_matches("Cargo.toml");
    let [lib, main, bin] = ["lib.rs", "main.rs", "bin/"].map(|end| format!("{folder}src/{end}"));
    let is_root = |path: &str| {
        let program = path.strip_prefix(&bin);
        path == lib || path == main || program.is_some_and(|name| !name.contains('/'))
    };
    let files = repository.rust_files().map(|file| file.path.clone());
    files.filter(|path| is_root(path)).collect()
}

fn violations(graph: &CrateGraph<'_>) -> Vec<Violation> {
    let circles = graph.circles().into_iter();
    circles
        .map(|files| {
            let pairs = files
                .iter()
                .flat_map(|from| files.iter().map(move |to| (*from, *to)));
            let mut line = 0;
            let ties: Vec<String> = pairs
                .filter_map(|(from, to)| {
                    let uses = graph.uses(from, to)?;
                    if from == files[0] && (line == 0 || uses.line < line) {
                        line = uses.line;
                    }
                    let names: Vec<&str> = uses.names.iter().map(String::as_str).collect();
                    Some(format!(
                        "{} uses {} of {}",
                        short(from),
                        names.join(", "),
                        short(to)
                    ))
                })
                .collect();
            let message = format!(
                "a circle of {} files ({}): move what they share into a file of its own",
                files.len(),
                ties.join("; ")
            );
            Violation::new(files[0], line.max(1), message)
        })
        .collect()
}

/// Without the folder of the crate.
fn short(path: &str) -> &str {
    path.rsplit_once("/src/").map_or(path, |(_, file)| file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<(String, &str)> = files
            .iter()
            .map(|(path, text)| (format!("x/src/{path}"), *text))
            .collect();
        let files: Vec<(&str, &str)> = files
            .iter()
            .map(|(path, text)| (path.as_str(), *text))
            .collect();
        let repository = Repository::of(&files).with_crate("x", "x", &[]);
        check(&repository).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn circle_is_reported_with_the_names_that_tie_it() {
        let files = [
            ("lib.rs", "mod a;\nmod b;\nmod c;\n"),
            ("a.rs", "\nuse crate::b::B;\npub struct A;\nfn f(_: B) {}\n"),
            (
                "b.rs",
                "use super::c;\npub struct B;\nfn f() { c::make(); }\n",
            ),
            ("c.rs", "pub fn make() -> crate::a::A { crate::a::A }\n"),
        ];
        assert_eq!(
            found(&files),
            [
                "x/src/a.rs:2: a circle of 3 files (a.rs uses B of b.rs; b.rs uses make of c.rs; c.rs uses A of a.rs): \
                 move what they share into a file of its own"
            ]
        );
    }

    #[test]
    fn files_that_use_each_other_in_one_direction_are_clean() {
        let files = [
            ("lib.rs", "mod a;\nmod b;\npub use a::A;\npub use b::B;\n"),
            ("a.rs", "use crate::b::B;\npub struct A(B);\n"),
            ("b.rs", "use std::fmt;\npub struct B;\n"),
        ];
        assert_eq!(found(&files), [""; 0]);
    }

    #[test]
    fn facade_makes_no_circle_by_itself() {
        let files = [
            ("lib.rs", "mod a;\nmod b;\nmod c;\npub use c::*;\n"),
            (
                "a.rs",
                "mod deep;\npub(crate) use deep::Deep as Renamed;\nmacro_rules! made { ($n:ident) => {} }\nmade!(Made);\n",
            ),
            (
                "a/deep.rs",
                "use crate::{C, b::B};\npub struct Deep(B, C);\n",
            ),
            ("b.rs", "use crate::C;\npub struct B(C);\n"),
            ("c.rs", "pub struct C;\n"),
        ];
        assert_eq!(found(&files), [""; 0]);
        let mut circle = files;
        circle[4].1 = "use crate::a::Renamed;\npub struct C(Renamed);\n";
        let found = found(&circle);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("circle of 3 files"), "{found:?}");
        assert!(
            found[0].contains("c.rs uses Deep of a/deep.rs"),
            "{found:?}"
        );
        assert!(found[0].contains("a/deep.rs uses B of b.rs"), "{found:?}");
    }

    #[test]
    fn module_may_use_its_submodules() {
        let files = [
            (
                "lib.rs",
                "mod a;\npub struct Config;\npub fn run() { a::start(Config) }\n",
            ),
            (
                "a.rs",
                "mod b;\nuse super::Config;\npub fn start(_: Config) { b::f(N) }\nconst N: u8 = 1;\n",
            ),
            ("a/b.rs", "pub fn f(_: u8) { super::N; crate::Config; }\n"),
        ];
        assert_eq!(found(&files), [""; 0]);
    }

    #[test]
    fn submodule_and_file_beside_its_parent_can_form_a_circle() {
        let files = [
            ("lib.rs", "mod a;\nmod c;\n"),
            ("a.rs", "mod b;\n"),
            ("a/b.rs", "pub struct B(crate::c::C);\n"),
            ("c.rs", "pub struct C;\nfn f(_: crate::a::b::B) {}\n"),
        ];
        let found = found(&files);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("a/b.rs uses C of c.rs"), "{found:?}");
    }

    #[test]
    fn type_whose_functions_are_continued_elsewhere_is_a_circle() {
        let files = [
            ("lib.rs", "mod a;\nmod b;\n"),
            (
                "a.rs",
                "pub struct A;\nimpl A { fn f(&self) { self.continued() } }\n",
            ),
            (
                "b.rs",
                "use crate::a::A;\nimpl A { pub(crate) fn continued(&self) {} }\n",
            ),
        ];
        let found = found(&files);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].contains("a.rs uses A::continued of b.rs"),
            "{found:?}"
        );
    }

    #[test]
    fn tests_may_use_their_parent() {
        let files = [
            (
                "lib.rs",
                "mod a;\npub fn f() {}\n#[cfg(test)]\nmod tests { use super::*; fn t() { f(); crate::a::g() } }\n",
            ),
            (
                "a.rs",
                "pub fn g() {}\nfn h() { crate::f() }\n#[cfg(test)]\nmod tests;\n",
            ),
            ("a/tests.rs", "use super::g;\nfn t() { g() }\n"),
        ];
        assert_eq!(found(&files), [""; 0]);
    }

    #[test]
    fn each_program_of_a_package_is_a_crate_of_its_own() {
        let files = [
            ("lib.rs", "mod a;\npub use a::A;\n"),
            ("a.rs", "pub struct A;\n"),
            ("bin/tool.rs", "mod part;\nmod other;\n"),
            ("bin/part.rs", "pub struct P(crate::other::O);\n"),
            ("bin/other.rs", "pub struct O(crate::part::P);\n"),
        ];
        let found = found(&files);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("x/src/bin/other.rs:1:"), "{found:?}");
    }
}
