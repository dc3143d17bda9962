//! The statements of lists of orders. Values are bound; the text depends on the plan alone, so that
//! a few texts stay prepared: for each index, in both directions, with and without comparisons.

use std::sync::Arc;

use fritzy_domain::{COUNTED_MAX, LOOKED_AT_MAX, OrderFilter, OrderStatus, SortKey};
use uuid::Uuid;

use super::plan::{Plan, Scan, Source, TotalBound};
use crate::rows::micros;

/// Where the SQL of the stores differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Postgres,
    Sqlite,
}

/// A value to be bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parameter {
    Int(Option<i64>),
    Id(Option<Uuid>),
    Text(Option<&'static str>),
}

/// A statement with the values of its parameters `$1`, `$2` and so on.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    pub(crate) text: Arc<str>,
    pub(crate) parameters: Vec<Parameter>,
}

/// Reads the first `take` orders, or the last ones in descending order. Rows have the columns of
/// orders, and `is_last`: it marks the last row that was looked at, which is there if
/// [`LOOKED_AT_MAX`] rows did not have enough orders.
pub(crate) fn page(plan: &Plan, take: u32, from_end: bool, dialect: Dialect) -> Statement {
    let mut builder = Builder::new(dialect, from_end);
    let take = builder.bind(Parameter::Int(Some(take.into())));
    let text = match &plan.compared {
        None => {
            let rows = builder.rows(&plan.scan, &take);
            format!("SELECT looked.*, false AS is_last FROM ({rows}) AS looked")
        }
        Some(compared) => {
            let rows = builder.rows(&plan.scan, &LOOKED_AT_MAX.to_string());
            let compared = builder.comparisons(compared);
            let sorted = builder.sorted(plan.scan.row_key(dialect));
            // One statement, so that both parts read the same snapshot. The second part is read
            // only if the first has looked at everything and found too little.
            format!(
                "WITH found AS MATERIALIZED (
                    SELECT * FROM ({rows}) AS looked WHERE {compared} {sorted} LIMIT {take}
                 )
                 SELECT found.*, false AS is_last FROM found
                 UNION ALL SELECT * FROM (
                    SELECT looked.*, true AS is_last FROM ({rows}) AS looked
                    LIMIT (CASE WHEN (SELECT count(*) FROM found) < {take} THEN 1 ELSE 0 END)
                    OFFSET {}
                 ) AS last",
                LOOKED_AT_MAX - 1
            )
        }
    };
    builder.statement(text)
}

/// Counts orders: `looked_at` rows were read, at most one more than [`COUNTED_MAX`], and
/// `matching` of them are in the list.
pub(crate) fn count(plan: &Plan, dialect: Dialect) -> Statement {
    let mut builder = Builder::new(dialect, false);
    let limit = (COUNTED_MAX + 1).to_string();
    let text = match &plan.compared {
        None => {
            let keys = builder.keys(&plan.scan, &limit);
            format!("SELECT count(*) AS looked_at, count(*) AS matching FROM ({keys}) AS looked")
        }
        Some(compared) => {
            let rows = builder.rows(&plan.scan, &limit);
            let compared = builder.comparisons(compared);
            format!(
                "SELECT count(*) AS looked_at, count(CASE WHEN {compared} THEN 1 END) AS matching
                 FROM ({rows}) AS looked"
            )
        }
    };
    builder.statement(text)
}

impl Scan {
    /// The columns of its index, in order, behind those that are equal.
    const fn index_key(&self, dialect: Dialect) -> &'static [&'static str] {
        match self {
            Self::Creation { .. } if self.reads_keys(dialect) => &["created_at", "order_id"],
            Self::Creation { .. } => &["created_at", "id"],
            Self::Total { .. } if self.reads_keys(dialect) => {
                &["currency", "total_minor", "order_id"]
            }
            Self::Total { .. } => &["currency", "total_minor", "id"],
        }
    }

    /// The same columns in its rows. Those of a product's orders have the columns of an order, too.
    const fn row_key(&self, dialect: Dialect) -> &'static [&'static str] {
        if self.is_of_product() {
            &["line_created_at", "order_id"]
        } else {
            self.index_key(dialect)
        }
    }

    /// Whether it reads a table of keys, and orders by their ids.
    const fn reads_keys(&self, dialect: Dialect) -> bool {
        match self {
            Self::Creation { .. } => self.is_of_product(),
            Self::Total { .. } => matches!(dialect, Dialect::Sqlite),
        }
    }

    const fn is_of_product(&self) -> bool {
        matches!(
            self,
            Self::Creation {
                source: Source::OfProduct(_),
                ..
            }
        )
    }
}

struct Builder {
    dialect: Dialect,
    from_end: bool,
    parameters: Vec<Parameter>,
}

impl Builder {
    const fn new(dialect: Dialect, from_end: bool) -> Self {
        Self {
            dialect,
            from_end,
            parameters: Vec::new(),
        }
    }

