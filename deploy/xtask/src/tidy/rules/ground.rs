//! `fritzy-types` and `fritzy-cluster` have no word of the shop: they would serve any sharded
//! entities.

use crate::tidy::repository::{Repository, SourceFile, Violation};
use crate::tidy::tokens::{self, Token};
use crate::tidy::words::is_word;

/// The sources of the crates below the domain, or beside it.
const GROUND: [&str; 2] = ["cluster/types/src/", "cluster/src/"];

/// The shop's nouns, in identifiers and doc comments.
const NOUNS: [&str; 6] = [
    "account", "accounts", "price", "prices", "product", "products",
];

/// Nouns that only identifiers must not have: a doc comment may say what a crate does not know.
const NOUNS_IN_NAMES: [&str; 4] = ["currency", "customer", "money", "shop"];

/// The noun that is also a common word: types and ids are the shop's, `order` alone is a sequence.
const ORDER: [&str; 2] = ["Order", "Orders"];
const ORDER_IDS: [&str; 2] = ["order_id", "order_ids"];

pub(super) fn check(repository: &Repository) -> Vec<Violation> {
    let ground = repository
        .rust_files()
        .filter(|file| GROUND.iter().any(|folder| file.path.starts_with(folder)));
    ground.flat_map(check_file).collect()
}

fn check_file(file: &SourceFile) -> Vec<Violation> {
    let mut violations = Vec::new();
    let Some(tokens) = file.tokens() else {
        return violations;
    };
    let mut add = |line: usize, found: &str| {
        let message = format!(
            "`{found}` is a word of the shop: name it by what the cluster knows, such as a shard, a slot or a request"
        );
        violations.push(Violation::new(&file.path, line, message));
    };
    tokens::each(tokens, &mut |token| match token {
        Token::Ident(ident) => {
            let name = ident.to_string();
            let is_order = ORDER.contains(&name.as_str());
            if is_order || is_of_the_shop(&name) || has_part(&name, &NOUNS_IN_NAMES) {
                add(ident.span().start().line, &name);
            }
        }
        Token::Doc { line, text } => {
            for (index, text) in text.lines().enumerate() {
                for word in text.split(|c| !is_word(c)) {
                    if is_of_the_shop(word) {
                        add(line + index, word);
                    }
                }
            }
        }
        Token::Literal(_) => {}
    });
    violations
}

/// Whether a word, or a part of a compound name, is the shop's.
fn is_of_the_shop(name: &str) -> bool {
    let parts = parts(name);
    // "Order" alone may begin a sentence.
    let has_order = parts.len() > 1 && parts.iter().any(|part| ORDER.contains(part));
    has_part(name, &NOUNS) || has_order || ORDER_IDS.iter().any(|id| name.contains(id))
}

fn has_part(name: &str, nouns: &[&str]) -> bool {
    let mut parts = parts(name).into_iter();
    parts.any(|part| nouns.contains(&part.to_lowercase().as_str()))
}

/// `list_price` and `ListPrice` are `list` and `price`.
fn parts(name: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    for word in name.split('_') {
        let is_constant = !word.contains(char::is_lowercase);
        let mut from = 0;
        for (at, character) in word.char_indices().skip(1) {
            if character.is_uppercase() && !is_constant {
                parts.push(&word[from..at]);
                from = at;
            }
        }
        parts.push(&word[from..]);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let files = [("cluster/src/router.rs", text)];
        let violations = check(&Repository::of(&files));
        violations.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn words_that_only_contain_a_noun_are_clean() {
        let text = "//! In order, by priority; an accountable producer. Order matters. No shop.\n\
                    use std::sync::atomic::Ordering;\nfn reorder(order: usize) { \"account\"; } // of an account\n";
        assert_eq!(found(text), [""; 0]);
    }

    #[test]
    fn words_of_the_shop_are_reported_in_names_and_doc_comments() {
        for planted in [
            "struct AccountShard;",
            "fn route(product: u8) {}",
            "const LIST_PRICE: u8 = 1;",
            "enum Order {}",
            "fn f(order_id: u8) {}",
            "struct PlacedOrders;",
            "fn open(shop: u8) {}",
            "/// Routes an account.\nfn f() {}",
            "/// As [`OrderId`] does.\nfn f() {}",
        ] {
            let found = found(&format!("//! A.\n{planted}\n"));
            assert_eq!(found.len(), 1, "{planted}: {found:?}");
            assert!(
                found[0].starts_with("cluster/src/router.rs:2: `"),
                "{found:?}"
            );
        }
    }

    #[test]
    fn other_crates_may_name_the_shop() {
        let files = [("actors/domain/src/account.rs", "struct Account;")];
        assert_eq!(check(&Repository::of(&files)), []);
    }
}
