//! A database with a writer and readers, without the committer's task: nothing happens between two
//! steps of a test.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use fritzy_domain::{
    AccountId, Annotations, Append, Command, CommandId, Currency, DecisionContext, EventId, Money,
    Order, OrderCommand, OrderFilter, OrderId, OrderInterval, OrderKey, OrderListPage,
    OrderLists as _, OrderSort, PlaceOrder, ProductId, Quote, QuotedLine, State, Stored,
    UnlimitedBudget,
};
use fritzy_types::{Deadline, Epoch, NodeId, ShardCount, ShardId, ShardLease, Timestamp};
use sqlx::{Row as _, SqliteConnection};
use tempfile::TempDir;
use uuid::Uuid;

use crate::committer::{BatchError, BatchStore as _, Sequenced};
use crate::sqlite::SqliteConfig;
use crate::sqlite::open::prepare;
use crate::sqlite::options::connect_options;
use crate::sqlite::read_model::SqliteReadModel;
use crate::sqlite::reader::SqliteReader;
use crate::sqlite::write::SqliteBatches;

const SHARDS: u16 = 4;
const OWNER: Uuid = Uuid::from_u128(1);

pub(super) struct Shop {
    folder: TempDir,
    chunk_rows: u32,
    pub(super) batches: Option<SqliteBatches>,
    pub(super) read_model: SqliteReadModel,
    /// For statements of tests.
    pub(super) connection: SqliteConnection,
    heads: BTreeMap<ShardId, u64>,
}

/// How far the tables are filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Progress {
    /// Journal rows behind `listed_to`.
    pub(super) behind: i64,
    /// Rows by product, and by total, of orders behind `listed_to`.
    pub(super) half_listed: (i64, i64),
    /// The same of the orders up to `listed_to`, and how many there should be.
    pub(super) listed: (i64, i64),
    pub(super) expected: (i64, i64),
}

impl Shop {
    pub(super) async fn new(chunk_rows: u32) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let (batches, read_model, connection) = open(&folder, chunk_rows).await;
        Self {
            folder,
            chunk_rows,
            batches: Some(batches),
            read_model,
            connection,
            heads: BTreeMap::new(),
        }
    }

    /// Drops the writer as a kill does, between two of its transactions, and opens the file again.
    pub(super) async fn reopen(&mut self) {
        self.batches = None;
        let (batches, read_model, connection) = open(&self.folder, self.chunk_rows).await;
        self.batches = Some(batches);
        self.read_model = read_model;
        self.connection = connection;
    }

    pub(super) async fn commit(&mut self, appends: &[Append]) -> Result<(), BatchError> {
        let mut heads = self.heads.clone();
        let mut batch = Vec::new();
        for append in appends {
            let head = heads.entry(append.lease.shard).or_default();
            let first = *head + 1;
            *head += append.events.len() as u64;
            batch.push(Sequenced { append, first });
        }
        let batches = self.batches.as_mut().expect("open");
        let committed = batches.commit(&batch).await;
        if committed.is_ok() {
            self.heads = heads;
        }
        committed
    }

    /// Lets the writer be idle until it has nothing to do. Returns how often it wrote.
    pub(super) async fn idle(&mut self) -> usize {
        let batches = self.batches.as_mut().expect("open");
        let mut steps = 0;
        while batches.idle_wait().is_some() {
            batches.use_idle_time().await;
            steps += 1;
            assert!(steps < 1_000, "an idle writer does not end");
        }
        steps
    }

    pub(super) async fn progress(&mut self) -> Progress {
        let of = |side: &str, table: &str| {
            format!(
                "(SELECT count(*) FROM {table} AS t WHERE EXISTS (SELECT 1 FROM journal
                    WHERE entity_id = t.order_id AND event_type = 'order.created' AND rowid {side} listed_to))"
            )
        };
        let statement = format!(
            "SELECT (SELECT max(rowid) FROM journal) - listed_to, {}, {}, {}, {},
                (SELECT count(*) FROM journal JOIN customer_order AS o ON o.id = entity_id,
                    json_each(o.lines) WHERE event_type = 'order.created' AND journal.rowid <= listed_to),
                (SELECT count(*) FROM journal WHERE event_type = 'order.created' AND rowid <= listed_to)
             FROM order_listing",
            of(">", "order_line"),
            of(">", "order_total"),
            of("<=", "order_line"),
            of("<=", "order_total"),
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(statement))
            .fetch_one(&mut self.connection)
            .await
            .expect("reads");
        Progress {
            behind: row
                .try_get::<Option<i64>, _>(0)
                .expect("a number")
                .unwrap_or(0),
            half_listed: (row.get(1), row.get(2)),
            listed: (row.get(3), row.get(4)),
            expected: (row.get(5), row.get(6)),
        }
    }

    /// A list, walked in pages.
    pub(super) async fn walk(
        &self,
        filter: &OrderFilter,
        sort: OrderSort,
        from_end: bool,
    ) -> Vec<Stored<Order>> {
        const TAKE: u32 = 150;
        let mut walked = Vec::new();
        let mut at = None;
        loop {
            let page = OrderListPage {
                interval: interval(sort, at, from_end),
                take: TAKE,
                from_end,
            };
            let slice = self.read_model.order_page(filter, page, &UnlimitedBudget);
            let mut orders = slice.await.expect("reads").orders;
            if from_end {
                orders.reverse();
            }
            let is_last = orders.len() < TAKE as usize;
            at = orders.last().map(|order| OrderKey::of(&order.state, sort));
            walked.extend(orders);
            if is_last {
                return walked;
            }
        }
    }
}

