//! Every Rust file begins with a sentence on what it holds. The lint `missing_docs` does not see
//! private modules.

use crate::tidy::repository::{Repository, Violation};

/// Fewer words are a label, not a sentence.
const WORDS_MIN: usize = 3;

pub(super) fn check(repository: &Repository) -> Vec<Violation> {
    let without_header = repository
        .rust_files()
        .filter(|file| !has_header(&file.text));
    without_header
        .map(|file| {
            let message = "no module header: begin the file with `//!` and at least one whole sentence, \
                           with its full stop, on what it holds and why";
            Violation::new(&file.path, 1, message)
        })
        .collect()
}

fn has_header(text: &str) -> bool {
    let header: Vec<&str> = text
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .collect();
    let header = header.join(" ");
    let words = header.split_whitespace().count();
    let ends = header
        .split_whitespace()
        .any(|word| word.ends_with(['.', '!', '?']));
    words >= WORDS_MIN && ends
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> usize {
        check(&Repository::of(&[("gateway/tests/api.rs", text)])).len()
    }

    #[test]
    fn whole_sentence_is_a_header() {
        assert_eq!(
            found("//! What an account is, and\n//! what it is not.\n\nfn f() {}\n"),
            0
        );
    }

    #[test]
    fn file_without_a_sentence_is_reported() {
        for text in [
            "",
            "fn f() {}\n",
            "//! stub\n",
            "//! Three words here\n",
            "\n//! Too late for that.\n",
            "// Not a header.\n",
        ] {
            assert_eq!(found(text), 1, "{text:?}");
        }
        let violations = check(&Repository::of(&[("actors/build.rs", "fn main() {}\n")]));
        assert!(
            violations[0]
                .to_string()
                .starts_with("actors/build.rs:1: no module header")
        );
    }
}
