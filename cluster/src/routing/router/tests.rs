//! The router, with a scripted other node.

mod older_nodes;

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use fritzy_types::{ShardCount, ShardLease};
use uuid::Uuid;

use super::*;
use crate::protocol::frame::{OwnershipUpdate, WIRE_MAX, WIRE_MIN};
use crate::routing::admission;
use crate::routing::admission::AdmissionControl;

const SHARD: ShardId = ShardId(5);
/// An idempotent request, and one that is not.
const KEYED: u8 = 1;
const UNKEYED: u8 = 2;
/// A request that all nodes must know, of a version newer than some.
const NEWEST: u8 = 3;
/// The version of the wire format of all other nodes; of no other constant.
const WIRE: u16 = 700;

fn node(number: u128) -> NodeId {
    NodeId::from_uuid(Uuid::from_u128(number))
}

/// Echoes requests while the shard is here and no other node has acquired it.
#[derive(Default)]
struct Echo {
    is_here: AtomicBool,
    is_deposed: AtomicBool,
}

impl ShardHost for Echo {
    type Request = u8;
    type Reply = (ShardId, u8);

    async fn ask(
        &self,
        shard: ShardId,
        _deadline: Deadline,
        request: u8,
    ) -> Result<(ShardId, u8), HostError<u8>> {
        if !self.is_here.load(Ordering::Relaxed) {
            Err(HostError::NotHere(request))
        } else if self.is_deposed.load(Ordering::Relaxed) {
            Err(HostError::Failed(Failure::NotOwner))
        } else {
            Ok((shard, request))
        }
    }

    fn is_idempotent(request: &u8) -> bool {
        *request == KEYED
    }

    fn required_wire(request: &u8) -> u16 {
        if *request == NEWEST {
            WIRE_MAX
        } else {
            WIRE_MIN
        }
    }

    fn encode_request(request: &u8, wire: u16) -> Vec<u8> {
        assert_eq!(wire, WIRE, "the version that the peer supports");
        vec![*request]
    }

    fn decode_request(bytes: &[u8], _deadline: Deadline, _: u16) -> Result<u8, Unreadable> {
        Ok(bytes[0])
    }

    fn encode_reply(reply: &(ShardId, u8), _: u16) -> Vec<u8> {
        vec![reply.1]
    }

    fn decode_reply(bytes: &[u8], wire: u16) -> Result<(ShardId, u8), Unreadable> {
        assert_eq!(wire, WIRE, "the version that the peer encodes");
        match bytes {
            [request] => Ok((SHARD, *request)),
            _ => Err(Unreadable("cannot be read".into())),
        }
    }
}

/// Returns its replies in turn, then fails; records the nodes that were addressed.
#[derive(Default)]
struct Script {
    replies: Mutex<VecDeque<Result<Reply, AskError>>>,
    requested: Mutex<Vec<NodeId>>,
}

#[async_trait]
impl Remote for Script {
    fn me(&self) -> NodeId {
        node(1)
    }

    fn wire(&self, _node: NodeId) -> Option<u16> {
        Some(WIRE)
    }

    async fn ask(
        &self,
        owner: NodeId,
        _shard: ShardId,
        _deadline: Deadline,
        _body: Vec<u8>,
    ) -> Result<Reply, AskError> {
        self.requested.lock().expect("no panic").push(owner);
        let next = self.replies.lock().expect("no panic").pop_front();
        next.unwrap_or(Err(AskError::NotSent))
    }
}

struct RouterFixture {
    router: Arc<Router<Echo>>,
    script: Arc<Script>,
}

fn start(replies: impl IntoIterator<Item = Result<Reply, AskError>>) -> RouterFixture {
    let map = Arc::new(ShardMap::new(ShardCount::new(8).expect("in range")));
    let router = Arc::new(Router::new(map, Arc::default()));
    let script = Arc::new(Script::default());
    script.replies.lock().expect("no panic").extend(replies);
    router.expect_others();
    router.set_remote(Some(script.clone()));
    RouterFixture { router, script }
}

impl RouterFixture {
    fn apply(&self, owner: Option<u128>, epoch: u64) {
        let map = self.router.map();
        map.apply(node(1), [(SHARD, owner.map(node), Epoch(epoch))]);
    }

    fn run_here(&self, epoch: u64) {
        self.router.local().is_here.store(true, Ordering::Relaxed);
        self.router.map().record(&[ShardLease {
            shard: SHARD,
            owner: node(1),
            epoch: Epoch(epoch),
        }]);
    }

    async fn ask(&self, request: u8) -> Result<(ShardId, u8), Failure> {
        let deadline = Deadline::at(Instant::now() + Duration::from_secs(1));
        self.router.ask(SHARD, deadline, request).await
    }

    fn requested(&self) -> Vec<NodeId> {
        self.script.requested.lock().expect("no panic").clone()
    }
}

