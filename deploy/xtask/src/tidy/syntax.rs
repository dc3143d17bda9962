//! Questions about syntax trees that several rules ask.

use proc_macro2::{TokenStream, TokenTree};
use syn::{Attribute, Item, Meta};

/// Whether an item is compiled for tests only: `#[cfg(test)]`, also combined as in `#[cfg(all(test,
/// unix))]`.
pub(crate) fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) if list.path.is_ident("cfg") => requires_test(&list.tokens),
        _ => false,
    })
}

/// The attributes of an item; none for kinds of items that the rules do not look into.
pub(crate) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn requires_test(condition: &TokenStream) -> bool {
    let mut negated = false;
    condition.clone().into_iter().any(|tree| match &tree {
        TokenTree::Ident(ident) => {
            negated = ident == "not";
            ident == "test"
        }
        TokenTree::Group(group) => !negated && requires_test(&group.stream()),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_for_tests_only_are_recognized() {
        for (condition, expected) in [
            ("test", true),
            ("all(test, unix)", true),
            ("not(test)", false),
            ("target_os = \"linux\"", false),
            ("feature = \"test\"", false),
        ] {
            let text = format!("#[derive(Debug)] #[cfg({condition})] mod m {{}}");
            let item: syn::ItemMod = syn::parse_str(&text).unwrap();
            assert_eq!(is_for_tests(&item.attrs), expected, "{condition}");
        }
    }
}
