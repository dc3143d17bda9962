//! The rules of the repository: one file each, one table here.

mod arrows;
mod documents;
mod exclusives;
mod headers;
mod length;
mod manifests;
mod names;
mod portable;
mod purity;
mod sql;
mod unfinished;

use super::repository::{Repository, Violation};

/// One rule: a name to speak of it by, and a pure function that finds what breaks it.
pub(crate) struct Rule {
    /// Also the name of its file in this folder, and of its row in CONTRIBUTING.md.
    pub(crate) name: &'static str,
    check: fn(&Repository) -> Vec<Violation>,
    /// Whether the rule's own file must write down what the rule forbids: as its table, and planted in its tests.
    quotes_what_it_forbids: bool,
}

/// Every rule.
pub(crate) const ALL: [Rule; 11] = [
    Rule::new("arrows", arrows::check),
    Rule::new("documents", documents::check),
    Rule::new("exclusives", exclusives::check),
    Rule::new("headers", headers::check),
    Rule::new("length", length::check),
    Rule::new("manifests", manifests::check),
    Rule::new("names", names::check),
    Rule::new("portable", portable::check).quoting_what_it_forbids(),
    Rule::new("purity", purity::check),
    Rule::new("sql", sql::check).quoting_what_it_forbids(),
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

    /// What breaks the rule. The one exemption there is: a rule's own file from that rule alone, where it says so.
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
    fn a_rule_is_silent_in_its_own_file_and_nowhere_else() {
        let sql = rule("sql");
        // Put together here, because this file is exempt from nothing.
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
    fn contributing_gives_the_reason_for_every_rule() {
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
