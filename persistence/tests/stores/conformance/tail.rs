//! The tail of a database, on those that another process can open: a file and a server.

use std::path::PathBuf;

use fritzy_domain::{Position, RecordedEvent};
use fritzy_persistence::{EventTail, Stores, TailCursor, TailError, TailFrom};
use fritzy_types::{ShardId, Timestamp};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use tempfile::TempDir;

use crate::fixture::{Fixture, SHARDS, node, postgres_config, sqlite_config};

/// Enough that each shard is read in several pages.
const EVENTS: u64 = 4_800;

enum Place {
    File(PathBuf),
    Server(String),
}

struct Database {
    fixture: Fixture,
    place: Place,
    _folder: Option<TempDir>,
}

impl Database {
    async fn sqlite() -> Option<Self> {
        let folder = TempDir::new().expect("a temporary folder");
        let config = sqlite_config(&folder);
        let place = Place::File(config.file.clone());
        let stores = Stores::open_sqlite(config).await.expect("opens");
        Some(Self {
            fixture: claimed(stores).await,
            place,
            _folder: Some(folder),
        })
    }

    async fn postgres(test: &str) -> Option<Self> {
        let config = postgres_config(test)?;
        let place = Place::Server(config.url.clone());
        let stores = Stores::open_postgres(config).await.expect("opens");
        Some(Self {
            fixture: claimed(stores).await,
            place,
            _folder: None,
        })
    }

    /// Creates accounts; each is dated at the second of its number, and stands in shard `number % SHARDS`.
    async fn create(&self, numbers: std::ops::RangeInclusive<u64>) {
        let appends = numbers.map(|number| self.fixture.new_account(number.into()));
        let journal = &self.fixture.stores.journal;
        let pending: Vec<_> = appends.map(|append| journal.append(append)).collect();
        for answer in pending {
            answer.await.expect("written");
        }
    }

    async fn tail(&self, from: &TailFrom) -> Result<EventTail, TailError> {
        match &self.place {
            Place::File(file) => EventTail::open_sqlite(file, from).await,
            Place::Server(url) => EventTail::open_postgres(url, from).await,
        }
    }

    /// What a tail hands out that begins there.
    async fn all(&self, from: &TailFrom) -> Vec<RecordedEvent> {
        let mut tail = self.tail(from).await.expect("opens");
        let events = rest(&mut tail).await;
        tail.close().await;
        events.expect("no gap")
    }

    async fn execute(&self, statement: &str) {
        let statement = sqlx::raw_sql(AssertSqlSafe(statement.to_owned()));
        match &self.place {
            Place::File(file) => {
                let url = format!("sqlite:{}", file.display());
                let mut connection = SqliteConnection::connect(&url).await.expect("opens");
                statement.execute(&mut connection).await.expect("done");
                connection.close().await.expect("closes");
            }
            Place::Server(url) => {
                let mut connection = PgConnection::connect(url).await.expect("opens");
                statement.execute(&mut connection).await.expect("done");
            }
        }
    }
}

async fn claimed(stores: Stores) -> Fixture {
    let shards: Vec<ShardId> = stores.ownership.shard_count().all().collect();
    let leases = stores.ownership.claim(node(1), &shards).await;
    Fixture::on(stores, leases.expect("claims"))
}

/// What one look finds.
async fn rest(tail: &mut EventTail) -> Result<Vec<RecordedEvent>, TailError> {
    tail.look().await?;
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

async fn everything_is_handed_out_once_and_in_order(database: Database) {
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
        "whole"
    );
}

async fn a_tail_begins_where_it_is_told(database: Database) {
    assert_eq!(database.all(&TailFrom::Last(10)).await, [], "nothing yet");
    database.create(1..=1_000).await;
    // Many in one shard, as one busy account makes them: the last ten are all there.
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

async fn a_tail_goes_on_with_what_is_new_and_from_its_cursor(database: Database) {
    database.create(1..=20).await;
    let mut tail = database.tail(&TailFrom::Now).await.expect("opens");
    assert_eq!(rest(&mut tail).await.expect("no gap"), []);
    database.create(21..=30).await;
    let news = rest(&mut tail).await.expect("no gap");
    assert_eq!(seconds(&news), (21..=30).collect::<Vec<_>>());
    // It ends in the midst of a look; another goes on behind what was handed out.
    database.create(31..=40).await;
    tail.look().await.expect("looks");
    for second in 31..=35 {
        let event = tail.next().await.expect("no gap").expect("there is more");
        assert_eq!(seconds(&[event]), [second]);
    }
    let cursor = tail.cursor().to_string();
    tail.close().await;
    database.create(41..=45).await;
    let cursor: TailCursor = cursor.parse().expect("a cursor");
    let rest = database.all(&TailFrom::Cursor(cursor)).await;
    assert_eq!(seconds(&rest), (36..=45).collect::<Vec<_>>());
}

async fn a_gap_is_named_and_nothing_behind_it_is_handed_out(database: Database) {
    database.create(1..=40).await;
    let missing = "DELETE FROM journal WHERE shard = 1 AND position = 4";
    database.execute(missing).await;
    let mut tail = database.tail(&TailFrom::Start).await.expect("opens");
    tail.look().await.expect("looks");
    let mut handed_out = Vec::new();
    let gap = loop {
        match tail.next().await {
            Ok(event) => handed_out.push(event.expect("the gap comes before the end")),
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
        seconds(&handed_out).iter().all(|second| *second <= 13),
        "{handed_out:?}"
    );
    assert_eq!(tail.cursor().of(ShardId(1)), 3);
    tail.close().await;
    let refused = database.tail(&TailFrom::Last(40)).await.err();
    assert!(
        matches!(refused, Some(TailError::Gap { missing: 4, .. })),
        "{refused:?}"
    );
}

async fn a_cursor_behind_the_end_is_refused(database: Database) {
    database.create(1..=8).await;
    for (cursor, text) in [
        ("1:3", "shard 1 ends at position 2"),
        ("9:1", "shard 9 ends at position 0"),
    ] {
        let cursor = TailFrom::Cursor(cursor.parse().expect("a cursor"));
        let mut tail = database.tail(&cursor).await.expect("opens");
        let refused = tail.look().await.expect_err("refused").to_string();
        assert!(
            refused.contains(text) && refused.contains("--from start"),
            "{refused}"
        );
        tail.close().await;
    }
}

/// Makes a test on a file and one on a server from each check.
macro_rules! tails {
    ($($check:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $check() {
                if let Some(database) = super::Database::sqlite().await {
                    super::$check(database).await;
                }
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $check() {
                if let Some(database) = super::Database::postgres(stringify!($check)).await {
                    super::$check(database).await;
                }
            })+
        }
    };
}

tails! {
    everything_is_handed_out_once_and_in_order,
    a_tail_begins_where_it_is_told,
    a_tail_goes_on_with_what_is_new_and_from_its_cursor,
    a_gap_is_named_and_nothing_behind_it_is_handed_out,
    a_cursor_behind_the_end_is_refused,
}
