//! Random commit faults under load: every response was true, and memory, rows and journal agree
//! (I1, I2, I5).

use std::sync::Arc;

use fritzy_actors::{OrderInput, OrderLineInput, Request, Shop, ShopError};
use fritzy_domain::{
    AccountCommand, AnnotationsInput, Code, CommandId, EntityId, OrderCommand, ProductCommand,
    State, Version,
};
use fritzy_testbed_shop::audit;
use futures_util::future::join_all;
use uuid::Uuid;

use crate::faulty_commits::{Disk, Fault, by_command};
use crate::fixtures::{deadline, keyed, product_input, unkeyed};

/// The outcome of a command as its client saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClientObservation {
    Done(Version),
    NotWritten,
    Unknown,
}

/// The outcome of each command of a client, and the orders it placed.
#[derive(Default)]
struct Client {
    commands: Vec<(CommandId, ClientObservation)>,
    orders: Vec<String>,
}

/// A pseudo-random sequence (xorshift), reproducible from its seed.
struct Chance(u64);

impl Chance {
    const fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }
}

/// Executes one command, chosen by `what`.
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
        0 => Ok((
            shop.create_account(request, name.into()).await?.version,
            None,
        )),
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
            let input = OrderInput {
                account_id: account.into(),
                lines: vec![OrderLineInput {
                    product_id: product.into(),
                    quantity: 1,
                }],
                annotations: AnnotationsInput::default(),
            };
            let placed = shop.place_order(request, &input).await?;
            Ok((placed.version, Some(placed.state.id.to_string())))
        }
    }
}

async fn client(shop: Arc<Shop>, number: u64, seed: u64, shared: (String, String)) -> Client {
    const COMMANDS: u64 = 60;
    /// One commit in five fails; this many failures in a row are practically impossible.
    const ATTEMPTS_MAX: usize = 50;
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
        let mut observed = ClientObservation::NotWritten;
        for _ in 0..ATTEMPTS_MAX {
            let shared = (shared.0.as_str(), shared.1.as_str());
            let latest = match act(&shop, &client, what, &request, shared).await {
                Ok((version, placed)) => {
                    client.orders.extend(placed);
                    ClientObservation::Done(version)
                }
                Err(failed) => match failed.code() {
                    Code::DeadlineExceeded | Code::Internal => ClientObservation::Unknown,
                    _ => ClientObservation::NotWritten,
                },
            };
            // That a repeat wrote nothing does not settle the attempts before it.
            if !(observed == ClientObservation::Unknown && latest == ClientObservation::NotWritten)
            {
                observed = latest;
            }
            if !is_keyed || observed != ClientObservation::Unknown {
                break;
            }
        }
        client.commands.push((request.command, observed));
    }
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn i1_commit_faults_under_load_keep_journal_and_rows_sound() {
    const CLIENTS: u64 = 12;
    let seed = Uuid::new_v4().as_u64_pair().0 | 1;
    println!("seed {seed}");
    let mut chance = Chance(seed);
    let mut faultless = 2;
    let disk = Disk::new(move || {
        // The first two commits create the entities that all clients share.
        if faultless > 0 {
            faultless -= 1;
            return Fault::Nothing;
        }
        match chance.below(10) {
            0 => Fault::NotWritten,
            1 => Fault::OutcomeLost,
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
    for (command, observed) in clients
        .iter()
        .flat_map(|client| &client.as_ref().expect("no panic").commands)
    {
        let events = by_command.get(command).map_or(&[][..], Vec::as_slice);
        match observed {
            ClientObservation::Done(version) => {
                counts[0] += 1;
                assert_eq!(
                    events.len(),
                    1,
                    "I1: events of the acknowledged {command:?}"
                );
                assert_eq!(events[0].version, *version, "I2: {command:?}");
            }
            ClientObservation::NotWritten => {
                counts[1] += 1;
                assert!(
                    events.is_empty(),
                    "{command:?} was refused, but wrote {events:?}"
                );
            }
            ClientObservation::Unknown => {
                counts[2] += 1;
                assert!(events.len() <= 1, "I1: {command:?} was executed twice");
            }
        }
    }
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
    for (entity, stored) in &found.states {
        let id = entity.as_uuid().to_string();
        let (version, state) = match entity {
            EntityId::Account(_) => {
                let seen = disk.shop.account(&id, deadline()).await.expect("exists");
                (seen.version, State::Account(seen.state))
            }
            EntityId::Product(_) => {
                let seen = disk.shop.product(&id, deadline()).await.expect("exists");
                (seen.version, State::Product(seen.state))
            }
            EntityId::Order(_) => {
                let seen = disk.shop.order(&id, deadline()).await.expect("exists");
                (seen.version, State::Order(seen.state))
            }
        };
        assert_eq!((version, &state), (stored.version, &stored.state), "I5");
    }
}