fn reply(request: u8) -> Result<Reply, AskError> {
    Ok(Reply::Success(vec![request]))
}

#[tokio::test]
async fn request_reaches_remote_and_local_owner() {
    let here = start([reply(KEYED)]);
    assert_eq!(here.router.shard_of(Slot(13)), SHARD);
    here.apply(Some(2), 1);
    assert_eq!(here.ask(KEYED).await, Ok((SHARD, KEYED)));
    assert_eq!(here.requested(), [node(2)]);
    here.run_here(2);
    assert_eq!(here.ask(UNKEYED).await, Ok((SHARD, UNKEYED)));
    assert_eq!(here.requested().len(), 1);
}

#[tokio::test]
async fn request_to_unassigned_shard_waits_for_an_owner() {
    let here = start([]);
    let pending = tokio::spawn({
        let router = here.router.clone();
        let deadline = Deadline::at(Instant::now() + Duration::from_secs(20));
        async move { router.ask(SHARD, deadline, UNKEYED).await }
    });
    tokio::task::yield_now().await;
    assert!(!pending.is_finished());
    here.run_here(1);
    let reply = pending.await.expect("no panic");
    assert_eq!(reply, Ok((SHARD, UNKEYED)));
}

#[tokio::test]
async fn not_owner_hint_redirects_unless_outdated() {
    let hint = OwnershipUpdate::new(SHARD, Some(node(3)), Epoch(7));
    let here = start([Ok(Reply::NotOwner { hint: Some(hint) }), reply(UNKEYED)]);
    here.apply(Some(2), 6);
    assert_eq!(here.ask(UNKEYED).await, Ok((SHARD, UNKEYED)));
    assert_eq!(here.requested(), [node(2), node(3)]);
    // A hint that is older than what is known.
    let hint = OwnershipUpdate::new(SHARD, Some(node(2)), Epoch(6));
    let here = start([Ok(Reply::NotOwner { hint: Some(hint) }), reply(UNKEYED)]);
    here.apply(Some(3), 7);
    assert_eq!(here.ask(UNKEYED).await, Ok((SHARD, UNKEYED)));
    assert_eq!(here.requested(), [node(3), node(3)]);
}

#[tokio::test]
async fn unstarted_request_is_retried_even_if_not_idempotent() {
    let deposed = Ok(Reply::Failed(WireFailure::NotOwner));
    let not_begun = [
        Err(AskError::NotSent),
        Ok(Reply::NotOwner { hint: None }),
        deposed,
    ];
    for request in [KEYED, UNKEYED] {
        let here = start(not_begun.clone().into_iter().chain([reply(request)]));
        here.apply(Some(2), 1);
        assert_eq!(here.ask(request).await, Ok((SHARD, request)));
    }
}

#[tokio::test]
async fn lost_request_stays_unknown_after_failed_retry() {
    let unavailable = WireFailure::Unavailable("its store cannot read".into());
    let second = [
        Err(AskError::Overloaded),
        Ok(Reply::Failed(unavailable)),
        Ok(Reply::Failed(WireFailure::Overloaded)),
        Ok(Reply::Unreadable("of another version".into())),
    ];
    for second in second {
        let here = start([Err(AskError::ConnectionLost), second.clone()]);
        here.apply(Some(2), 1);
        let failure = here.ask(KEYED).await.expect_err("not done, or done");
        let unknown = matches!(failure, Failure::OutcomeUnknown(_));
        assert!(unknown, "{second:?}: {failure:?}");
        assert_eq!(here.requested().len(), 2);
    }
}

#[tokio::test]
async fn deposed_node_forwards_request_once_new_owner_is_known() {
    for request in [KEYED, UNKEYED] {
        let here = start([reply(request)]);
        here.run_here(1);
        here.router
            .local()
            .is_deposed
            .store(true, Ordering::Relaxed);
        let pending = tokio::spawn({
            let router = here.router.clone();
            let deadline = Deadline::at(Instant::now() + Duration::from_secs(20));
            async move { router.ask(SHARD, deadline, request).await }
        });
        tokio::task::yield_now().await;
        assert!(!pending.is_finished());
        here.apply(Some(2), 2);
        let reply = pending.await.expect("no panic");
        assert_eq!(reply, Ok((SHARD, request)));
        assert_eq!(here.requested(), [node(2)]);
    }
}

#[tokio::test]
async fn deposed_node_without_new_owner_returns_unavailable() {
    let here = start([]);
    here.run_here(1);
    here.router
        .local()
        .is_deposed
        .store(true, Ordering::Relaxed);
    let refused = here.ask(UNKEYED).await.expect_err("it has no owner");
    assert!(matches!(refused, Failure::Unavailable(_)), "{refused:?}");
    assert_eq!(here.requested(), []);
}

