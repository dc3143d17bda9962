//! Builds histories by hand.

use std::collections::BTreeMap;
use std::time::Duration;

use fritzy_domain::GenerationStart;
use fritzy_types::ShardId;

use crate::check::{Finding, Loss, Losses, check_linearizability};
use crate::observation::{Attempt, Change, Outcome, Request, View};

/// Far more than a small history needs.
const BUDGET: Duration = Duration::from_secs(60);
pub(super) const ACCOUNT: &str = "01a2050f-7846-754b-b786-3c7fdeea5899";

/// Attempts on one account, which was created as `a`.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) attempts: Vec<Attempt>,
}

/// Position 2 is kept, and 3 was lost.
pub(super) fn loss() -> Losses {
    let start = GenerationStart { kept: 2, lost: 3 };
    Losses(Some(Loss {
        shards: BTreeMap::from([(ShardId(0), start)]),
        possible_from_us: 100,
        seen_from_us: 200,
        seen_until_us: 300,
    }))
}

pub(super) fn account(version: u64, name: &str) -> View {
    View {
        version,
        name: name.to_owned(),
        ..View::default()
    }
}

pub(super) fn seen(version: u64, name: &str) -> Outcome {
    Outcome::Seen(account(version, name))
}

pub(super) fn unknown() -> Outcome {
    Outcome::Unknown("DEADLINE_EXCEEDED".to_owned())
}

impl Plan {
    pub(super) fn new() -> Self {
        let change = Change::Created {
            name: "a".to_owned(),
            price: 0,
        };
        let plan = Self {
            attempts: Vec::new(),
        };
        plan.attempt((0, 0), change_to(change, None, None), seen(1, "a"))
    }

    /// An attempt of a new request, from and until these times.
    pub(super) fn attempt(
        mut self,
        (began_us, ended_us): (u64, u64),
        wanted: Request,
        outcome: Outcome,
    ) -> Self {
        let request = self.attempts.len() as u64;
        self.attempts.push(Attempt {
            client: 0,
            request,
            node: 0,
            entity: Some(ACCOUNT.to_owned()),
            wanted,
            began_us,
            ended_us,
            outcome,
            quote: None,
        });
        self
    }

    /// The last attempt belongs to the request before it.
    pub(super) fn again(mut self) -> Self {
        let last = self.attempts.len() - 1;
        self.attempts[last].request = self.attempts[last - 1].request;
        self
    }

    pub(super) fn read(self, at: (u64, u64), version: u64, name: &str) -> Self {
        self.attempt(at, Request::Read, seen(version, name))
    }

    /// A rename without a key.
    pub(super) fn rename(self, at: (u64, u64), name: &str, outcome: Outcome) -> Self {
        let change = Change::Renamed(name.to_owned());
        self.attempt(at, change_to(change, None, None), outcome)
    }

    /// A rename under a key of its own name.
    pub(super) fn keyed(self, at: (u64, u64), name: &str, outcome: Outcome) -> Self {
        let change = Change::Renamed(name.to_owned());
        self.attempt(at, change_to(change, Some(name), None), outcome)
    }

    /// A rename that expects a version.
    pub(super) fn expecting(
        self,
        at: (u64, u64),
        name: &str,
        version: u64,
        outcome: Outcome,
    ) -> Self {
        let change = Change::Renamed(name.to_owned());
        self.attempt(at, change_to(change, None, Some(version)), outcome)
    }

    /// What the checker finds, without a loss.
    pub(super) fn check(&self) -> Vec<Finding> {
        self.check_with(&Losses::default(), None)
    }

    pub(super) fn check_with(&self, losses: &Losses, kept: Option<u64>) -> Vec<Finding> {
        check_linearizability(&self.attempts, losses, |_| kept, BUDGET)
    }

    pub(super) fn require_violated(&self, part: &str) {
        let findings = self.check();
        assert_violated(&findings, part);
    }
}

pub(super) fn change_to(change: Change, key: Option<&str>, expected: Option<u64>) -> Request {
    Request::Change {
        change,
        key: key.map(str::to_owned),
        expected,
    }
}

/// One violation, which names this.
pub(super) fn assert_violated(findings: &[Finding], part: &str) {
    assert!(
        matches!(findings, [Finding::Violation(what)] if what.contains(part)),
        "{part}: {findings:?}"
    );
}
