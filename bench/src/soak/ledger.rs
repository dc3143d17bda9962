//! What a client knows of its own entities, and what no response may contradict.
//!
//! Each entity has one client, which sends one request at a time. So after an acknowledgement the
//! client knows the entity's version and value, except for its own writes of unknown outcome: those
//! may have happened, or may happen later, each at most once.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// In which way a response is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WrongKind {
    /// Something acknowledged is missing (I1).
    LostWrite,
    /// A read is older than what the same client has seen or got acknowledged (I3).
    StaleRead,
    /// A version has a value that nobody requested, or another one than before.
    WrongValue,
    /// There is an effect that was not requested, was refused, or happened twice (I8).
    UnrequestedEffect,
    /// A valid request was rejected, or the response is not one of the API.
    WrongResponse,
}

/// A response that no correct shop gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrongAnswer {
    /// In which way it is wrong.
    pub kind: WrongKind,
    /// The entity, what was known of it, and what was received.
    pub detail: String,
}

impl WrongAnswer {
    pub(crate) fn new(kind: WrongKind, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { kind, detail }
    }
}

/// An order as a response shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SeenOrder {
    pub(crate) id: String,
    pub(crate) version: u64,
    pub(crate) status: String,
    /// Identifies the order within its account: every request has another one.
    pub(crate) quantity: u64,
    pub(crate) total_minor: u64,
}

/// An entity as far as its client knows it.
#[derive(Debug)]
struct Known {
    version: u64,
    /// The name of an account, the status of an order.
    value: String,
    /// What writes of unknown outcome may have made of it.
    open_values: BTreeSet<String>,
    /// How many of those writes no version has shown yet.
    open_count: u64,
}

#[derive(Debug)]
struct KnownAccount {
    known: Known,
    orders: BTreeMap<String, KnownOrder>,
    /// The quantities of orders of unknown outcome.
    open_orders: BTreeSet<u64>,
    orders_requested: u64,
}

#[derive(Debug)]
struct KnownOrder {
    known: Known,
    quantity: u64,
}

/// The accounts of one client, with their orders.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    accounts: BTreeMap<String, KnownAccount>,
    /// The names of accounts whose creation has an unknown outcome.
    open_accounts: BTreeSet<String>,
    /// Minor units of one unit of whatever this client orders.
    price_minor: u64,
}

impl Known {
    fn new(version: u64, value: &str) -> Self {
        Self {
            version,
            value: value.to_owned(),
            open_values: BTreeSet::new(),
            open_count: 0,
        }
    }

    /// A write of this value may have happened, or may happen later.
    fn open(&mut self, value: &str) {
        self.open_values.insert(value.to_owned());
        self.open_count += 1;
    }

    fn acknowledge(
        &mut self,
        id: &str,
        wanted: &str,
        seen: (u64, &str),
    ) -> Result<(), WrongAnswer> {
        let (version, value) = seen;
        let shown = format!("{id}: {value:?} at version {version} acknowledged, {self}");
        if value != wanted {
            let detail = format!("{shown}, {wanted:?} requested");
            return Err(WrongAnswer::new(WrongKind::WrongValue, detail));
        }
        if version <= self.version {
            return Err(WrongAnswer::new(WrongKind::LostWrite, shown));
        }
        self.count_open(version - self.version - 1, &shown)?;
        (self.version, self.value) = (version, value.to_owned());
        Ok(())
    }

    fn read(&mut self, id: &str, (version, value): (u64, &str)) -> Result<(), WrongAnswer> {
        let shown = format!("{id}: {value:?} at version {version} read, {self}");
        if version < self.version {
            return Err(WrongAnswer::new(WrongKind::StaleRead, shown));
        }
        if version == self.version {
            return match value == self.value {
                true => Ok(()),
                false => Err(WrongAnswer::new(WrongKind::WrongValue, shown)),
            };
        }
        self.count_open(version - self.version, &shown)?;
        if !self.open_values.contains(value) {
            return Err(WrongAnswer::new(WrongKind::WrongValue, shown));
        }
        (self.version, self.value) = (version, value.to_owned());
        Ok(())
    }

    /// Explains so many versions by writes of unknown outcome.
    fn count_open(&mut self, versions: u64, shown: &str) -> Result<(), WrongAnswer> {
        let left = self.open_count.checked_sub(versions);
        self.open_count =
            left.ok_or_else(|| WrongAnswer::new(WrongKind::UnrequestedEffect, shown))?;
        Ok(())
    }
}

