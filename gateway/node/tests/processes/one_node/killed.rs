//! Kills at random times under the load of the whole shop. Afterwards the API and the database are
//! compared with the log of each client (I1, I2, I5, I8).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fritzy_domain::{
    AccountEvent, EntityId, Event, OrderEvent, ProductEvent, RecordedEvent, State, Stored,
};
use fritzy_testbed::{KafkaCluster, Workspace, skip_unless};
use fritzy_testbed_shop::kafka::{Consumed, consume_in_java, start_brokers};
use fritzy_testbed_shop::{Api, Audit, RESPONSE_TIME_MAX};
use hyper::Method;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::one_node::database::Database;
use crate::one_node::shop_clients::{ClientObservation, SeededRandom, ShopClient};

const ROUNDS: usize = 10;
/// No further round begins after this time, because a busy machine is no fault.
const TIME_MAX: Duration = Duration::from_secs(50);
/// Enough that commits batch several requests.
const CLIENTS: u64 = 12;
/// Acknowledgements of a round before its kill, at most.
const ACKNOWLEDGED_MAX: u64 = 150;
/// Acknowledgements that prove progress after a fault.
const AFTER_FAULT: usize = 60;

/// The text that identifies a request in the client's log and in the event.
fn token(event: &Event) -> String {
    match event {
        Event::Account(AccountEvent::Created(created)) => created.personal.name.clone(),
        Event::Account(AccountEvent::Renamed(renamed)) => renamed.personal.name.clone(),
        Event::Product(ProductEvent::Created(created)) => created.name.clone(),
        Event::Product(ProductEvent::Repriced(repriced)) => {
            let minor_units = repriced.price.minor_units();
            format!("{}/{minor_units}", repriced.product_id)
        }
        Event::Order(OrderEvent::Created(created)) => {
            format!("{}/{}", created.account_id, created.lines[0].quantity)
        }
        Event::Order(OrderEvent::Cancelled(cancelled)) => {
            cancelled.reason.clone().unwrap_or_default()
        }
        Event::Order(OrderEvent::Confirmed(_) | OrderEvent::Completed(_)) => String::new(),
        other => panic!("never requested: {other:?}"),
    }
}

/// Compares every log line with the events: a completed request is there once and at its version, a
/// refused one is not there, an unknown one at most once, and no event exists that was not
/// requested.
pub(crate) fn require_logs_kept(clients: &[ShopClient], found: &Audit) {
    let mut by_token: HashMap<(&str, String), Vec<&RecordedEvent>> = HashMap::new();
    let mut by_place: HashMap<(String, u64), &RecordedEvent> = HashMap::new();
    for recorded in found.events.values().flatten() {
        let event = recorded.event.event_type();
        let same = by_token.entry((event, token(&recorded.event))).or_default();
        same.push(recorded);
        let place = (recorded.entity.as_uuid().to_string(), recorded.version);
        by_place.insert(place, recorded);
    }
    let mut moves_told = 0;
    for entry in clients.iter().flat_map(|client| &client.log) {
        let token = (entry.event, entry.token.clone());
        let times = by_token.get(&token).map_or(0, Vec::len);
        let is_move = entry.token.is_empty();
        match &entry.observed {
            ClientObservation::Done { id, version } => {
                let there = by_place.get(&(id.clone(), *version));
                let there = there.unwrap_or_else(|| panic!("I1: {entry:?} is lost"));
                let event = &there.event;
                assert_eq!(event.event_type(), entry.event, "I1: {entry:?}");
                assert_eq!(self::token(event), entry.token, "I1: {entry:?}");
                assert!(
                    is_move || times == 1,
                    "I1: {entry:?} is there {times} times"
                );
            }
            ClientObservation::Nothing => assert!(is_move || times == 0, "{entry:?} happened"),
            ClientObservation::Unknown => {
                assert!(is_move || times <= 1, "I1: {entry:?} happened twice")
            }
        }
        moves_told += usize::from(is_move);
    }
    let observed = clients.iter().map(|client| client.log.len()).sum::<usize>();
    let unanswered = clients.iter().filter(|client| client.is_unanswered());
    let asked = observed + unanswered.count();
    let events = found.events.values().map(Vec::len).sum::<usize>();
    assert!(events <= asked, "{events} events of {asked} requests");
    let moves = ["order.confirmed", "order.completed"].map(|event| (event, String::new()));
    let moves = moves.map(|token| by_token.get(&token).map_or(0, Vec::len));
    assert!(moves.iter().sum::<usize>() <= moves_told + clients.len());
}

