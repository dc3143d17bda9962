//! SIGKILL at random moments under the load of the whole shop; afterwards the API and the file are
//! compared with what each client noted (I1, I2, I5, I8).

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fritzy_domain::{
    AccountEvent, EntityId, Event, OrderEvent, ProductEvent, Recorded, ShardCount, State, Stored,
};
use fritzy_persistence::{SqliteConfig, Stores};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::audit::{Audit, audit};
use crate::client::{ANSWER_TIME_MAX, Api};
use crate::node_process::Ground;
use crate::shop_clients::{Chance, ShopClient, Told};

const ROUNDS: usize = 10;
/// No further round begins after so long: a busy machine is no fault.
const TIME_MAX: Duration = Duration::from_secs(50);
/// Enough that commits hold several of them.
const CLIENTS: u64 = 12;
/// Acknowledgements of a round before its kill, at most.
const ACKNOWLEDGED_MAX: u64 = 150;
/// Few, so that each has many events.
const SHARDS: u16 = 8;

/// The same text in the client's log and in the event.
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
        other => panic!("nobody asked for {other:?}"),
    }
}

/// What the killed node left, read from a copy, so that the next node finds it as it was left.
async fn read_left(data: &Path) -> Audit {
    let copy = TempDir::new().expect("a temporary folder");
    for name in ["fritzy.db", "fritzy.db-wal"] {
        let from = data.join(name);
        if from.exists() {
            std::fs::copy(from, copy.path().join(name)).expect("a copy");
        }
    }
    let config = SqliteConfig {
        shards: ShardCount::new(SHARDS).expect("in range"),
        ..SqliteConfig::new(copy.path().join("fritzy.db"))
    };
    let stores = Stores::open_sqlite(config).await.expect("it opens");
    let found = audit(&stores).await;
    stores.close().await;
    found
}

/// Every line of every log against the events: done is there once and where it was said to be, refused
/// is not there, unknown is there once at most; and nothing is there that nobody asked for.
fn require_logs_kept(clients: &[ShopClient], found: &Audit) {
    let mut by_token: HashMap<(&str, String), Vec<&Recorded>> = HashMap::new();
    let mut by_place: HashMap<(String, u64), &Recorded> = HashMap::new();
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
        match &entry.told {
            Told::Done { id, version } => {
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
            Told::Nothing => assert!(is_move || times == 0, "{entry:?} happened"),
            Told::Unknown => assert!(is_move || times <= 1, "I1: {entry:?} happened twice"),
        }
        moves_told += usize::from(is_move);
    }
    let told = clients.iter().map(|client| client.log.len()).sum::<usize>();
    let unanswered = clients.iter().filter(|client| client.is_unanswered());
    let asked = told + unanswered.count();
    let events = found.events.values().map(Vec::len).sum::<usize>();
    assert!(events <= asked, "{events} events, {asked} asked for");
    let moves = ["order.confirmed", "order.completed"].map(|event| (event, String::new()));
    let moves = moves.map(|token| by_token.get(&token).map_or(0, Vec::len));
    assert!(moves.iter().sum::<usize>() <= moves_told + clients.len());
}

/// The API answers exactly what the file held (I5).
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

#[tokio::test(flavor = "multi_thread")]
async fn a_node_killed_at_random_moments_keeps_what_every_client_noted() {
    let seed = std::env::var("FRITZY_TEST_SEED").map_or_else(
        |_| uuid::Uuid::new_v4().as_u64_pair().0,
        |seed| seed.parse().expect("the seed is a number"),
    );
    println!("seed {seed}: again with FRITZY_TEST_SEED={seed}");
    let began = Instant::now();
    let mut chance = Chance::new(seed);
    let ground = Ground::new();
    let data = ground.current().join("data");
    let shards = SHARDS.to_string();
    let mut clients: Vec<ShopClient> = (0..CLIENTS)
        .map(|number| ShopClient::new(number, seed))
        .collect();
    let mut left: Option<BTreeMap<EntityId, Stored<State>>> = None;
    let mut rounds = 0;
    while rounds < ROUNDS && began.elapsed() < TIME_MAX {
        let mut node = ground.node_with(&["--shards", &shards]);
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
        let enough = 1 + usize::try_from(chance.below(ACKNOWLEDGED_MAX)).expect("small");
        let reached = acknowledged.wait_for(|so_far| *so_far >= enough);
        let reached = timeout(ANSWER_TIME_MAX, reached).await;
        drop(reached.expect("the node acknowledges in time"));
        node.kill();
        for client in running {
            let ended = timeout(ANSWER_TIME_MAX, client).await;
            let ended = ended.expect("clients end with the node");
            clients.push(ended.expect("no client was refused"));
        }
        let found = read_left(&data).await;
        require_logs_kept(&clients, &found);
        left = Some(found.states);
        rounds += 1;
    }
    let repeats = clients.iter().map(|client| client.repeats).sum::<usize>();
    let lines = clients.iter().map(|client| client.log.len()).sum::<usize>();
    println!("{rounds} kills, {lines} lines in the logs, {repeats} asked again under their keys");
    assert!(repeats > 0, "some were under way when the node was killed");
}