impl std::fmt::Display for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (value, version, open) = (&self.value, self.version, self.open_count);
        write!(
            f,
            "known: {value:?} at version {version}, {open} writes of unknown outcome"
        )
    }
}

impl Ledger {
    /// The ledger of a client whose orders cost so much for each unit.
    pub(crate) fn new(price_minor: u64) -> Self {
        Self {
            price_minor,
            ..Self::default()
        }
    }

    /// An account was created.
    pub(crate) fn account_created(&mut self, id: &str, name: &str) {
        let account = KnownAccount {
            known: Known::new(1, name),
            orders: BTreeMap::new(),
            open_orders: BTreeSet::new(),
            orders_requested: 0,
        };
        self.accounts.insert(id.to_owned(), account);
    }

    /// Whether an account was created is unknown.
    pub(crate) fn account_unknown(&mut self, name: &str) {
        self.open_accounts.insert(name.to_owned());
    }

    /// A rename was acknowledged.
    pub(crate) fn renamed(
        &mut self,
        account: &str,
        wanted: &str,
        seen: (u64, &str),
    ) -> Result<(), WrongAnswer> {
        self.account(account)
            .known
            .acknowledge(account, wanted, seen)
    }

    /// Whether an account was renamed is unknown.
    pub(crate) fn rename_unknown(&mut self, account: &str, name: &str) {
        self.account(account).known.open(name);
    }

    /// An account was read.
    pub(crate) fn account_read(
        &mut self,
        account: &str,
        seen: (u64, &str),
    ) -> Result<(), WrongAnswer> {
        self.account(account).known.read(account, seen)
    }

    /// The quantity of the account's next order, which no other order of the account has.
    pub(crate) fn next_quantity(&mut self, account: &str) -> u64 {
        let account = self.account(account);
        account.orders_requested += 1;
        account.orders_requested
    }

    /// An order was acknowledged.
    pub(crate) fn order_placed(
        &mut self,
        account: &str,
        quantity: u64,
        seen: &SeenOrder,
    ) -> Result<(), WrongAnswer> {
        self.check_total(seen)?;
        let orders = &mut self.account(account).orders;
        if seen.quantity != quantity || orders.contains_key(&seen.id) {
            let detail = format!("an order of {quantity} was placed as {seen:?}");
            return Err(WrongAnswer::new(WrongKind::WrongValue, detail));
        }
        orders.insert(seen.id.clone(), KnownOrder::of(seen));
        Ok(())
    }

    /// Whether an order was placed is unknown.
    pub(crate) fn order_unknown(&mut self, account: &str, quantity: u64) {
        self.account(account).open_orders.insert(quantity);
    }

    /// A change of an order's status was acknowledged.
    pub(crate) fn order_changed(
        &mut self,
        account: &str,
        wanted: &str,
        seen: &SeenOrder,
    ) -> Result<(), WrongAnswer> {
        let order = self.order(account, &seen.id);
        let (version, status) = (seen.version, seen.status.as_str());
        order.known.acknowledge(&seen.id, wanted, (version, status))
    }

    /// Whether an order's status changed is unknown.
    pub(crate) fn change_unknown(&mut self, account: &str, order: &str, status: &str) {
        self.order(account, order).known.open(status);
    }

    /// An order was read.
    pub(crate) fn order_read(
        &mut self,
        account: &str,
        seen: &SeenOrder,
    ) -> Result<(), WrongAnswer> {
        self.check_total(seen)?;
        let order = self.order(account, &seen.id);
        order.known.read(&seen.id, (seen.version, &seen.status))
    }

    /// The status of an order, if it is certain.
    pub(crate) fn certain_status(&self, account: &str, order: &str) -> Option<&str> {
        let known = &self.accounts.get(account)?.orders.get(order)?.known;
        (known.open_count == 0).then_some(known.value.as_str())
    }

    /// The newest orders of an account, at most so many.
    pub(crate) fn newest_orders(&self, account: &str, count: usize) -> Vec<String> {
        let orders = self.accounts.get(account).map(|account| &account.orders);
        let newest = orders.into_iter().flat_map(|orders| orders.keys().rev());
        newest.take(count).cloned().collect()
    }

    /// How many orders of an account were requested.
    pub(crate) fn orders_requested(&self, account: &str) -> u64 {
        self.accounts
            .get(account)
            .map_or(0, |known| known.orders_requested)
    }