    fn bind(&mut self, value: Parameter) -> String {
        self.parameters.push(value);
        format!("${}", self.parameters.len())
    }

    fn statement(self, text: String) -> Statement {
        Statement {
            text: text.into(),
            parameters: self.parameters,
        }
    }

    fn order_by(&self, key: &[&str]) -> String {
        let direction = if self.from_end { " DESC" } else { "" };
        let columns: Vec<String> = key.iter().map(|it| format!("{it}{direction}")).collect();
        format!("ORDER BY {}", columns.join(", "))
    }

    /// Sorts rows that are sorted already. PostgreSQL knows it, and promises no order without.
    /// SQLite does not know it: it would read all rows to sort them, but passes rows of a subquery
    /// on in their order, one by one.
    fn sorted(&self, key: &[&str]) -> String {
        match self.dialect {
            Dialect::Postgres => self.order_by(key),
            Dialect::Sqlite => String::new(),
        }
    }

    /// The orders of a scan, in its order.
    fn rows(&mut self, scan: &Scan, limit: &str) -> String {
        let keys = self.keys(scan, limit);
        if !scan.reads_keys(self.dialect) {
            return keys;
        }
        // One row by its id for each key: no plan may join with all orders.
        match self.dialect {
            Dialect::Postgres => format!(
                "SELECT o.*, line.created_at AS line_created_at, line.order_id
                 FROM ({keys}) AS line CROSS JOIN LATERAL
                    (SELECT * FROM customer_order WHERE id = line.order_id OFFSET 0) AS o {}",
                self.order_by(scan.row_key(self.dialect))
            ),
            Dialect::Sqlite => format!(
                "SELECT o.* FROM ({keys}) AS line
                    CROSS JOIN customer_order AS o ON o.id = line.order_id"
            ),
        }
    }

    /// As [`Self::rows`], but only the keys if the scan reads a table of them.
    fn keys(&mut self, scan: &Scan, limit: &str) -> String {
        let order_by = self.order_by(scan.index_key(self.dialect));
        let ends = format!("{order_by} LIMIT {limit}");
        let selected = match scan {
            Scan::Total { after, before } => {
                let [after, before] = [after, before].map(|bound| self.total(bound));
                self.by_total(&after, &before)
            }
            Scan::Creation {
                source,
                after,
                before,
            } => {
                let range = [after, before].map(|key| self.place(key));
                self.selected(source, &range, &ends)
            }
        };
        format!("{selected} {ends}")
    }

    fn selected(&mut self, source: &Source, range: &[String; 2], ends: &str) -> String {
        match source {
            Source::AllOrders => select(&between("created_at, id", &range[0], &range[1])),
            Source::OfAccount(account) => {
                let account = self.bind(Parameter::Id(Some(*account.as_uuid())));
                select(&self.part("account_id", &account, range))
            }
            Source::OfProduct(product) => {
                let product = self.bind(Parameter::Id(Some(*product.as_uuid())));
                self.by_product(&product, range)
            }
            // Both databases merge the parts row by row: SQLite because the whole is sorted,
            // PostgreSQL if each part says that it is.
            Source::InStatuses(statuses) => {
                let parts = statuses.iter().map(|status| {
                    let status = self.bind(Parameter::Text(Some(status.as_str())));
                    let part = select(&self.part("status", &status, range));
                    match self.dialect {
                        Dialect::Postgres if statuses.len() > 1 => format!("({part} {ends})"),
                        _ => part,
                    }
                });
                parts.collect::<Vec<_>>().join(" UNION ALL ")
            }
        }
    }

    fn by_total(&self, after: &str, before: &str) -> String {
        match self.dialect {
            Dialect::Postgres => select(&between("currency, total_minor, id", after, before)),
            Dialect::Sqlite => listed_or_not(
                "currency, total_minor, order_id",
                "order_total",
                &between("currency, total_minor, order_id", after, before),
                "o.currency, o.total_minor, o.id",
                &between("o.currency, o.total_minor, o.id", after, before),
            ),
        }
    }

    fn by_product(&self, product: &str, [after, before]: &[String; 2]) -> String {
        let range = between("created_at, order_id", after, before);
        let listed = format!("product_id = {product} AND {range}");
        match self.dialect {
            Dialect::Postgres => {
                format!("SELECT created_at, order_id FROM order_line WHERE {listed}")
            }
            Dialect::Sqlite => {
                let range = between("o.created_at, o.id", after, before);
                let has_product = self.has_product("o", product);
                // Compared first: most orders then need not be read.
                let names_it = format!("instr(j.payload, {}) > 0", id_text(product));
                listed_or_not(
                    "created_at, order_id",
                    "order_line",
                    &listed,
                    "o.created_at, o.id",
                    &format!("{names_it} AND {range} AND {has_product}"),
                )
            }
        }
    }

