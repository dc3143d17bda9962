//! The bytes of requests to shards and their replies, with every command, state and rejection.

mod rejections;

use std::sync::Arc;
use std::time::Instant;

use fritzy_cluster::{ShardHost, WIRE_MAX, WIRE_MIN};
use fritzy_domain::{
    Account, AccountCommand, AccountId, AccountPersonal, Annotations, AnnotationsChange,
    AnnotationsInput, Argument, Command, CommandId, Currency, EntityId, Fingerprint, Money, Order,
    OrderCommand, OrderId, OrderLine, OrderStatus, PlaceOrder, Product, ProductCommand, ProductId,
    Quote, QuotedLine, State, Stored,
};
use fritzy_testbed::{GoldenFile, require_all, variants};
use fritzy_types::Timestamp;
use uuid::Uuid;

use super::*;
use crate::messages::ShardReply;
use crate::{LocalShards, Request};
use rejections::rejections;

const ACCOUNT: AccountId = AccountId::from_uuid(Uuid::from_u128(0xa0a1));
const PRODUCT: ProductId = ProductId::from_uuid(Uuid::from_u128(0xb0b1));
const ORDER: OrderId = OrderId::from_uuid(Uuid::from_u128(0xc0a1));

/// Samples of a type, each with its name in the golden file.
type Samples<T> = Vec<(String, T)>;

