//! The rules of the repository: one file each, and the table of them.

mod arrows;
mod circles;
mod documents;
mod ground;
mod headers;
mod invariants;
mod length;
mod manifests;
mod names;
mod portable;
mod private_state;
mod sql;
mod test_names;
mod unfinished;

use super::repository::{Repository, Violation};

/// One rule: its name, and a pure function that finds the violations.
pub(crate) struct Rule {
    /// Also the name of its file in this folder, with `_` for `-`, and of its row in
    /// CONTRIBUTING.md.
    pub(crate) name: &'static str,
    check: fn(&Repository) -> Vec<Violation>,
    /// Whether the rule's own file contains what the rule forbids: in its table, and planted in its
    /// tests.
    quotes_what_it_forbids: bool,
}

pub(crate) const ALL: [Rule; 14] = [
    Rule::new("arrows", arrows::check),
    Rule::new("circles", circles::check),
    Rule::new("documents", documents::check),
    Rule::new("ground", ground::check),
    Rule::new("headers", headers::check),
    Rule::new("invariants", invariants::check),
    Rule::new("length", length::check),
    Rule::new("manifests", manifests::check),
    Rule::new("names", names::check),
    Rule::new("portable", portable::check).quoting_what_it_forbids(),
    Rule::new("private-state", private_state::check),
    Rule::new("sql", sql::check).quoting_what_it_forbids(),
    Rule::new("test-names", test_names::check),
    Rule::new("unfinished", unfinished::check).quoting_what_it_forbids(),
];

impl Rule {
    const fn new(name: &'static str, check: fn(&Repository) -> Vec<Violation>) -> Self {
        Self {
            name,
            check,
            quotes_what_it_forbids: false,
        }
    }

    const fn quoting_what_it_forbids(self) -> Self {
        Self {
            quotes_what_it_forbids: true,
            ..self
        }
    }

    /// The violations of the rule. The only exemption is a rule's own file from that rule, where it
    /// quotes.
    pub(crate) fn violations(&self, repository: &Repository) -> Vec<Violation> {
        let own_file = format!("deploy/xtask/src/tidy/rules/{}.rs", self.name);
        let mut violations = (self.check)(repository);
        violations.retain(|violation| !(self.quotes_what_it_forbids && violation.path == own_file));
        violations
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(name: &str) -> &'static Rule {
        ALL.iter().find(|rule| rule.name == name).unwrap()
    }

    #[test]
    fn rule_exempts_its_own_file_only() {
        let sql = rule("sql");
        // Assembled at run time, because this file is not exempt.
        let planted = format!(
            "//! A header.\nconst Q: &str = \"{} FROM node\";\n",
            "DELETE"
        );
        let own = Repository::of(&[("deploy/xtask/src/tidy/rules/sql.rs", &planted)]);
        assert_eq!(sql.violations(&own), []);
        for path in [
            "deploy/xtask/src/tidy/rules/names.rs",
            "gateway/src/rules/sql.rs",
        ] {
            assert_eq!(
                sql.violations(&Repository::of(&[(path, &planted)])).len(),
                1,
                "{path}"
            );
        }
    }

    #[test]
    fn contributing_has_a_row_for_every_rule() {
        let contributing = include_str!("../../../../CONTRIBUTING.md");
        for rule in &ALL {
            let row = format!("| `{}` |", rule.name);
            assert!(
                contributing.contains(&row),
                "CONTRIBUTING.md has no row {row}"
            );
        }
    }
}