    /// The condition that an order has a line of a product.
    fn has_product(&self, order: &str, product: &str) -> String {
        match self.dialect {
            Dialect::Postgres => format!(
                "EXISTS (SELECT 1 FROM order_line
                WHERE order_line.product_id = {product}
                AND order_line.created_at = {order}.created_at AND order_line.order_id = {order}.id)"
            ),
            // Its table may not have the order yet. To search for a text is cheaper than to parse.
            Dialect::Sqlite => format!(
                "instr({order}.lines, {}) > 0 AND EXISTS (SELECT 1 FROM json_each({order}.lines) AS line
                WHERE unhex(line.value ->> 'product_id', '-') = {product})",
                id_text(product)
            ),
        }
    }

    /// The range of one value in an index by (`column`, created at, id).
    fn part(&self, column: &str, value: &str, [after, before]: &[String; 2]) -> String {
        let range = match self.dialect {
            // Compared with the first column, too: for a value that most rows have, PostgreSQL would
            // read the index without that column, and pass over any number of other rows.
            Dialect::Postgres => between(
                &format!("{column}, created_at, id"),
                &format!("{value}, {after}"),
                &format!("{value}, {before}"),
            ),
            Dialect::Sqlite => between("created_at, id", after, before),
        };
        format!("{column} = {value} AND {range}")
    }

    fn place(&mut self, key: &SortKey) -> String {
        let created_at = self.bind(Parameter::Int(Some(micros(key.created_at))));
        let id = self.bind(Parameter::Id(Some(key.id)));
        format!("{created_at}, {id}")
    }

    fn total(&mut self, bound: &TotalBound) -> String {
        let currency = self.bind(Parameter::Text(Some(bound.currency)));
        let minor_units = self.bind(Parameter::Int(Some(bound.minor_units)));
        let id = self.bind(Parameter::Id(Some(bound.id)));
        format!("{currency}, {minor_units}, {id}")
    }

    /// The conditions of a filter on rows named `looked`. The text is the same for every filter:
    /// what is not asked for is bound as NULL.
    fn comparisons(&mut self, filter: &OrderFilter) -> String {
        let statuses = filter.statuses.as_deref().unwrap_or_default();
        let [first, second, third] = [0, 1, 2].map(|index| {
            let status = statuses.get(index).copied().map(OrderStatus::as_str);
            self.bind(Parameter::Text(status))
        });
        let account = filter.account.map(|account| *account.as_uuid());
        let account = self.bind(Parameter::Id(account));
        let product = filter.product.map(|product| *product.as_uuid());
        let product = self.bind(Parameter::Id(product));
        let has_product = self.has_product("looked", &product);
        let from = self.bind(Parameter::Int(filter.created_from.map(micros)));
        let end = self.bind(Parameter::Int(filter.created_before.map(micros)));
        let totals = filter.totals;
        let currency = totals.map(|totals| totals.currency.code());
        let currency = self.bind(Parameter::Text(currency));
        let min = self.bind(Parameter::Int(totals.map(|totals| totals.min)));
        let max = self.bind(Parameter::Int(totals.map(|totals| totals.max)));
        format!(
            "({first} IS NULL OR looked.status IN ({first}, {second}, {third}))
             AND ({account} IS NULL OR looked.account_id = {account})
             AND ({product} IS NULL OR {has_product})
             AND ({from} IS NULL OR looked.created_at >= {from})
             AND ({end} IS NULL OR looked.created_at < {end})
             AND ({currency} IS NULL OR looked.currency = {currency}
                AND looked.total_minor >= {min} AND looked.total_minor <= {max})"
        )
    }
}

/// The condition that a key of an index is between the ends of a scan.
fn between(key: &str, after: &str, before: &str) -> String {
    format!("({key}) > ({after}) AND ({key}) < ({before})")
}

/// On SQLite: the keys of a table that a writer fills behind the commits of orders, and those of
/// the orders whose creation is behind it in the journal. A chunk that is being added is in both,
/// so each key is taken once. Only the second part, which is short, has to be sorted.
fn listed_or_not(
    columns: &str,
    table: &str,
    listed: &str,
    columns_of_order: &str,
    of_order: &str,
) -> String {
    format!(
        "SELECT {columns} FROM {table} WHERE {listed}
         UNION SELECT {columns_of_order}
         FROM journal AS j CROSS JOIN customer_order AS o ON o.id = j.entity_id
         WHERE j.rowid > coalesce((SELECT listed_to FROM order_listing), 0)
            AND j.event_type = 'order.created' AND {of_order}"
    )
}

/// On SQLite: an id as JSON has it. SQLite computes it once for a statement.
fn id_text(id: &str) -> String {
    let part = |from: u8, len: u8| format!("substr(hex({id}), {from}, {len})");
    let parts = [
        part(1, 8),
        part(9, 4),
        part(13, 4),
        part(17, 4),
        part(21, 12),
    ];
    format!("lower({})", parts.join(" || '-' || "))
}

fn select(condition: &str) -> String {
    format!("SELECT * FROM customer_order WHERE {condition}")
}
