//! External references: unique within a kind among what is neither closed nor withdrawn, and freed
//! by closing, withdrawing and removing.

use std::collections::HashMap;

use fritzy_domain::{
    AccountCommand, Annotations, AnnotationsChange, AnnotationsInput, Append, AppendError,
    AppendOutcome, Argument, Command, EntityId, ExternalReference, Fingerprint, Kind, OrderCommand,
    PlaceOrder, ProductCommand, State, Stored,
};
use fritzy_persistence::{VerifyProgress, verify_postgres};
use futures_util::future::join_all;
use sqlx::{Connection, PgConnection};

use crate::conformance::cluster::{Cluster, SHARDS};
use crate::fixture::{Fixture, account_id, cents, command_id};

const KEY: Fingerprint = Fingerprint([9; 16]);

fn annotations(reference: &str) -> Annotations {
    let input = AnnotationsInput {
        external_reference: Some(reference.into()),
        metadata: vec![
            ("source".into(), "\"öl\" 🧴\n'x'".into()),
            ("b".into(), String::new()),
        ],
    };
    input.check().expect("valid")
}

/// The append of a creation, with a reference or without.
fn creation(fixture: &Fixture, kind: Kind, number: u128, reference: Option<&str>) -> Append {
    let mut command = match kind {
        Kind::Account => Command::Account(AccountCommand::Create {
            name: format!("account {number}"),
            annotations: Annotations::default(),
        }),
        Kind::Product => Command::Product(ProductCommand::Create {
            name: format!("product {number}"),
            description: String::new(),
            price: cents(1),
            annotations: Annotations::default(),
        }),
        Kind::Order => return order(fixture, number, number, reference, None),
    };
    let given = command.annotations_mut().expect("a creation");
    *given = reference.map(annotations).unwrap_or_default();
    fixture.decided(None, 0, command, command_id(number), None)
}

fn order(
    fixture: &Fixture,
    number: u128,
    account: u128,
    reference: Option<&str>,
    key: Option<Fingerprint>,
) -> Append {
    let Append { state, .. } = fixture.new_order(number, account_id(account), None);
    let State::Order(placed) = state else {
        panic!("an order")
    };
    let lines = placed.lines.iter().map(|line| fritzy_domain::QuotedLine {
        quote: fritzy_domain::Quote {
            product_id: line.product_id,
            version: line.product_version,
            name: line.name.clone(),
            unit_price: cents(line.unit_price_minor),
        },
        quantity: line.quantity.into(),
    });
    let place = Command::Order(OrderCommand::Place(PlaceOrder {
        account_id: placed.account_id,
        lines: lines.collect(),
        annotations: reference.map(annotations).unwrap_or_default(),
    }));
    fixture.decided(None, 0, place, command_id(number), key)
}

/// The append of a change of annotations; `None` removes the reference.
fn annotate(fixture: &Fixture, of: &Stored<State>, number: u128, to: Option<&str>) -> Append {
    let reference = to.map_or(Argument::Null, |text| Argument::Value(text.into()));
    let change = AnnotationsChange::parse(&reference, &Argument::Absent).expect("valid");
    let command = match of.state {
        State::Account(_) => Command::Account(AccountCommand::Annotate(change)),
        State::Product(_) => Command::Product(ProductCommand::Annotate(change)),
        State::Order(_) => Command::Order(OrderCommand::Annotate(change)),
    };
    changed(fixture, of, number, command)
}

fn changed(fixture: &Fixture, of: &Stored<State>, number: u128, command: Command) -> Append {
    let (state, after) = (Some(of.state.clone()), of.version);
    fixture.decided(state, after, command, command_id(number), None)
}

/// Writes an append, and returns the state and version after it.
async fn write(fixture: &Fixture, append: Append) -> Result<Stored<State>, AppendError> {
    let state = append.state.clone();
    let written = fixture.stores.journal.append(append).await?;
    let version = written.version;
    Ok(Stored { version, state })
}

async fn holder(fixture: &Fixture, kind: Kind, reference: &str) -> Option<Stored<State>> {
    let reference = ExternalReference::parse(reference).expect("valid");
    let read_model = &fixture.stores.read_model;
    let found = read_model.find_reference(kind, &reference).await;
    found.expect("reads")
}

fn taken(holder: &Stored<State>) -> Result<Stored<State>, AppendError> {
    let holder = holder.state.id();
    Err(AppendError::ReferenceTaken { holder })
}

pub(crate) async fn annotations_are_read_back_and_found(fixture: Fixture) {
    let fixture = fixture.claimed().await;
    for (number, kind) in [Kind::Account, Kind::Product, Kind::Order]
        .into_iter()
        .enumerate()
    {
        let number = number as u128 * 10;
        let (first, second) = (format!("r {number}"), format!("\u{fe}{number}"));
        let created = creation(&fixture, kind, number, Some(&first));
        let created = write(&fixture, created).await.expect("written");
        assert_eq!(
            holder(&fixture, kind, &first).await.as_ref(),
            Some(&created)
        );

        let moved = annotate(&fixture, &created, number + 1, Some(&second));
        let moved = write(&fixture, moved).await.expect("written");
        assert_eq!(holder(&fixture, kind, &first).await, None);
        let found = holder(&fixture, kind, &second).await;
        assert_eq!(found.as_ref(), Some(&moved));
        let ids = [created.state.id()];
        let rows = fixture.stores.read_model.load(&ids).await.expect("reads");
        assert_eq!(rows, [found]);

        let removed = annotate(&fixture, &moved, number + 2, None);
        write(&fixture, removed).await.expect("written");
        assert_eq!(holder(&fixture, kind, &second).await, None);
    }
}

