//! PgBouncer in front of the server: with session pooling it changes nothing; other modes are
//! rejected, because they do not keep what is set in a session.

use std::time::Duration;

use fritzy_domain::{Page, UnlimitedBudget};
use fritzy_persistence::{
    CursorAdmin, EventTail, PostgresConfig as StoreConfig, PostgresError, PostgresRestore, Stores,
    TailFrom, VerifyProgress, backup_postgres, migrate_postgres, raise_postgres_generation,
    restore_postgres, verify_postgres,
};
use fritzy_testbed::{PgBouncer, PostgresConfig, PostgresServer, ServiceError, skip_unless};
use fritzy_types::ShardCount;
use sqlx::{Connection, PgConnection, Row};

use crate::fixture::{Fixture, SHARDS, node};

/// Longer than the limit of waiting for a lock (2 s).
const LOCKED_FOR: Duration = Duration::from_secs(4);

struct Pooled {
    server: PostgresServer,
    pooler: PgBouncer,
}

impl Pooled {
    fn new(pool_mode: &str) -> Result<Self, ServiceError> {
        let server = PostgresServer::start(PostgresConfig::default())?;
        let pooler = PgBouncer::start(&server, pool_mode)?;
        Ok(Self { server, pooler })
    }

    fn config(&self) -> StoreConfig {
        StoreConfig {
            shards: ShardCount::new(SHARDS).expect("in range"),
            ..StoreConfig::new(self.pooler.url())
        }
    }

    /// The longest time that a statement of a committer has waited for a lock, while a table is
    /// locked for [`LOCKED_FOR`].
    async fn longest_wait(&self, fixture: &Fixture) -> Duration {
        let url = self.server.url("postgres");
        let connect = async || PgConnection::connect(&url).await.expect("connects");
        // In the transaction, the view of activity would not change.
        let (mut other, mut watcher) = (connect().await, connect().await);
        let mut locking = other.begin().await.expect("begins");
        sqlx::query("LOCK TABLE journal IN ACCESS EXCLUSIVE MODE")
            .execute(&mut *locking)
            .await
            .expect("locks");
        let watching = async {
            let mut longest = 0.0_f64;
            let until = tokio::time::Instant::now() + LOCKED_FOR;
            while tokio::time::Instant::now() < until {
                let row = sqlx::query(
                    "SELECT coalesce(max(extract(epoch FROM clock_timestamp() - query_start)), 0)::float8
                     FROM pg_stat_activity WHERE wait_event_type = 'Lock'",
                )
                .fetch_one(&mut watcher)
                .await
                .expect("reads");
                longest = longest.max(row.get(0));
            }
            Duration::from_secs_f64(longest)
        };
        let (longest, _) = tokio::join!(watching, fixture.create_account(2));
        locking.rollback().await.expect("unlocks");
        longest
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pooler_with_session_pooling_keeps_all_limits() {
    let pooled = skip_unless!(Pooled::new("session"));
    let config = pooled.config();
    migrate_postgres(&config).await.expect("migrates");
    let stores = Stores::open_postgres(config.clone()).await.expect("opens");
    let fixture = Fixture::claimed_by(node(1), stores).await;
    fixture.create_account(1).await.expect("written");
    let page = Page { skip: 0, take: 9 };
    let listed = fixture.stores.read_model.accounts(page, &UnlimitedBudget);
    assert_eq!(listed.await.expect("reads").len(), 1);
    let membership = fixture.stores.membership.as_ref().expect("on a server");
    membership.heartbeat(node(1)).await.expect("a heartbeat");
    let tail = EventTail::open_postgres(&config.url, &TailFrom::Start).await;
    tail.expect("opens").poll().await.expect("reads");
    let verified = verify_postgres(&config.url, 10, &VerifyProgress::default()).await;
    assert_eq!(verified.expect("reads").total(), 0);

    let waited = pooled.longest_wait(&fixture).await;
    let limit = Duration::from_millis(1_500)..Duration::from_millis(2_600);
    assert!(limit.contains(&waited), "lock_timeout is 2 s: {waited:?}");
    fixture.stores.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pooler_that_shares_sessions_is_refused_by_name() {
    for mode in ["transaction", "statement"] {
        let pooled = skip_unless!(Pooled::new(mode));
        let config = pooled.config();
        let tail = EventTail::open_postgres(&config.url, &TailFrom::Start);
        let progress = VerifyProgress::default();
        let verified = verify_postgres(&config.url, 10, &progress);
        for refused in [
            Stores::open_postgres(config.clone())
                .await
                .err()
                .map(|failure| {
                    assert!(
                        matches!(failure, PostgresError::SharedSessions { .. }),
                        "{failure}"
                    );
                    failure.to_string()
                }),
            migrate_postgres(&config)
                .await
                .err()
                .map(|failure| failure.to_string()),
            tail.await.err().map(|failure| failure.to_string()),
            verified.await.err().map(|failure| failure.to_string()),
            CursorAdmin::open_postgres(&config.url)
                .await
                .err()
                .map(|failure| failure.to_string()),
        ] {
            assert_names_the_remedy(&refused.expect("refused"), mode);
        }
    }
}

/// What a restore begins or replaces, and the locks that a pooler would keep.
const TRACES: &str = "
    SELECT (SELECT count(*) FROM generation), (SELECT count(*) FROM journal),
        (SELECT oid FROM pg_class WHERE oid = 'meta'::regclass),
        (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory')";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restore_through_a_sharing_pooler_changes_nothing() {
    for mode in ["transaction", "statement"] {
        let pooled = skip_unless!(Pooled::new(mode));
        let direct = pooled.server.url("postgres");
        let config = StoreConfig {
            url: direct.clone(),
            ..pooled.config()
        };
        let stores = Stores::open_postgres(config).await.expect("opens");
        let fixture = Fixture::claimed_by(node(1), stores).await;
        fixture.create_account(1).await.expect("written");
        fixture.stores.close().await;
        let folder = tempfile::tempdir().expect("a folder");
        let sound = folder.path().join("sound");
        let backed_up = backup_postgres(&direct, &sound, false).await;
        assert_eq!(backed_up.expect("made").0.events, 1);
        let before = pooled.server.psql("postgres", TRACES).expect("reads");

        let through = pooled.pooler.url();
        let target = folder.path().join("refused");
        let refused = backup_postgres(through, &target, false).await;
        let refused = refused.expect_err("refused").to_string();
        assert_names_the_remedy(&refused, mode);
        assert!(!target.exists());
        let raised = raise_postgres_generation(through, false).await;
        assert_names_the_remedy(&raised.expect_err("refused").to_string(), mode);
        for while_nodes_run in [false, true] {
            let restore = PostgresRestore {
                url: through.to_owned(),
                backup: sound.clone(),
                replace: true,
                while_nodes_run,
                allow_unsafe: false,
            };
            let refused = restore_postgres(&restore).await;
            assert_names_the_remedy(&refused.expect_err("refused").to_string(), mode);
        }
        let after = pooled.server.psql("postgres", TRACES).expect("reads");
        assert_eq!(after, before, "{mode}");
    }
}

fn assert_names_the_remedy(refused: &str, mode: &str) {
    for part in ["PgBouncer", "pool_mode = session"] {
        assert!(refused.contains(part), "{mode}: {refused}");
    }
}