/// The API returns exactly what the database contains (I5).
async fn require_api_agrees(api: &Api, states: &BTreeMap<EntityId, Stored<State>>) {
    let mut expected: BTreeMap<String, Value> = BTreeMap::new();
    for (entity, Stored { version, state }) in states {
        let id = entity.as_uuid().to_string();
        let seen = match state {
            State::Account(account) => {
                json!({ "id": id, "version": version, "name": account.personal.name })
            }
            State::Product(product) => json!({
                "id": id,
                "version": version,
                "name": product.name,
                "priceMoney": { "minorUnits": product.price.minor_units() },
            }),
            State::Order(order) => json!({
                "id": id,
                "version": version,
                "status": order.status.as_str().to_uppercase(),
                "cancelReason": order.cancel_reason,
                "totalMoney": { "minorUnits": order.total.minor_units() },
            }),
        };
        expected.insert(id, seen);
    }
    let mut listed: BTreeMap<String, Value> = BTreeMap::new();
    let mut list = |entry: Value| {
        let id = entry["id"].as_str().expect("an id").to_owned();
        let before = listed.insert(id, entry);
        assert!(before.is_none(), "listed twice: {before:?}");
    };
    let accounts = "query($skip: Int) { entries: accounts(pagination: { skip: $skip, take: 100 }) {
        id version name orders(pagination: { take: 1000 }) {
            id version status cancelReason totalMoney { minorUnits } } } }";
    let products = "query($skip: Int) { entries: products(pagination: { skip: $skip, take: 100 }) {
        id version name priceMoney { minorUnits } } }";
    for document in [accounts, products] {
        for skip in (0..).step_by(100) {
            let page = api.run_with(document, json!({ "skip": skip })).await;
            let Value::Array(page) = page.data("/entries") else {
                panic!("no list: {page:?}");
            };
            if page.is_empty() {
                break;
            }
            for mut entry in page {
                let mut orders = entry
                    .as_object_mut()
                    .and_then(|entry| entry.remove("orders"));
                if let Some(Value::Array(orders)) = orders.take() {
                    orders.into_iter().for_each(&mut list);
                }
                list(entry);
            }
        }
    }
    assert_eq!(listed, expected, "I5: the API and the file");
}