pub(crate) async fn reference_belongs_to_one_entity_of_its_kind(fixture: Fixture) {
    let fixture = fixture.claimed().await;
    for (base, kind) in [
        (100, Kind::Account),
        (200, Kind::Product),
        (300, Kind::Order),
    ] {
        // Other kinds have the same one.
        let first = creation(&fixture, kind, base, Some("shared"));
        let first = write(&fixture, first).await.expect("written");
        let second = creation(&fixture, kind, base + 1, Some("shared"));
        assert_eq!(write(&fixture, second).await, taken(&first));
        let other = creation(&fixture, kind, base + 2, Some("Shared"));
        let other = write(&fixture, other).await.expect("another reference");
        let moved = annotate(&fixture, &other, base + 3, Some("shared"));
        assert_eq!(write(&fixture, moved).await, taken(&first));

        // Its own is not in its way.
        let again = annotate(&fixture, &first, base + 4, Some("shared"));
        let again = write(&fixture, again).await.expect("its own reference");
        let removed = annotate(&fixture, &again, base + 5, None);
        write(&fixture, removed).await.expect("written");
        let moved = annotate(&fixture, &other, base + 6, Some("shared"));
        write(&fixture, moved).await.expect("it is free");
        assert_eq!(holder(&fixture, kind, "Shared").await, None);
    }
}

pub(crate) async fn closed_and_withdrawn_entities_free_their_reference(fixture: Fixture) {
    let fixture = fixture.claimed().await;
    let closings = [
        (Kind::Account, Command::Account(AccountCommand::Close)),
        (Kind::Product, Command::Product(ProductCommand::Withdraw)),
    ];
    for (base, (kind, closing)) in (1..).zip(closings) {
        let base = base * 100;
        let first = creation(&fixture, kind, base, Some("r"));
        let first = write(&fixture, first).await.expect("written");
        let closed = changed(&fixture, &first, base + 1, closing);
        let closed = write(&fixture, closed).await.expect("written");
        let reference = closed.state.annotations().external_reference.as_ref();
        assert_eq!(reference.map(ExternalReference::as_str), Some("r"));
        assert_eq!(holder(&fixture, kind, "r").await, None);
        let second = creation(&fixture, kind, base + 2, Some("r"));
        let second = write(&fixture, second).await.expect("it is free");
        assert_eq!(holder(&fixture, kind, "r").await, Some(second));
    }
    let order = creation(&fixture, Kind::Order, 300, Some("r"));
    let order = write(&fixture, order).await.expect("written");
    let reason = None;
    let cancel = Command::Order(OrderCommand::Cancel { reason });
    let cancelled = changed(&fixture, &order, 301, cancel);
    let cancelled = write(&fixture, cancelled).await.expect("written");
    let second = creation(&fixture, Kind::Order, 302, Some("r"));
    assert_eq!(write(&fixture, second).await, taken(&cancelled));
}

/// Two claims, and a release and a claim, of one reference in what could be one batch.
pub(crate) async fn taken_reference_in_a_batch_fails_alone(fixture: Fixture) {
    let fixture = fixture.claimed().await;
    let holding = creation(&fixture, Kind::Account, 1, Some("held"));
    let holding = write(&fixture, holding).await.expect("written");
    let appends: Vec<Append> = (100..200)
        .map(|number| {
            let reference = match number % 5 {
                0 => Some("held"),
                1 => Some("contended"),
                _ => None,
            };
            creation(&fixture, Kind::Account, number, reference)
        })
        .collect();
    let ids: Vec<EntityId> = appends.iter().map(|append| append.entity).collect();
    let writing = appends
        .into_iter()
        .map(|append| fixture.stores.journal.append(append));
    let results = join_all(writing).await;
    let contended = holder(&fixture, Kind::Account, "contended").await;
    let contended = contended.expect("one has it").state.id();
    for ((number, id), result) in (100..200).zip(&ids).zip(results) {
        let holder = match number % 5 {
            0 => holding.state.id(),
            1 if *id != contended => contended,
            _ => {
                assert!(result.is_ok(), "account {number}: {result:?}");
                continue;
            }
        };
        let expected = Err(AppendError::ReferenceTaken { holder });
        assert_eq!(result, expected, "account {number}");
    }
}

