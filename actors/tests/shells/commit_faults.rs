//! Commits that fail, that take effect without saying so, and that take long: nothing acknowledged is
//! lost, nothing happens twice, and nobody waits who needs no disk (I1, I2, I5, I8).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fritzy_actors::{Request, Shop, ShopError};
use fritzy_domain::{Code, OrderCommand, OrderStatus};
use fritzy_testbed_shop::audit;

use crate::faulty_commits::{Disk, Fault, by_command};
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

#[tokio::test]
async fn what_waits_behind_a_commit_whose_answer_is_lost_is_done_on_what_is_stored() {
    let script = Script::default();
    let disk = script.disk().await;
    let id = active_order(&disk.shop).await;
    script.next(Fault::HeldAndLost);
    let (confirm, complete) = (unkeyed(), unkeyed());
    let change = |request, command| disk.shop.command_order(request, &id, command);
    let behind = async {
        disk.commits.held.notified().await;
        let (read, completed, ()) = tokio::join!(
            disk.shop.order(&id, deadline()),
            change(&complete, OrderCommand::Complete),
            async {
                // Both are in the order's mailbox by then.
                tokio::time::sleep(Duration::from_millis(200)).await;
                disk.commits.gate.notify_one();
            }
        );
        (read, completed)
    };
    let (lost, (read, completed)) = tokio::join!(change(&confirm, OrderCommand::Confirm), behind);
    assert_eq!(code(lost), Code::DeadlineExceeded, "unknown, not refused");
    assert_eq!(read.expect("read anew").version, 2);
    assert_eq!(completed.expect("of what is stored").version, 3);
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