/// Repeatedly runs clients on a node over `database`, causes `fault` in the middle, waits for
/// progress and kills the node. After each kill the database is compared with the clients' logs.
#[expect(clippy::print_stdout, reason = "a test prints its seed")]
async fn kill_again_and_again(
    database: &Database,
    workspace: &Workspace,
    rounds_max: usize,
    further: &[&str],
    fault: impl Fn(usize),
) {
    let seed = std::env::var("FRITZY_TEST_SEED").map_or_else(
        |_| uuid::Uuid::new_v4().as_u64_pair().0,
        |seed| seed.parse().expect("the seed is a number"),
    );
    println!("seed {seed}: again with FRITZY_TEST_SEED={seed}");
    let began = Instant::now();
    let mut chance = SeededRandom::new(seed);
    let arguments = database.arguments();
    let arguments = arguments.iter().map(String::as_str);
    let arguments: Vec<&str> = arguments.chain(further.iter().copied()).collect();
    let mut clients: Vec<ShopClient> = (0..CLIENTS)
        .map(|number| ShopClient::new(number, seed))
        .collect();
    let mut left: Option<BTreeMap<EntityId, Stored<State>>> = None;
    let mut rounds = 0;
    while rounds < rounds_max && (rounds == 0 || began.elapsed() < TIME_MAX) {
        let mut node = workspace.node_with(&arguments);
        let api = Api::at(node.address());
        if let Some(left) = &left {
            require_api_agrees(&api, left).await;
        }
        let (count, mut acknowledged) = watch::channel(0);
        let count = Arc::new(count);
        let running: Vec<_> = clients
            .drain(..)
            .map(|client| tokio::spawn(client.run(api.clone(), count.clone())))
            .collect();
        let mut wait_for = async |enough: usize| {
            let reached = acknowledged.wait_for(|so_far| *so_far >= enough);
            let reached = timeout(RESPONSE_TIME_MAX, reached).await;
            drop(reached.expect("the node acknowledges in time"));
        };
        wait_for(1 + usize::try_from(chance.below(ACKNOWLEDGED_MAX)).expect("small")).await;
        if let Database::Postgres(_) = database {
            tokio::task::block_in_place(|| fault(rounds));
            let so_far = *count.borrow();
            wait_for(so_far + AFTER_FAULT).await;
        }
        node.kill();
        for client in running {
            let ended = timeout(RESPONSE_TIME_MAX, client).await;
            let ended = ended.expect("clients end with the node");
            clients.push(ended.expect("no client was refused"));
        }
        let found = database.read_left().await;
        require_logs_kept(&clients, &found);
        left = Some(found.states);
        rounds += 1;
    }
    let repeats = clients.iter().map(|client| client.repeats).sum::<usize>();
    let lines = clients.iter().map(|client| client.log.len()).sum::<usize>();
    println!("{rounds} kills, {lines} lines in the logs, {repeats} repeated with their keys");
    assert!(
        repeats > 0 || rounds < 2,
        "some were under way when the node was killed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn i1_node_killed_at_random_keeps_acknowledged_writes() {
    let workspace = Workspace::new();
    let database = Database::file(&workspace);
    kill_again_and_again(&database, &workspace, ROUNDS, &[], |_| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i1_node_on_postgres_killed_at_random_keeps_writes() {
    let database = skip_unless!(Database::postgres());
    let workspace = Workspace::new();
    kill_again_and_again(&database, &workspace, ROUNDS, &[], |_| {}).await;
    database.verify(&workspace);
}

#[tokio::test(flavor = "multi_thread")]
async fn i1_postgres_crashing_under_load_keeps_writes() {
    let database = skip_unless!(Database::postgres());
    let workspace = Workspace::new();
    let Database::Postgres(server) = &database else {
        unreachable!()
    };
    let crash = |round: usize| {
        if round.is_multiple_of(2) {
            server.stop_immediate().expect("stops");
        } else {
            server.kill().expect("killed");
        }
        server.restart().expect("starts");
    };
    kill_again_and_again(&database, &workspace, 4, &[], crash).await;
    database.verify(&workspace);
}

#[tokio::test(flavor = "multi_thread")]
async fn i1_postgres_stalling_under_load_keeps_writes() {
    let database = skip_unless!(Database::postgres());
    let workspace = Workspace::new();
    let Database::Postgres(server) = &database else {
        unreachable!()
    };
    let stall = |_| {
        server.pause().expect("pauses");
        std::thread::sleep(Duration::from_secs(10));
        server.resume().expect("resumes");
    };
    kill_again_and_again(&database, &workspace, 1, &[], stall).await;
    database.verify(&workspace);
}

/// Kafka has all acknowledged events and everything else of the journal, in order (I6), however
/// often the node is killed within a batch.
#[expect(clippy::print_stdout, reason = "a report of the test")]
async fn publishes_all_of_it(
    cluster: &KafkaCluster,
    workspace: &Workspace,
    database: &Database,
    rounds: usize,
) {
    let brokers = cluster.bootstrap();
    let kafka = ["--kafka-brokers", &*brokers];
    let apply = [&["topics", "apply", "--partitions", "3"], &kafka[..]].concat();
    let applied = workspace.run(&mut workspace.command(&apply));
    assert_eq!(applied.code, Some(0), "{applied:?}");
    assert!(
        applied.stdout.contains("order.events: created"),
        "{applied:?}"
    );
    kill_again_and_again(database, workspace, rounds, &kafka, |_| {}).await;
    let arguments = database.arguments();
    let arguments = arguments.iter().map(String::as_str).chain(kafka);
    let mut node = workspace.node_with(&arguments.collect::<Vec<_>>());
    let api = Api::at(node.address());
    let published = "fritzy_projection_lag_events{projection=\"kafka\"} 0\n";
    let began = Instant::now();
    loop {
        let scrape = api.request(Method::GET, "/metrics");
        let metrics = api.send(scrape, "").await.text;
        // At its start, the node does not know its lag yet.
        if metrics.contains(published) && began.elapsed() > Duration::from_secs(3) {
            break;
        }
        assert!(began.elapsed() < TIME_MAX, "{metrics}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    node.kill();
    let journal: Vec<RecordedEvent> = database
        .read_left()
        .await
        .events
        .into_values()
        .flatten()
        .collect();
    let consumed = Consumed::all(&brokers);
    consumed.require_whole(&journal);
    let Consumed {
        messages, repeats, ..
    } = consumed;
    let in_java = consume_in_java(cluster);
    in_java.require_whole(&journal);
    assert_eq!((in_java.messages, in_java.repeats), (messages, repeats));
    println!(
        "{} events, {messages} messages, {repeats} of them repeats",
        journal.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn i6_node_killed_within_a_batch_publishes_all_of_it() {
    let cluster = skip_unless!(start_brokers(1));
    let workspace = Workspace::new();
    publishes_all_of_it(&cluster, &workspace, &Database::file(&workspace), 6).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i6_node_on_postgres_killed_within_a_batch_publishes_it() {
    let database = skip_unless!(Database::postgres());
    let cluster = skip_unless!(start_brokers(1));
    publishes_all_of_it(&cluster, &Workspace::new(), &database, 4).await;
}