/// The first use of a key has the reference of its repeat.
pub(crate) async fn i8_repeated_key_goes_before_a_taken_reference(fixture: Fixture) {
    let fixture = fixture.claimed().await;
    let first = order(&fixture, 7, 1, Some("r"), Some(KEY));
    let first = write(&fixture, first).await.expect("written");
    for account in [1, 2] {
        let again = order(&fixture, 7, account, Some("r"), Some(KEY));
        let again = write(&fixture, again).await;
        assert_eq!(again, Err(AppendError::Conflict), "account {account}");
    }
    let other = order(&fixture, 8, 1, Some("r"), Some(KEY));
    assert_eq!(write(&fixture, other).await, taken(&first));

    let first = creation(&fixture, Kind::Account, 9, Some("r"));
    write(&fixture, first).await.expect("written");
    let again = creation(&fixture, Kind::Account, 9, Some("r"));
    assert_eq!(write(&fixture, again).await, Err(AppendError::Conflict));
}

/// References that the clients of one round claim: so many that a batch has several of them.
const CONTENDED: u128 = 32;
const ROUNDS: u128 = 30;

/// Clients of two nodes claim the same references at once, in any order, each by a creation and by
/// an annotation on every node. One wins each; the others learn who, and their neighbours notice
/// nothing.
pub(crate) async fn concurrent_claims_have_one_winner_each(cluster: Cluster) {
    let nodes = [cluster.join(1).await, cluster.join(2).await];
    let mut leases = Vec::new();
    for (number, node) in nodes.into_iter().enumerate() {
        let half = SHARDS / 2;
        let first = half * number as u16;
        let shards: Vec<_> = (first..first + half)
            .map(|shard| (fritzy_types::ShardId(shard), None))
            .collect();
        let acquired = cluster.members_of(number).acquire(node, &shards).await;
        leases.extend(acquired.expect("acquires"));
    }
    leases.sort_unstable_by_key(|lease| lease.shard);
    let shops = [0, 1].map(|number| cluster.shop(number, leases.clone()));
    let mut random = fastrand::Rng::with_seed(11);
    for round in 0..ROUNDS {
        let mut claims = Vec::new();
        for (number, shop) in shops.iter().enumerate() {
            claims.push(claims_of(shop, number, round, &mut random).await);
        }
        let [one, two] = [0, 1].map(|number| {
            let appends = claims[number].iter().map(|(_, append)| append.clone());
            join_all(appends.map(|append| shops[number].stores.journal.append(append)))
        });
        let (one, two) = tokio::join!(one, two);
        let claims = claims.iter().flatten();
        require_one_winner_each(claims.zip(one.into_iter().chain(two)));
    }
    if let Some(url) = cluster.url() {
        for stores in &cluster.stores {
            stores.close().await;
        }
        require_sound(url).await;
    }
}

/// Appends of one node in one round, in random order, each with the reference that it claims.
async fn claims_of(
    shop: &Fixture,
    node: usize,
    round: u128,
    random: &mut fastrand::Rng,
) -> Vec<(Option<String>, Append)> {
    let half = u128::from(SHARDS) / 2;
    let number_of = |index: u128| {
        let shard = node as u128 * half + index % half;
        (1_000 * (round + 1) + index) * u128::from(SHARDS) + shard
    };
    // Even and odd shards have different committers.
    let created =
        |index, reference: Option<&str>| creation(shop, Kind::Account, number_of(index), reference);
    let bare = (0..CONTENDED).map(|index| write(shop, created(2 * index + 1, None)));
    let bare = join_all(bare).await.into_iter();
    let mut claims = Vec::new();
    for (index, bare) in (0..).zip(bare) {
        let reference = format!("r{round}-{index}");
        let bare = bare.expect("written");
        let annotated = annotate(shop, &bare, number_of(500 + index), Some(&reference));
        claims.push((Some(reference.clone()), annotated));
        let new = created(2 * index, Some(&reference));
        claims.push((Some(reference), new));
        claims.push((None, created(250 + index, None)));
    }
    random.shuffle(&mut claims);
    claims
}

fn require_one_winner_each<'c>(
    results: impl Iterator<
        Item = (
            &'c (Option<String>, Append),
            Result<AppendOutcome, AppendError>,
        ),
    >,
) {
    let mut winners = HashMap::new();
    let mut losers = Vec::new();
    for ((reference, append), result) in results {
        match (reference, result) {
            (None, result) => assert!(result.is_ok(), "a neighbour: {result:?}"),
            (Some(reference), Ok(_)) => {
                let second = winners.insert(reference, append.entity);
                assert_eq!(second, None, "{reference} has two holders");
            }
            (Some(reference), Err(failure)) => losers.push((reference, failure)),
        }
    }
    for (reference, failure) in losers {
        let holder = winners[reference];
        assert_eq!(failure, AppendError::ReferenceTaken { holder });
    }
}

/// Requires that the server met no deadlock, and that the journal is sound.
async fn require_sound(url: &str) {
    let mut connection = PgConnection::connect(url).await.expect("connects");
    let deadlocks: i64 = sqlx::query_scalar(
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()",
    )
    .fetch_one(&mut connection)
    .await
    .expect("reads");
    assert_eq!(deadlocks, 0, "claims deadlocked");
    let report = verify_postgres(url, 10, &VerifyProgress::default()).await;
    let violations = report.expect("reads").violations;
    assert!(violations.is_empty(), "{violations:?}");
}
