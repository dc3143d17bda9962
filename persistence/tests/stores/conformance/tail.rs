//! The event tail of a database, on the stores that another process can open: a file and a server.

use std::path::PathBuf;

use fritzy_domain::{Position, RecordedEvent};
use fritzy_persistence::{EventTail, Stores, TailCursor, TailError, TailFrom};
use fritzy_testbed::ServiceError;
use fritzy_types::{ShardId, Timestamp};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use tempfile::TempDir;

use crate::fixture::{Fixture, SHARDS, node, postgres_config, sqlite_config};

/// Enough that each shard is read in several pages.
const EVENTS: u64 = 4_800;

enum Location {
    File(PathBuf),
    Server(String),
}

struct Database {
    fixture: Fixture,
    location: Location,
    _folder: Option<TempDir>,
}

impl Database {
    /// Always there; a result, as the suite expects of each store.
    async fn sqlite() -> Result<Self, ServiceError> {
        let folder = TempDir::new().expect("a temporary folder");
        let config = sqlite_config(&folder);
        let location = Location::File(config.file.clone());
        let stores = Stores::open_sqlite(config).await.expect("opens");
        Ok(Self {
            fixture: Fixture::claimed_by(node(1), stores).await,
            location,
            _folder: Some(folder),
        })
    }

    async fn postgres() -> Result<Self, ServiceError> {
        let config = postgres_config()?;
        let location = Location::Server(config.url.clone());
        let stores = Stores::open_postgres(config).await.expect("opens");
        Ok(Self {
            fixture: Fixture::claimed_by(node(1), stores).await,
            location,
            _folder: None,
        })
    }

    /// Creates accounts, each at the second of its number, in shard `number % SHARDS`.
    async fn create(&self, numbers: std::ops::RangeInclusive<u64>) {
        let appends = numbers.map(|number| self.fixture.new_account(number.into()));
        let journal = &self.fixture.stores.journal;
        let pending: Vec<_> = appends.map(|append| journal.append(append)).collect();
        for result in pending {
            result.await.expect("written");
        }
    }

    async fn tail(&self, from: &TailFrom) -> Result<EventTail, TailError> {
        match &self.location {
            Location::File(file) => EventTail::open_sqlite(file, from).await,
            Location::Server(url) => EventTail::open_postgres(url, from).await,
        }
    }

    /// Returns everything that a tail from there returns.
    async fn all(&self, from: &TailFrom) -> Vec<RecordedEvent> {
        let mut tail = self.tail(from).await.expect("opens");
        let events = rest(&mut tail).await;
        tail.close().await;
        events.expect("no gap")
    }

    async fn execute(&self, statement: &str) {
        let statement = sqlx::raw_sql(AssertSqlSafe(statement.to_owned()));
        match &self.location {
            Location::File(file) => {
                let url = format!("sqlite:{}", file.display());
                let mut connection = SqliteConnection::connect(&url).await.expect("opens");
                statement.execute(&mut connection).await.expect("done");
                connection.close().await.expect("closes");
            }
            Location::Server(url) => {
                let mut connection = PgConnection::connect(url).await.expect("opens");
                statement.execute(&mut connection).await.expect("done");
            }
        }
    }
}

/// Polls once and returns the events found.
async fn rest(tail: &mut EventTail) -> Result<Vec<RecordedEvent>, TailError> {
    tail.poll().await?;
    let mut events = Vec::new();
    while let Some(event) = tail.next().await? {
        events.push(event);
    }
    Ok(events)
}

fn seconds(events: &[RecordedEvent]) -> Vec<u64> {
    let second = |event: &RecordedEvent| event.event.at().as_micros() / 1_000_000;
    events.iter().map(|event| second(event) as u64).collect()
}

fn at_second(second: u64) -> TailFrom {
    TailFrom::At(Timestamp::from_micros(second as i64 * 1_000_000))
}

async fn tail_returns_every_event_once_in_order(database: Database) {
    database.create(1..=EVENTS).await;
    let all = database.all(&TailFrom::Start).await;
    assert_eq!(seconds(&all), (1..=EVENTS).collect::<Vec<_>>(), "by time");
    for shard in 0..SHARDS {
        let of_shard = all.iter().filter(|event| event.shard == ShardId(shard));
        let positions: Vec<Position> = of_shard.map(|event| event.position).collect();
        let expected: Vec<Position> = (1..=EVENTS / u64::from(SHARDS)).collect();
        assert_eq!(positions, expected, "I2: shard {shard}");
    }
    let event = &all[7];
    let stored = database
        .fixture
        .stores
        .journal
        .read_entity(event.shard, event.entity, 9);
    assert_eq!(
        stored.await.expect("reads").as_slice(),
        std::slice::from_ref(event),
        "every field"
    );
}