fn samples<T>(named: impl IntoIterator<Item = (&'static str, T)>) -> Samples<T> {
    let named = named.into_iter();
    named
        .map(|(name, sample)| (name.to_owned(), sample))
        .collect()
}

fn values<T>(samples: &Samples<T>) -> impl Iterator<Item = &T> {
    samples.iter().map(|(_, sample)| sample)
}

/// The same samples inside of another type.
fn inside<T, U>(outer: &str, samples: Samples<T>, wrap: impl Fn(T) -> U) -> Samples<U> {
    let samples = samples.into_iter();
    let wrapped = samples.map(|(name, sample)| (format!("{outer}.{name}"), wrap(sample)));
    wrapped.collect()
}

fn money(minor_units: i64) -> Money {
    Money::from_minor_units(minor_units, Currency::USD).expect("in range")
}

fn annotations() -> Annotations {
    let input = AnnotationsInput {
        external_reference: Some("erp-1".into()),
        metadata: vec![("b".into(), "2".into()), ("a".into(), String::new())],
    };
    input.check().expect("valid")
}

fn annotations_change() -> AnnotationsChange {
    let entries = vec![
        ("b".into(), Argument::Value("2".into())),
        ("a".into(), Argument::Null),
    ];
    let change = AnnotationsChange::parse(&Argument::Value("r".into()), &Argument::Value(entries));
    change.expect("valid")
}

fn account_commands() -> Samples<AccountCommand> {
    let commands = samples([
        (
            "Create",
            AccountCommand::Create {
                name: "Ada".into(),
                annotations: Annotations::default(),
            },
        ),
        ("Rename", AccountCommand::Rename { name: "Bo".into() }),
        ("Close", AccountCommand::Close),
        ("Annotate", AccountCommand::Annotate(annotations_change())),
    ]);
    require_all(
        variants!(AccountCommand: Create, Rename, Close, Annotate),
        values(&commands),
    );
    commands
}

fn product_commands() -> Samples<ProductCommand> {
    let create = ProductCommand::Create {
        name: "Pen".into(),
        description: "blue".into(),
        price: money(99_999),
        annotations: Annotations::default(),
    };
    let reprice = ProductCommand::RepriceInOwnCurrency {
        amount: "1.50".into(),
    };
    let update = ProductCommand::Update {
        name: Some("Füller".into()),
        description: None,
    };
    let commands = samples([
        ("Create", create),
        ("Update", update),
        ("Reprice", ProductCommand::Reprice { price: money(1) }),
        ("Withdraw", ProductCommand::Withdraw),
        ("Annotate", ProductCommand::Annotate(annotations_change())),
        ("RepriceInOwnCurrency", reprice),
    ]);
    let all = variants!(ProductCommand: Create, Update, Reprice, Withdraw, Annotate,
        RepriceInOwnCurrency);
    require_all(all, values(&commands));
    commands
}

fn order_commands() -> Samples<OrderCommand> {
    let quote = Quote {
        product_id: PRODUCT,
        version: 3,
        name: "Pen".into(),
        unit_price: money(250),
    };
    let place = PlaceOrder {
        account_id: ACCOUNT,
        lines: vec![QuotedLine { quote, quantity: 2 }],
        annotations: Annotations::default(),
    };
    let reason = Some("late".into());
    let commands = samples([
        ("Place", OrderCommand::Place(place)),
        ("Confirm", OrderCommand::Confirm),
        ("Complete", OrderCommand::Complete),
        ("Cancel", OrderCommand::Cancel { reason: None }),
        ("Cancel.reason", OrderCommand::Cancel { reason }),
        ("Annotate", OrderCommand::Annotate(annotations_change())),
    ]);
    let all = variants!(OrderCommand: Place, Confirm, Complete, Cancel, Annotate);
    require_all(all, values(&commands));
    commands
}

fn commands() -> Samples<Command> {
    let mut commands = inside("Account", account_commands(), Command::Account);
    commands.extend(inside("Product", product_commands(), Command::Product));
    commands.extend(inside("Order", order_commands(), Command::Order));
    require_all(
        variants!(Command: Account, Product, Order),
        values(&commands),
    );
    commands
}

fn entities() -> Samples<EntityId> {
    let entities = samples([
        ("Account", EntityId::Account(ACCOUNT)),
        ("Product", EntityId::Product(PRODUCT)),
        ("Order", EntityId::Order(ORDER)),
    ]);
    require_all(
        variants!(EntityId: Account, Product, Order),
        values(&entities),
    );
    entities
}

fn requests() -> Samples<ShardRequest> {
    let request = |fingerprint| Request {
        command: CommandId::from_uuid(Uuid::from_u128(0xd0)),
        fingerprint,
        deadline: Deadline::at(Instant::now()),
    };
    let (keyed, unkeyed) = (request(Some(Fingerprint([7; 16]))), request(None));
    let mut requests = inside("Create", commands(), |command| ShardRequest::Create {
        command,
        request: keyed,
    });
    requests.extend(inside("Execute", commands(), |command| {
        ShardRequest::Execute {
            entity: EntityId::Order(ORDER),
            command,
            expected: None,
            request: unkeyed,
        }
    }));
    let expecting = ShardRequest::Execute {
        entity: EntityId::Account(ACCOUNT),
        command: Command::Account(AccountCommand::Close),
        expected: Some(300),
        request: keyed,
    };
    requests.push(("Execute.expected".into(), expecting));
    requests.extend(inside("Read", entities(), |entity| ShardRequest::Read {
        entity,
    }));
    requests.push(("Barrier".into(), ShardRequest::Barrier));
    let id = *ORDER.as_uuid();
    requests.push(("Find".into(), ShardRequest::Find { id }));
    let all = variants!(ShardRequest: Create, Execute, Read, Barrier, Find);
    require_all(all, values(&requests));
    requests
}

/// Requests and replies with annotations, which have a form since version 3.
fn annotated() -> (Samples<ShardRequest>, Samples<ShardReply>) {
    let mut creations: Samples<ShardRequest> = requests();
    creations.retain_mut(|(name, request)| {
        name.push_str(".annotations");
        let ShardRequest::Create { command, .. } = request else {
            return false;
        };
        let given = command.annotations_mut();
        given.map(|given| *given = annotations()).is_some()
    });
    assert_eq!(creations.len(), 3, "one of each kind");
    let replies = states().into_iter().map(|(name, mut state)| {
        *state.annotations_mut() = annotations();
        let version = 300;
        let snapshot = Arc::new(Stored { version, state });
        (
            format!("State.{name}.annotations"),
            ShardReply::State(snapshot),
        )
    });
    (creations, replies.collect())
}

fn statuses() -> Samples<OrderStatus> {
    let statuses = samples([
        ("Created", OrderStatus::Created),
        ("Confirmed", OrderStatus::Confirmed),
        ("Completed", OrderStatus::Completed),
        ("Cancelled", OrderStatus::Cancelled),
    ]);
    let all = variants!(OrderStatus: Created, Confirmed, Completed, Cancelled);
    require_all(all, values(&statuses));
    statuses
}

fn states() -> Samples<State> {
    let account = Account {
        id: ACCOUNT,
        created_at: Timestamp::from_micros(-5),
        closed: true,
        personal: AccountPersonal { name: "Ada".into() },
        annotations: Annotations::default(),
    };
    let product = Product {
        id: PRODUCT,
        created_at: Timestamp::from_micros(1_700_000_000_000_000),
        name: "Pen".into(),
        description: "blue".into(),
        price: money(99),
        withdrawn: false,
        annotations: Annotations::default(),
    };
    let mut states = samples([
        ("Account", State::Account(account)),
        ("Product", State::Product(product)),
    ]);
    states.extend(inside("Order", statuses(), |status| {
        let line = OrderLine {
            product_id: PRODUCT,
            product_version: 3,
            name: "Pen".into(),
            unit_price_minor: 99,
            quantity: 2,
        };
        State::Order(Order {
            id: ORDER,
            account_id: ACCOUNT,
            created_at: Timestamp::from_micros(6),
            status,
            lines: vec![line],
            total: money(198),
            cancel_reason: (status == OrderStatus::Cancelled).then(|| "late".into()),
            annotations: Annotations::default(),
        })
    }));
    require_all(variants!(State: Account, Product, Order), values(&states));
    states
}

fn replies() -> Samples<ShardReply> {
    let mut replies = inside("State", states(), |state| {
        ShardReply::State(Arc::new(Stored {
            version: 300,
            state,
        }))
    });
    replies.extend(inside("Rejected", rejections(), ShardReply::Rejected));
    replies.extend(samples([
        ("Absent", ShardReply::Absent),
        ("Exists", ShardReply::Exists),
        ("BarrierPassed", ShardReply::BarrierPassed),
    ]));
    let all = variants!(ShardReply: State, Absent, Rejected, Exists, BarrierPassed);
    require_all(all, values(&replies));
    replies
}

#[test]
fn bodies_have_their_golden_bytes_in_every_version() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/bodies.txt");
    let mut golden = GoldenFile::read(path);
    for wire in WIRE_MIN..=WIRE_MAX {
        let (mut requests, mut replies) = (requests(), replies());
        if wire >= ANNOTATED {
            let annotated = annotated();
            requests.extend(annotated.0);
            replies.extend(annotated.1);
        }
        for (name, request) in requests {
            let bytes = LocalShards::encode_request(&request, wire);
            golden.compare(&format!("v{wire} request {name}"), &bytes, |bytes| {
                let deadline = Deadline::at(Instant::now());
                let decoded = LocalShards::decode_request(bytes, deadline, wire);
                let decoded = decoded.map_err(|unreadable| unreadable.to_string())?;
                Ok(LocalShards::encode_request(&decoded, wire))
            });
        }
        for (name, reply) in replies {
            let bytes = LocalShards::encode_reply(&reply, wire);
            golden.compare(&format!("v{wire} reply {name}"), &bytes, |bytes| {
                let decoded = LocalShards::decode_reply(bytes, wire);
                let decoded = decoded.map_err(|unreadable| unreadable.to_string())?;
                Ok(LocalShards::encode_reply(&decoded, wire))
            });
        }
    }
    golden.finish();
}

