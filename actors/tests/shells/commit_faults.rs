//! Commits that fail, that take effect without saying so, and that take long: nothing acknowledged is
//! lost, nothing happens twice, and nobody waits who needs no disk (I1, I2, I5, I8).

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fritzy_actors::{Request, Shop, ShopError};
use fritzy_domain::{
    AccountCommand, Code, CommandId, EntityId, OrderCommand, OrderStatus, ProductCommand, Recorded,
    State, Version,
};
use futures_util::future::join_all;
use uuid::Uuid;

use crate::audit::{Audit, audit};
use crate::faulty_commits::{Disk, Fault};
use crate::fixtures::{deadline, in_ms, keyed, order_input, product_input, unkeyed};

/// The faults of the next commits; then nothing goes wrong.
#[derive(Clone, Default)]
struct Script(Arc<Mutex<VecDeque<Fault>>>);

impl Script {
    async fn disk(&self) -> Disk {
        let script = self.clone();
        Disk::new(move || {
            let mut faults = script.0.lock().expect("not poisoned");
            faults.pop_front().unwrap_or(Fault::Nothing)
        })
        .await
    }

    fn next(&self, fault: Fault) {
        self.0.lock().expect("not poisoned").push_back(fault);
    }
}

fn code<T: std::fmt::Debug>(answer: Result<T, ShopError>) -> Code {
    answer.expect_err("refused").code()
}

/// The events of each command.
fn by_command(found: &Audit) -> HashMap<CommandId, Vec<&Recorded>> {
    let mut by_command: HashMap<CommandId, Vec<&Recorded>> = HashMap::new();
    for recorded in found.events.values().flatten() {
        by_command
            .entry(recorded.command)
            .or_default()
            .push(recorded);
    }
    by_command
}

/// An order that is in memory.
async fn active_order(shop: &Shop) -> String {
    let account = shop.create_account(&unkeyed(), "John".into()).await;
    let product = product_input("9.99", "USD");
    let product = shop.create_product(&unkeyed(), product).await;
    let (account, product) = (account.expect("created"), product.expect("created"));
    let input = order_input(&account.state, &[(&product.state, 2)]);
    let order = shop.place_order(&unkeyed(), &input).await.expect("placed");
    let id = order.state.id.to_string();
    shop.order(&id, deadline()).await.expect("exists");
    id
}