async fn open(
    folder: &TempDir,
    chunk_rows: u32,
) -> (SqliteBatches, SqliteReadModel, SqliteConnection) {
    use sqlx::Connection as _;
    let config = SqliteConfig {
        shards: ShardCount::new(SHARDS).expect("in range"),
        listing_chunk_rows: chunk_rows,
        ..SqliteConfig::new(folder.path().join("fritzy.db"))
    };
    let options = connect_options(&config.file);
    let connect = async || {
        SqliteConnection::connect_with(&options)
            .await
            .expect("opens")
    };
    let (mut writer, mut connection) = (connect().await, connect().await);
    let prepared = prepare(&mut writer, &config, &config.file, None).await;
    let (continuity, listing) = prepared.expect("opens");
    let claimed = sqlx::query("UPDATE shard SET owner = ?, epoch = 1").bind(OWNER);
    claimed.execute(&mut connection).await.expect("claims");
    let damage = continuity.damage().clone();
    let read_model = SqliteReadModel::new(SqliteReader::new(options.clone(), 1, damage));
    let batches = SqliteBatches::new(writer, continuity, listing);
    (batches, read_model, connection)
}

fn interval(sort: OrderSort, at: Option<OrderKey>, from_end: bool) -> OrderInterval {
    let (after, before) = if from_end { (None, at) } else { (at, None) };
    let creation = |key| match key {
        OrderKey::Creation(key) => key,
        OrderKey::Total(_) => panic!("a key of another list"),
    };
    let total = |key| match key {
        OrderKey::Total(key) => key,
        OrderKey::Creation(_) => panic!("a key of another list"),
    };
    match sort {
        OrderSort::Creation => OrderInterval::Creation {
            after: after.map(creation),
            before: before.map(creation),
        },
        OrderSort::Total => OrderInterval::Total {
            after: after.map(total),
            before: before.map(total),
        },
    }
}

pub(super) fn product(number: u8) -> ProductId {
    ProductId::from_uuid(Uuid::from_u128(0xAB00 + u128::from(number)))
}

pub(super) fn account(number: u128) -> AccountId {
    CommandId::from_uuid(Uuid::from_u128(number << 16 | number)).new_account()
}

/// The creation of an order in second `second`, with one line of each product and all at one price.
pub(super) fn creation(number: u128, second: i64, products: &[u8], price: i64) -> Append {
    // The name of one product is the id of another, which is no line of it.
    let code = if price % 3 == 0 { "EUR" } else { "USD" };
    let currency = Currency::from_code(code).expect(code);
    let line = |number: &u8| QuotedLine {
        quote: Quote {
            product_id: product(*number),
            version: 1,
            name: product(number ^ 1).to_string(),
            unit_price: Money::from_minor_units(price, currency).expect("in range"),
        },
        quantity: 1,
    };
    let place = OrderCommand::Place(PlaceOrder {
        account_id: account(number % 5),
        lines: products.iter().map(line).collect(),
        annotations: Annotations::default(),
    });
    decided(None, place, number, second)
}

pub(super) fn cancellation(order: &Stored<Order>, number: u128) -> Append {
    decided(
        Some(order),
        OrderCommand::Cancel { reason: None },
        number,
        1,
    )
}

fn decided(
    before: Option<&Stored<Order>>,
    command: OrderCommand,
    number: u128,
    second: i64,
) -> Append {
    let command_id = CommandId::from_uuid(Uuid::from_u128(number << 16));
    let context = DecisionContext {
        now: Timestamp::from_micros(second * 1_000_000),
        command: command_id,
    };
    let version = before.map_or(0, |order| order.version);
    let before = before.map(|order| State::Order(order.state.clone()));
    let events = State::decide(before.as_ref(), Command::Order(command), &context);
    let events = events.expect("accepted");
    let state = events.iter().fold(before, State::evolve).expect("exists");
    let entity = state.id();
    let shards = ShardCount::new(SHARDS).expect("in range");
    Append {
        lease: ShardLease {
            shard: shards.shard_of(entity.slot()),
            owner: NodeId::from_uuid(OWNER),
            epoch: Epoch(1),
        },
        entity,
        expected_version: version,
        command: command_id,
        fingerprint: None,
        events: events
            .into_iter()
            .map(|event| (EventId::from_uuid(Uuid::new_v4()), event))
            .collect(),
        state,
        deadline: Deadline::at(Instant::now() + Duration::from_secs(60)),
    }
}

pub(super) fn order_of(append: &Append) -> Stored<Order> {
    match &append.state {
        State::Order(order) => Stored {
            version: append.expected_version + append.events.len() as u64,
            state: order.clone(),
        },
        other => panic!("{other:?}"),
    }
}

pub(super) type Model = BTreeMap<OrderId, Stored<Order>>;

/// What a list must have.
pub(super) fn expected(model: &Model, filter: &OrderFilter, sort: OrderSort) -> Vec<Stored<Order>> {
    let matching = model.values().filter(|order| filter.matches(&order.state));
    let mut orders: Vec<Stored<Order>> = matching.cloned().collect();
    orders.sort_by_key(|order| {
        let order = &order.state;
        let id = *order.id.as_uuid();
        match sort {
            OrderSort::Creation => ("", order.created_at.as_micros(), id),
            OrderSort::Total => (order.total.currency().code(), order.total.minor_units(), id),
        }
    });
    orders
}