#[test]
fn body_of_a_newer_version_is_unreadable() {
    let deadline = Deadline::at(Instant::now());
    for (name, request) in requests() {
        let bytes = LocalShards::encode_request(&request, WIRE_MAX);
        let longer = [&bytes[..], &[0]].concat();
        let shorter = &bytes[..bytes.len() - 1];
        for changed in [&longer[..], shorter] {
            let decoded = LocalShards::decode_request(changed, deadline, WIRE_MAX);
            assert!(decoded.is_err(), "{name}: {decoded:?}");
        }
    }
    for (name, reply) in replies() {
        let longer = [&LocalShards::encode_reply(&reply, WIRE_MAX)[..], &[0]].concat();
        let decoded = LocalShards::decode_reply(&longer, WIRE_MAX);
        assert!(decoded.is_err(), "{name}: {decoded:?}");
    }
    // Annotations of a command that has none.
    let (_, close) = requests().pop().expect("a request");
    let bytes = LocalShards::encode_request(&close, WIRE_MAX);
    let without = bytes.strip_suffix(&[0]).expect("no annotations");
    let misplaced = [without, &[1], &to_bytes(&annotations())].concat();
    let decoded = LocalShards::decode_request(&misplaced, deadline, WIRE_MAX);
    let unreadable = decoded.expect_err("misplaced").to_string();
    assert!(unreadable.contains("of no entity"), "{unreadable}");
    // A variant of each enum on the way to a command.
    for unknown in [&[200][..], &[0, 200], &[0, 0, 200]] {
        let decoded = LocalShards::decode_request(unknown, deadline, WIRE_MAX);
        let unreadable = decoded.expect_err("an unknown variant").to_string();
        assert!(unreadable.contains("200"), "{unreadable}");
    }
}

#[test]
fn older_node_is_sent_a_state_without_annotations() {
    let (_, replies) = annotated();
    for (name, reply) in replies {
        let bytes = LocalShards::encode_reply(&reply, WIRE_MIN);
        let decoded = LocalShards::decode_reply(&bytes, WIRE_MIN).expect("decodes");
        let (ShardReply::State(sent), ShardReply::State(received)) = (reply, decoded) else {
            panic!("{name}")
        };
        assert!(received.state.annotations().is_empty(), "{name}");
        let mut bare = (*sent).clone();
        *bare.state.annotations_mut() = Annotations::default();
        assert_eq!(*received, bare, "{name}");
    }
}

#[test]
fn only_requests_that_write_annotations_need_newer_nodes() {
    for (name, request) in requests() {
        let needed = LocalShards::required_wire(&request);
        let expected = if name.ends_with(".Annotate") {
            ANNOTATED
        } else {
            WIRE_MIN
        };
        assert_eq!(needed, expected, "{name}");
    }
    for (name, request) in annotated().0 {
        assert_eq!(LocalShards::required_wire(&request), ANNOTATED, "{name}");
    }
}