#[tokio::test]
async fn a_commit_that_fails_before_its_effect_is_refused_and_leaves_nothing() {
    let script = Script::default();
    let disk = script.disk().await;
    let id = active_order(&disk.shop).await;
    let (create, confirm) = (keyed("create", "k", "Jane"), keyed("confirm", "k", &id));

    script.next(Fault::NotWritten);
    let refused = disk.shop.create_account(&create, "Jane".into()).await;
    assert_eq!(code(refused), Code::Unavailable);
    script.next(Fault::NotWritten);
    let refused = disk
        .shop
        .command_order(&confirm, &id, OrderCommand::Confirm)
        .await;
    assert_eq!(code(refused), Code::Unavailable);
    let kept = disk.shop.order(&id, deadline()).await.expect("in memory");
    assert_eq!((kept.version, kept.state.status), (1, OrderStatus::Created));
    let found = audit(&disk.stores).await;
    assert!(!by_command(&found).contains_key(&create.command), "I1");
    assert!(!by_command(&found).contains_key(&confirm.command), "I1");

    let created = disk.shop.create_account(&create, "Jane".into()).await;
    created.expect("the disk works again");
    let confirmed = disk
        .shop
        .command_order(&confirm, &id, OrderCommand::Confirm)
        .await;
    assert_eq!(confirmed.expect("the disk works again").version, 2);
    let found = audit(&disk.stores).await;
    for command in [create.command, confirm.command] {
        assert_eq!(by_command(&found)[&command].len(), 1, "I1");
    }
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_found_by_its_key_and_never_made_twice() {
    let script = Script::default();
    let disk = script.disk().await;
    let id = active_order(&disk.shop).await;
    let (create, confirm) = (keyed("create", "k", "Jane"), keyed("confirm", "k", &id));

    script.next(Fault::AnswerLost);
    let lost = disk.shop.create_account(&create, "Jane".into()).await;
    assert_eq!(code(lost), Code::DeadlineExceeded, "unknown, not refused");
    script.next(Fault::AnswerLost);
    let lost = disk
        .shop
        .command_order(&confirm, &id, OrderCommand::Confirm)
        .await;
    assert_eq!(code(lost), Code::DeadlineExceeded, "unknown, not refused");

    // What is in memory is what was committed, although nobody was told so.
    let seen = disk.shop.order(&id, deadline()).await.expect("rebuilt");
    assert_eq!(
        (seen.version, seen.state.status),
        (2, OrderStatus::Confirmed)
    );
    let created = disk.shop.create_account(&create, "Jane".into()).await;
    assert_eq!(created.expect("the first answer").version, 1);
    let confirmed = disk
        .shop
        .command_order(&confirm, &id, OrderCommand::Confirm)
        .await;
    assert_eq!(confirmed, Ok(seen), "I8");
    let found = audit(&disk.stores).await;
    for command in [create.command, confirm.command] {
        assert_eq!(by_command(&found)[&command].len(), 1, "I1");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_commit_takes_long_readers_do_not_wait_and_what_is_late_is_dropped() {
    /// Much longer than a read, much shorter than a test's patience.
    const PATIENCE_MS: u64 = 500;
    /// A read of memory takes some microseconds; the rest is for busy machines.
    const READ_TIME_MAX: Duration = Duration::from_millis(100);
    let script = Script::default();
    let disk = script.disk().await;
    let id = active_order(&disk.shop).await;
    let created = disk.shop.create_account(&unkeyed(), "Reader".into()).await;
    let reader = created.expect("created").state.id.to_string();
    disk.shop.account(&reader, deadline()).await.expect("there");

    script.next(Fault::Held);
    let hurried = |request: Request| Request {
        deadline: in_ms(PATIENCE_MS),
        ..request
    };
    let confirm = hurried(keyed("confirm", "k", &id));
    let (shop, order) = (disk.shop.clone(), id.clone());
    let confirming = tokio::spawn(async move {
        shop.command_order(&confirm, &order, OrderCommand::Confirm)
            .await
    });
    disk.commits.held.notified().await;

    // One waits in the order's mailbox, one in the committer's queue, both behind the commit.
    let (cancel, create) = (hurried(unkeyed()), hurried(unkeyed()));
    let reads = async {
        let mut reads = 0;
        while !confirming.is_finished() {
            let began = Instant::now();
            disk.shop.account(&reader, deadline()).await.expect("there");
            let took = began.elapsed();
            assert!(took < READ_TIME_MAX, "a reader waited {took:?}");
            reads += 1;
            tokio::task::yield_now().await;
        }
        reads
    };
    let (reads, cancelled, late) = tokio::join!(
        reads,
        disk.shop
            .command_order(&cancel, &id, OrderCommand::Cancel { reason: None }),
        disk.shop.create_account(&create, "Late".into()),
    );
    assert!(reads > 10, "{reads} reads while the commit was under way");
    assert_eq!(code(confirming.await.expect("ran")), Code::DeadlineExceeded);
    assert_eq!(code(cancelled), Code::DeadlineExceeded);
    assert_eq!(code(late), Code::DeadlineExceeded);

    disk.commits.gate.notify_one();
    let patient = keyed("confirm", "k", &id);
    let confirmed = disk
        .shop
        .command_order(&patient, &id, OrderCommand::Confirm)
        .await;
    let confirmed = confirmed.expect("the first answer");
    assert_eq!(
        (confirmed.version, confirmed.state.status),
        (2, OrderStatus::Confirmed)
    );
    let seen = disk.shop.order(&id, deadline()).await;
    assert_eq!(seen, Ok(confirmed), "the late one came to nothing");
    let handed_in = |request: &Request| disk.commits.was_handed_in(request.command);
    assert!(!handed_in(&cancel), "dropped in the mailbox");
    assert!(handed_in(&create), "it waited for the committer");
    let found = audit(&disk.stores).await;
    assert_eq!(by_command(&found)[&patient.command].len(), 1, "I1");
    for late in [cancel, create] {
        assert!(!by_command(&found).contains_key(&late.command));
    }
}

/// What a client was told of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Done(Version),
    Nothing,
    Unknown,
}

/// What became of each command of a client, and the orders it placed.
#[derive(Default)]
struct Client {
    commands: Vec<(CommandId, Told)>,
    orders: Vec<String>,
}

/// A sequence that follows from its seed (an xorshift).
struct Chance(u64);

impl Chance {
    const fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }
}

/// Does one thing; `what` chooses it.
async fn act(
    shop: &Shop,
    client: &Client,
    (what, choice): (u64, u64),
    request: &Request,
    shared: (&str, &str),
) -> Result<(Version, Option<String>), ShopError> {
    let name = format!("Name {}", request.command.as_uuid());
    let (account, product) = shared;
    let order =
        |n: u64| client.orders[usize::try_from(n).expect("small") % client.orders.len()].clone();
    let moved = |command| async move {
        let order = shop.command_order(request, &order(choice), command).await;
        Ok((order?.version, None))
    };
    match what {
        0 => Ok((shop.create_account(request, name).await?.version, None)),
        1 => {
            let rename = AccountCommand::Rename { name };
            let renamed = shop.command_account(request, account, rename).await?;
            Ok((renamed.version, None))
        }
        2 => {
            let update = ProductCommand::Update {
                name: Some(name),
                description: None,
            };
            let updated = shop.command_product(request, product, update).await?;
            Ok((updated.version, None))
        }
        3 if !client.orders.is_empty() => moved(OrderCommand::Confirm).await,
        4 if !client.orders.is_empty() => moved(OrderCommand::Complete).await,
        5 if !client.orders.is_empty() => moved(OrderCommand::Cancel { reason: Some(name) }).await,
        _ => {
            let input = fritzy_actors::OrderInput {
                account_id: account.into(),
                lines: vec![fritzy_actors::OrderLineInput {
                    product_id: product.into(),
                    quantity: 1,
                }],
            };
            let placed = shop.place_order(request, &input).await?;
            Ok((placed.version, Some(placed.state.id.to_string())))
        }
    }
}

async fn client(shop: Arc<Shop>, number: u64, seed: u64, shared: (String, String)) -> Client {
    const COMMANDS: u64 = 60;
    /// One commit in five fails: so many in a row do not.
    const TRIES_MAX: usize = 50;
    let mut chance = Chance(seed ^ (number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let mut client = Client::default();
    for n in 0..COMMANDS {
        let is_keyed = chance.below(2) == 0;
        let what = (chance.below(8), chance.below(1_000));
        let request = if is_keyed {
            keyed("any", &format!("{number}/{n}"), "the same")
        } else {
            Request {
                command: CommandId::from_uuid(Uuid::now_v7()),
                ..unkeyed()
            }
        };
        let mut told = Told::Nothing;
        for _ in 0..TRIES_MAX {
            let shared = (shared.0.as_str(), shared.1.as_str());
            let answered = match act(&shop, &client, what, &request, shared).await {
                Ok((version, placed)) => {
                    client.orders.extend(placed);
                    Told::Done(version)
                }
                Err(failed) => match failed.code() {
                    Code::DeadlineExceeded | Code::Internal => Told::Unknown,
                    _ => Told::Nothing,
                },
            };
            // That a repeat wrote nothing says nothing of what came before it.
            if !(told == Told::Unknown && answered == Told::Nothing) {
                told = answered;
            }
            if !is_keyed || told != Told::Unknown {
                break;
            }
        }
        client.commands.push((request.command, told));
    }
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_that_fail_now_and_then_under_load_leave_everything_sound() {
    const CLIENTS: u64 = 12;
    let seed = Uuid::new_v4().as_u64_pair().0 | 1;
    println!("seed {seed}");
    let mut chance = Chance(seed);
    let mut quiet = 2;
    let disk = Disk::new(move || {
        // The first two make what all clients share.
        if quiet > 0 {
            quiet -= 1;
            return Fault::Nothing;
        }
        match chance.below(10) {
            0 => Fault::NotWritten,
            1 => Fault::AnswerLost,
            _ => Fault::Nothing,
        }
    })
    .await;
    let account = disk.shop.create_account(&unkeyed(), "Shared".into()).await;
    let product = product_input("9.99", "USD");
    let product = disk.shop.create_product(&unkeyed(), product).await;
    let shared = (
        account.expect("created").state.id.to_string(),
        product.expect("created").state.id.to_string(),
    );
    let clients = (0..CLIENTS).map(|number| {
        let (shop, shared) = (disk.shop.clone(), shared.clone());
        tokio::spawn(client(shop, number, seed, shared))
    });
    let clients = join_all(clients).await;

    let found = audit(&disk.stores).await;
    let by_command = by_command(&found);
    let mut counts = [0; 3];
    for (command, told) in clients
        .iter()
        .flat_map(|client| &client.as_ref().expect("no panic").commands)
    {
        let events = by_command.get(command).map_or(&[][..], Vec::as_slice);
        match told {
            Told::Done(version) => {
                counts[0] += 1;
                assert_eq!(events.len(), 1, "I1: {command:?} was acknowledged");
                assert_eq!(events[0].version, *version, "I2: {command:?}");
            }
            Told::Nothing => {
                counts[1] += 1;
                assert!(events.is_empty(), "{command:?} was refused: {events:?}");
            }
            Told::Unknown => {
                counts[2] += 1;
                assert!(events.len() <= 1, "I1: {command:?} happened twice");
            }
        }
    }
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
    for (entity, stored) in &found.states {
        let id = entity.as_uuid().to_string();
        let (version, state) = match entity {
            EntityId::Account(_) => {
                let seen = disk.shop.account(&id, deadline()).await.expect("there");
                (seen.version, State::Account(seen.state))
            }
            EntityId::Product(_) => {
                let seen = disk.shop.product(&id, deadline()).await.expect("there");
                (seen.version, State::Product(seen.state))
            }
            EntityId::Order(_) => {
                let seen = disk.shop.order(&id, deadline()).await.expect("there");
                (seen.version, State::Order(seen.state))
            }
        };
        assert_eq!((version, &state), (stored.version, &stored.state), "I5");
    }
}
