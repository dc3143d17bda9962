//! Commits that fail, lose their outcome or take long: no acknowledged command is lost, no command
//! is executed twice, and reads from memory do not wait for the disk (I1, I2, I5, I8).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fritzy_actors::{Request, Shop, ShopError};
use fritzy_domain::{Code, OrderCommand, OrderStatus};

use crate::audit::audit;
use crate::faulty_commits::{Disk, Fault, by_command};
use crate::fixtures::{deadline, in_ms, keyed, order_input, product_input, unkeyed};

/// The faults of the next commits; later commits succeed.
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

fn code<T: std::fmt::Debug>(result: Result<T, ShopError>) -> Code {
    result.expect_err("must fail").code()
}

/// The id of an order that is in memory.
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
async fn i1_commit_failed_before_effect_leaves_nothing() {
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
async fn i8_lost_commit_outcome_is_found_by_its_key() {
    let script = Script::default();
    let disk = script.disk().await;
    let id = active_order(&disk.shop).await;
    let (create, confirm) = (keyed("create", "k", "Jane"), keyed("confirm", "k", &id));

    script.next(Fault::OutcomeLost);
    let lost = disk.shop.create_account(&create, "Jane".into()).await;
    assert_eq!(
        code(lost),
        Code::DeadlineExceeded,
        "the outcome is unknown, not a refusal"
    );
    script.next(Fault::OutcomeLost);
    let lost = disk
        .shop
        .command_order(&confirm, &id, OrderCommand::Confirm)
        .await;
    assert_eq!(
        code(lost),
        Code::DeadlineExceeded,
        "the outcome is unknown, not a refusal"
    );

    // Memory holds the committed state, although no client was told.
    let seen = disk.shop.order(&id, deadline()).await.expect("reloaded");
    assert_eq!(
        (seen.version, seen.state.status),
        (2, OrderStatus::Confirmed)
    );
    let created = disk.shop.create_account(&create, "Jane".into()).await;
    assert_eq!(created.expect("the first response").version, 1);
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
async fn queued_command_reloads_state_after_lost_commit() {
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
                // Both requests are in the order's mailbox by then.
                tokio::time::sleep(Duration::from_millis(200)).await;
                disk.commits.gate.notify_one();
            }
        );
        (read, completed)
    };
    let (lost, (read, completed)) = tokio::join!(change(&confirm, OrderCommand::Confirm), behind);
    assert_eq!(
        code(lost),
        Code::DeadlineExceeded,
        "the outcome is unknown, not a refusal"
    );
    assert_eq!(read.expect("reloaded").version, 2);
    assert_eq!(completed.expect("decided on the stored state").version, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_commit_delays_no_reader_and_late_commands_expire() {
    /// Much longer than a read, much shorter than the test's own limits.
    const DEADLINE_MS: u64 = 500;
    /// A read from memory takes some microseconds; the rest is tolerance for busy machines.
    const READ_TIME_MAX: Duration = Duration::from_millis(100);
    let script = Script::default();
    let disk = script.disk().await;
    let id = active_order(&disk.shop).await;
    let created = disk.shop.create_account(&unkeyed(), "Reader".into()).await;
    let reader = created.expect("created").state.id.to_string();
    disk.shop
        .account(&reader, deadline())
        .await
        .expect("exists");

    script.next(Fault::Held);
    let with_deadline = |request: Request| Request {
        deadline: in_ms(DEADLINE_MS),
        ..request
    };
    let confirm = with_deadline(keyed("confirm", "k", &id));
    let (shop, order) = (disk.shop.clone(), id.clone());
    let confirming = tokio::spawn(async move {
        shop.command_order(&confirm, &order, OrderCommand::Confirm)
            .await
    });
    disk.commits.held.notified().await;

    // One command waits in the order's mailbox, one in the committer's queue, both behind the
    // commit.
    let (cancel, create) = (with_deadline(unkeyed()), with_deadline(unkeyed()));
    let reads = async {
        let mut reads = 0;
        while !confirming.is_finished() {
            let began = Instant::now();
            disk.shop
                .account(&reader, deadline())
                .await
                .expect("exists");
            let took = began.elapsed();
            assert!(took < READ_TIME_MAX, "a read took {took:?}");
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
    assert!(
        reads > 10,
        "only {reads} reads while the commit was in flight"
    );
    assert_eq!(
        code(confirming.await.expect("no panic")),
        Code::DeadlineExceeded
    );
    assert_eq!(code(cancelled), Code::DeadlineExceeded);
    assert_eq!(code(late), Code::DeadlineExceeded);

    disk.commits.gate.notify_one();
    let repeat = keyed("confirm", "k", &id);
    let confirmed = disk
        .shop
        .command_order(&repeat, &id, OrderCommand::Confirm)
        .await;
    let confirmed = confirmed.expect("the first response");
    assert_eq!(
        (confirmed.version, confirmed.state.status),
        (2, OrderStatus::Confirmed)
    );
    let seen = disk.shop.order(&id, deadline()).await;
    assert_eq!(seen, Ok(confirmed), "a late command took effect");
    let appended = |request: &Request| disk.commits.was_appended(request.command);
    assert!(!appended(&cancel), "the late command left the mailbox");
    assert!(
        appended(&create),
        "the creation never reached the committer"
    );
    let found = audit(&disk.stores).await;
    assert_eq!(by_command(&found)[&repeat.command].len(), 1, "I1");
    for late in [cancel, create] {
        assert!(!by_command(&found).contains_key(&late.command));
    }
}
