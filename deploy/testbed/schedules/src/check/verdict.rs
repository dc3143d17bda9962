//! The result of all checks of a run.

use std::fmt;

use serde::Serialize;

/// One thing that is wrong, or that could not be checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", content = "what", rename_all = "kebab-case")]
pub enum Finding {
    /// Something that must not happen has happened.
    Violation(String),
    /// The checker's time was spent before it knew.
    NotChecked(String),
}

/// Everything that was found; nothing for a clean run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// All findings.
    pub findings: Vec<Finding>,
}

impl Verdict {
    /// Whether everything was checked, and nothing is wrong.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    /// Whether something is certainly wrong.
    #[must_use]
    pub fn is_violated(&self) -> bool {
        let mut findings = self.findings.iter();
        findings.any(|finding| matches!(finding, Finding::Violation(_)))
    }

    /// Adds a violation.
    pub fn violation(&mut self, what: impl fmt::Display) {
        self.findings.push(Finding::Violation(what.to_string()));
    }

    /// Adds something that could not be checked.
    pub fn not_checked(&mut self, what: impl fmt::Display) {
        self.findings.push(Finding::NotChecked(what.to_string()));
    }

    /// Adds the findings of another check.
    pub fn extend(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.findings.extend(findings);
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.is_clean(), self.is_violated()) {
            (true, _) => f.write_str("ok"),
            (_, true) => f.write_str("VIOLATED"),
            (_, false) => f.write_str("NOT CHECKED"),
        }
    }
}