    /// All orders of an account were listed.
    pub(crate) fn orders_listed(
        &mut self,
        account: &str,
        listed: &[SeenOrder],
    ) -> Vec<WrongAnswer> {
        let mut wrong = Vec::new();
        let mut quantities = BTreeSet::new();
        for seen in listed {
            if !quantities.insert(seen.quantity) {
                let detail = format!("{account}: two orders of one request, the second {seen:?}");
                wrong.push(WrongAnswer::new(WrongKind::UnrequestedEffect, detail));
                continue;
            }
            let known = self.account(account);
            if known.orders.contains_key(&seen.id) {
                wrong.extend(self.order_read(account, seen).err());
            } else if known.open_orders.remove(&seen.quantity) {
                known.orders.insert(seen.id.clone(), KnownOrder::of(seen));
                wrong.extend(self.check_total(seen).err());
            } else {
                let detail = format!("{account}: nobody requested {seen:?}");
                wrong.push(WrongAnswer::new(WrongKind::UnrequestedEffect, detail));
            }
        }
        let ids: BTreeSet<&String> = listed.iter().map(|seen| &seen.id).collect();
        for (id, order) in &self.account(account).orders {
            if !ids.contains(id) {
                let detail = format!(
                    "{account}: the order {id} of {} units is not listed, {}",
                    order.quantity, order.known
                );
                wrong.push(WrongAnswer::new(WrongKind::LostWrite, detail));
            }
        }
        wrong
    }

    /// An account of this name and unknown outcome exists. Returns whether one was requested.
    pub(crate) fn take_open_account(&mut self, name: &str) -> bool {
        self.open_accounts.remove(name)
    }

    /// All accounts, in the order of their ids.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = &String> {
        self.accounts.keys()
    }

    /// How many accounts and orders are acknowledged or seen.
    pub(crate) fn entities_count(&self) -> u64 {
        let orders: usize = self
            .accounts
            .values()
            .map(|account| account.orders.len())
            .sum();
        (self.accounts.len() + orders) as u64
    }

    fn check_total(&self, seen: &SeenOrder) -> Result<(), WrongAnswer> {
        if seen.total_minor == self.price_minor * seen.quantity {
            return Ok(());
        }
        let detail = format!("{seen:?} at {} for a unit", self.price_minor);
        Err(WrongAnswer::new(WrongKind::WrongValue, detail))
    }

    fn account(&mut self, id: &str) -> &mut KnownAccount {
        self.accounts
            .get_mut(id)
            .expect("clients use accounts that they have created")
    }

    fn order(&mut self, account: &str, id: &str) -> &mut KnownOrder {
        let orders = &mut self.account(account).orders;
        orders
            .get_mut(id)
            .expect("clients use orders that they have placed")
    }
}