#[tokio::test]
async fn lost_request_is_retried_only_if_idempotent() {
    let here = start([Err(AskError::ConnectionLost), reply(KEYED)]);
    here.apply(Some(2), 1);
    assert_eq!(here.ask(KEYED).await, Ok((SHARD, KEYED)));
    assert_eq!(here.requested().len(), 2);
    let here = start([Err(AskError::ConnectionLost), reply(UNKEYED)]);
    here.apply(Some(2), 1);
    let failure = here.ask(UNKEYED).await;
    assert!(
        matches!(failure, Err(Failure::OutcomeUnknown(_))),
        "{failure:?}"
    );
    assert_eq!(here.requested().len(), 1, "it may have been done");
}

#[tokio::test]
async fn deadline_failure_tells_whether_request_may_have_run() {
    let here = start([]);
    let failure = here.ask(KEYED).await;
    assert!(
        matches!(failure, Err(Failure::Unavailable(_))),
        "{failure:?}"
    );
    let here = start([Err(AskError::ConnectionLost)]);
    here.apply(Some(2), 1);
    let failure = here.ask(KEYED).await;
    assert!(
        matches!(failure, Err(Failure::OutcomeUnknown(_))),
        "{failure:?}"
    );
}

#[tokio::test]
async fn owner_failures_are_mapped_for_the_caller() {
    let late = Ok(Reply::Failed(WireFailure::DeadlineExceeded));
    let unreadable = Ok(Reply::Unreadable("newer".into()));
    let odd = Ok(Reply::Success(vec![]));
    let unreadable_reply = Err(AskError::UnreadableReply);
    let overloaded = Err(AskError::Overloaded);
    let here = start([late, overloaded, unreadable, odd, unreadable_reply]);
    here.apply(Some(2), 1);
    assert_eq!(here.ask(KEYED).await, Err(Failure::DeadlineExceeded));
    assert_eq!(here.ask(KEYED).await, Err(Failure::Overloaded));
    let unreadable = here.ask(KEYED).await;
    assert!(
        matches!(unreadable, Err(Failure::Unavailable(_))),
        "nothing was done"
    );
    for _ in ["its body is unreadable", "its message is unreadable"] {
        let unknown = here.ask(KEYED).await;
        assert!(
            matches!(unknown, Err(Failure::OutcomeUnknown(_))),
            "something was done: {unknown:?}"
        );
    }
    assert_eq!(here.requested().len(), 5, "none is repeated");
}

#[tokio::test]
async fn waiting_requests_beyond_the_limit_are_overload() {
    let here = start([]);
    let ask = |_| {
        let router = here.router.clone();
        let deadline = Deadline::at(Instant::now() + Duration::from_millis(300));
        tokio::spawn(async move { router.ask(SHARD, deadline, KEYED).await })
    };
    let requests: Vec<_> = (0..WAITING_REQUESTS_MAX + 10).map(ask).collect();
    let mut refused = 0;
    for pending in requests {
        match pending.await.expect("no panic") {
            Err(Failure::Overloaded) => refused += 1,
            other => assert!(matches!(other, Err(Failure::Unavailable(_))), "{other:?}"),
        }
    }
    assert_eq!(refused, 10);
}

#[tokio::test]
async fn waiting_request_is_parked_or_refused_as_overload() {
    let here = start([]);
    let control = AdmissionControl::new(1, 0);
    let ask = |permit| {
        let router = here.router.clone();
        let deadline = Deadline::at(Instant::now() + Duration::from_millis(300));
        tokio::spawn(admission::within(permit, async move {
            router.ask(SHARD, deadline, KEYED).await
        }))
    };
    let first = ask(control.admit().expect("free"));
    while control.is_full() {
        tokio::task::yield_now().await;
    }
    let second = ask(control.admit().expect("the first stands admission"));
    assert_eq!(second.await.expect("no panic"), Err(Failure::Overloaded));
    let first = first.await.expect("no panic");
    assert!(matches!(first, Err(Failure::Unavailable(_))), "{first:?}");
}

#[tokio::test]
async fn single_node_fails_at_once_for_a_missing_shard() {
    let map = Arc::new(ShardMap::new(ShardCount::new(8).expect("in range")));
    let router = Router::<Echo>::new(map, Arc::default());
    let deadline = Deadline::at(Instant::now() + Duration::from_secs(20));
    let failure = router.ask(SHARD, deadline, KEYED).await;
    let not_running = Failure::Unavailable(format!("shard {SHARD} is not running here"));
    assert_eq!(failure, Err(not_running));
}

#[tokio::test]
async fn request_waits_while_its_node_is_not_a_member() {
    let here = start([reply(UNKEYED)]);
    here.apply(Some(2), 1);
    here.router.set_remote(None);
    let (reply, ()) = tokio::join!(here.ask(UNKEYED), async {
        tokio::task::yield_now().await;
        here.router.set_remote(Some(here.script.clone()));
    });
    assert_eq!(reply, Ok((SHARD, UNKEYED)));
}