async fn tail_starts_where_requested(database: Database) {
    assert_eq!(database.all(&TailFrom::Last(10)).await, [], "no events yet");
    database.create(1..=1_000).await;
    // Many in one shard, as one busy account makes them: the last ten are complete.
    for number in 251..=265 {
        database.create(number * 4..=number * 4).await;
    }
    let busy: Vec<u64> = (251..=265).map(|number| number * 4).collect();
    for (from, expected) in [
        (TailFrom::Last(0), vec![]),
        (TailFrom::Last(10), busy[5..].to_vec()),
        (TailFrom::Last(17), [&[999, 1_000], &busy[..]].concat()),
        (TailFrom::Now, vec![]),
        (at_second(1_061), vec![]),
        (at_second(1_057), vec![1_060]),
        (at_second(998), [&[998, 999, 1_000], &busy[..]].concat()),
        (
            at_second(0),
            (1..=1_000).chain(busy.iter().copied()).collect(),
        ),
    ] {
        assert_eq!(seconds(&database.all(&from).await), expected, "{from:?}");
    }
    let more_than_there_are = database.all(&TailFrom::Last(10_000)).await;
    assert_eq!(more_than_there_are.len(), 1_015);
}

async fn tail_continues_with_new_events_and_from_its_cursor(database: Database) {
    database.create(1..=20).await;
    let mut tail = database.tail(&TailFrom::Now).await.expect("opens");
    assert_eq!(rest(&mut tail).await.expect("no gap"), []);
    database.create(21..=30).await;
    let new = rest(&mut tail).await.expect("no gap");
    assert_eq!(seconds(&new), (21..=30).collect::<Vec<_>>());
    // The tail ends in the middle of a poll; another continues after the last event it returned.
    database.create(31..=40).await;
    tail.poll().await.expect("polls");
    for second in 31..=35 {
        let event = tail.next().await.expect("no gap").expect("there are more");
        assert_eq!(seconds(&[event]), [second]);
    }
    let cursor = tail.cursor().to_string();
    tail.close().await;
    database.create(41..=45).await;
    let cursor: TailCursor = cursor.parse().expect("a cursor");
    let rest = database.all(&TailFrom::Cursor(cursor)).await;
    assert_eq!(seconds(&rest), (36..=45).collect::<Vec<_>>());
}

async fn i2_tail_stops_at_a_gap_and_names_it(database: Database) {
    database.create(1..=40).await;
    let delete = "DELETE FROM journal WHERE shard = 1 AND position = 4";
    database.execute(delete).await;
    let mut tail = database.tail(&TailFrom::Start).await.expect("opens");
    tail.poll().await.expect("polls");
    let mut returned = Vec::new();
    let gap = loop {
        match tail.next().await {
            Ok(event) => returned.push(event.expect("the gap is before the end")),
            Err(gap) => break gap,
        }
    };
    let TailError::Gap {
        shard: ShardId(1),
        missing: 4,
        head: 10,
    } = gap
    else {
        panic!("{gap}");
    };
    // Shard 1 has 1, 5, 9, 13 …: the fourth is missing.
    assert!(
        seconds(&returned).iter().all(|second| *second <= 13),
        "{returned:?}"
    );
    assert_eq!(tail.cursor().of(ShardId(1)), 3);
    tail.close().await;
    let refused = database.tail(&TailFrom::Last(40)).await.err();
    assert!(
        matches!(refused, Some(TailError::Gap { missing: 4, .. })),
        "{refused:?}"
    );
}

async fn cursor_beyond_the_end_is_refused(database: Database) {
    database.create(1..=8).await;
    for (cursor, text) in [
        ("1:3", "shard 1 ends at position 2"),
        ("9:1", "shard 9 ends at position 0"),
    ] {
        let cursor = TailFrom::Cursor(cursor.parse().expect("a cursor"));
        let mut tail = database.tail(&cursor).await.expect("opens");
        let refused = tail.poll().await.expect_err("refused").to_string();
        assert!(
            refused.contains(text) && refused.contains("--from start"),
            "{refused}"
        );
        tail.close().await;
    }
}

suite! {
    sqlite = crate::conformance::tail::Database::sqlite,
    postgres = crate::conformance::tail::Database::postgres => {
        tail::{
            tail_returns_every_event_once_in_order,
            tail_starts_where_requested,
            tail_continues_with_new_events_and_from_its_cursor,
            i2_tail_stops_at_a_gap_and_names_it,
            cursor_beyond_the_end_is_refused,
        }
    }
}