impl KnownOrder {
    fn of(seen: &SeenOrder) -> Self {
        Self {
            known: Known::new(seen.version, &seen.status),
            quantity: seen.quantity,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRICE_MINOR: u64 = 250;

    fn ledger() -> Ledger {
        let mut ledger = Ledger::new(PRICE_MINOR);
        ledger.account_created("a", "first");
        ledger
    }

    fn order(id: &str, quantity: u64) -> SeenOrder {
        SeenOrder {
            id: id.to_owned(),
            version: 1,
            status: "PENDING".to_owned(),
            quantity,
            total_minor: PRICE_MINOR * quantity,
        }
    }

    fn kind(result: Result<(), WrongAnswer>) -> Option<WrongKind> {
        result.err().map(|wrong| wrong.kind)
    }

    fn kinds(wrong: &[WrongAnswer]) -> Vec<WrongKind> {
        wrong.iter().map(|wrong| wrong.kind).collect()
    }

    #[test]
    fn i1_acknowledged_order_that_is_not_listed_is_lost() {
        let mut ledger = ledger();
        for (id, quantity) in [("o1", 1), ("o2", 2)] {
            assert_eq!(ledger.next_quantity("a"), quantity);
            let placed = ledger.order_placed("a", quantity, &order(id, quantity));
            assert_eq!(placed, Ok(()));
        }
        let both = [order("o1", 1), order("o2", 2)];
        assert_eq!(ledger.orders_listed("a", &both), []);
        let wrong = ledger.orders_listed("a", &[order("o1", 1)]);
        assert_eq!(kinds(&wrong), [WrongKind::LostWrite]);
        assert!(wrong[0].detail.contains("o2"), "{wrong:?}");
    }

    #[test]
    fn i1_acknowledgement_at_an_old_version_is_a_lost_update() {
        let mut ledger = ledger();
        assert_eq!(ledger.renamed("a", "second", (2, "second")), Ok(()));
        let again = ledger.renamed("a", "third", (2, "third"));
        assert_eq!(kind(again), Some(WrongKind::LostWrite));
        let other = ledger.renamed("a", "third", (3, "fourth"));
        assert_eq!(kind(other), Some(WrongKind::WrongValue));
    }

    #[test]
    fn i3_read_older_than_an_acknowledgement_is_stale() {
        let mut ledger = ledger();
        assert_eq!(ledger.renamed("a", "second", (2, "second")), Ok(()));
        assert_eq!(ledger.account_read("a", (2, "second")), Ok(()));
        let stale = ledger.account_read("a", (1, "first"));
        assert_eq!(kind(stale), Some(WrongKind::StaleRead));
        let other = ledger.account_read("a", (2, "other"));
        assert_eq!(kind(other), Some(WrongKind::WrongValue));
    }

    #[test]
    fn i3_read_older_than_an_earlier_read_is_stale() {
        let mut ledger = ledger();
        ledger.rename_unknown("a", "second");
        assert_eq!(ledger.account_read("a", (2, "second")), Ok(()));
        let stale = ledger.account_read("a", (1, "first"));
        assert_eq!(kind(stale), Some(WrongKind::StaleRead));
    }

    #[test]
    fn i8_write_of_unknown_outcome_happens_at_most_once() {
        let mut ledger = ledger();
        ledger.rename_unknown("a", "second");
        assert_eq!(ledger.account_read("a", (1, "first")), Ok(()), "not yet");
        assert_eq!(ledger.account_read("a", (2, "second")), Ok(()), "late");
        let twice = ledger.account_read("a", (3, "second"));
        assert_eq!(kind(twice), Some(WrongKind::UnrequestedEffect));
    }

    #[test]
    fn unknown_write_may_precede_an_acknowledged_one() {
        let mut ledger = ledger();
        ledger.rename_unknown("a", "second");
        assert_eq!(ledger.renamed("a", "third", (3, "third")), Ok(()));
        let unexplained = ledger.renamed("a", "fourth", (5, "fourth"));
        assert_eq!(kind(unexplained), Some(WrongKind::UnrequestedEffect));
    }

    #[test]
    fn refused_rename_that_happened_is_reported() {
        let mut ledger = ledger();
        let seen = ledger.account_read("a", (2, "refused"));
        assert_eq!(kind(seen), Some(WrongKind::UnrequestedEffect));
        ledger.rename_unknown("a", "second");
        let seen = ledger.account_read("a", (2, "refused"));
        assert_eq!(kind(seen), Some(WrongKind::WrongValue));
    }

    #[test]
    fn i8_order_of_unknown_outcome_may_exist_once() {
        let mut ledger = ledger();
        ledger.order_unknown("a", 7);
        assert_eq!(ledger.orders_listed("a", &[]), []);
        assert_eq!(ledger.orders_listed("a", &[order("o", 7)]), []);
        let twice = [order("o", 7), order("p", 7)];
        let wrong = ledger.orders_listed("a", &twice);
        assert_eq!(kinds(&wrong), [WrongKind::UnrequestedEffect]);
        let lost = ledger.orders_listed("a", &[]);
        assert_eq!(kinds(&lost), [WrongKind::LostWrite], "it was seen");
        let other = ledger.orders_listed("a", &[order("o", 7), order("q", 8)]);
        assert_eq!(kinds(&other), [WrongKind::UnrequestedEffect]);
    }

    #[test]
    fn i4_total_that_is_not_price_times_quantity_is_wrong() {
        let mut ledger = ledger();
        let cheap = SeenOrder {
            total_minor: PRICE_MINOR,
            ..order("o", 2)
        };
        let placed = ledger.order_placed("a", 2, &cheap);
        assert_eq!(kind(placed), Some(WrongKind::WrongValue));
    }

    #[test]
    fn status_is_certain_until_a_change_has_unknown_outcome() {
        let mut ledger = ledger();
        assert_eq!(ledger.order_placed("a", 1, &order("o", 1)), Ok(()));
        assert_eq!(ledger.certain_status("a", "o"), Some("PENDING"));
        let confirmed = SeenOrder {
            version: 2,
            status: "CONFIRMED".to_owned(),
            ..order("o", 1)
        };
        assert_eq!(ledger.order_changed("a", "CONFIRMED", &confirmed), Ok(()));
        assert_eq!(
            kind(ledger.order_read("a", &order("o", 1))),
            Some(WrongKind::StaleRead)
        );
        ledger.change_unknown("a", "o", "COMPLETED");
        assert_eq!(ledger.certain_status("a", "o"), None);
    }
}
