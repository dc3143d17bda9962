//! Two nodes in two processes: this test starts itself again as the other one.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use fritzy_types::{Failure, NewNode, Roles, ShardCount};
use futures_util::future::join_all;
use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::*;
use crate::protocol::codec::Unreadable;
use crate::protocol::frame::{WIRE_MAX, WIRE_MIN, WireFailure};
use crate::routing::host::HostError;

mod unreadable_frames;

/// Set for the process that is the other node: its number.
const OTHER: &str = "FRITZY_TEST_OTHER_NODE";
const SHARD: ShardId = ShardId(7);

/// Does what the first byte of a request says.
struct Echo;

const ECHO: u8 = 0;
const NOT_HERE: u8 = 1;
const FAIL: u8 = 2;
const NEVER: u8 = 3;
const UNREADABLE: u8 = 4;
const SLOWLY: u8 = 5;
/// How long [`SLOWLY`] takes.
const SLOW: Duration = Duration::from_millis(20);

impl ShardHost for Echo {
    type Request = Vec<u8>;
    type Reply = Vec<u8>;

    async fn ask(
        &self,
        shard: ShardId,
        deadline: Deadline,
        request: Vec<u8>,
    ) -> Result<Vec<u8>, HostError<Vec<u8>>> {
        assert_eq!(shard, SHARD);
        match request[0] {
            ECHO => Ok(request),
            SLOWLY => {
                sleep(SLOW).await;
                Ok(request)
            }
            NOT_HERE => Err(HostError::NotHere(request)),
            FAIL => Err(HostError::Failed(Failure::Overloaded)),
            _ => {
                // Longer than the caller waits.
                let after = deadline.instant() + Duration::from_millis(500);
                tokio::time::sleep_until(after.into()).await;
                Ok(request)
            }
        }
    }

    fn is_idempotent(_request: &Vec<u8>) -> bool {
        false
    }

    fn encode_request(request: &Vec<u8>, _: u16) -> Vec<u8> {
        request.clone()
    }

    fn decode_request(bytes: &[u8], _deadline: Deadline, _: u16) -> Result<Vec<u8>, Unreadable> {
        match bytes.first() {
            Some(&UNREADABLE) | None => Err(Unreadable("a test".into())),
            Some(_) => Ok(bytes.to_vec()),
        }
    }

    fn encode_reply(reply: &Vec<u8>, _: u16) -> Vec<u8> {
        reply.clone()
    }

    fn decode_reply(bytes: &[u8], _: u16) -> Result<Vec<u8>, Unreadable> {
        Ok(bytes.to_vec())
    }
}

/// Numbers that no other test of this process uses: dispatchers are grouped by their node
/// throughout the process. The second node joined later.
fn two_numbers() -> (u128, u128) {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let first = u128::from(NEXT.fetch_add(10, Ordering::Relaxed));
    (first, first + 1)
}

fn node(number: u128) -> NodeId {
    NodeId::from_uuid(Uuid::from_u128(number))
}

fn record(number: u128, port: u16) -> NodeRecord {
    NodeRecord {
        node: NewNode {
            id: node(number),
            name: format!("node-{number}"),
            address: Some(format!("127.0.0.1:{port}")),
            roles: Roles::ALL,
            program: "test".into(),
            wire_min: WIRE_MIN,
            wire_max: WIRE_MAX,
        },
        heartbeat: 0,
        fenced: false,
        draining: false,
    }
}

struct TestNode {
    peers: Peers<Echo>,
    changes: watch::Receiver<u64>,
    port: u16,
}

async fn start(number: u128) -> TestNode {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let map = Arc::new(ShardMap::new(ShardCount::new(16).expect("in range")));
    let identity = Identity {
        me: node(number),
        name: format!("node-{number}"),
        database: "database".into(),
        cookie: "cookie".into(),
    };
    let changes = map.watch();
    let started = Peers::start(identity.clone(), Arc::new(listener), Arc::new(Echo), map).await;
    let (peers, _notices) = started.expect("starts");
    let address = format!("127.0.0.1:{port}");
    let checked = check_address(&identity, &address).await;
    assert_eq!(checked, Ok(()), "it reaches itself");
    TestNode {
        peers,
        changes,
        port,
    }
}

/// The other node, until it is dropped.
struct OtherProcess {
    process: Child,
    port: u16,
}

impl OtherProcess {
    fn start(number: u128) -> Self {
        let mut process = Command::new(std::env::current_exe().expect("this test"))
            .args([
                "--exact",
                "transport::peers::tests::the_other_node",
                "--nocapture",
            ])
            .env(OTHER, number.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let output = BufReader::new(process.stdout.take().expect("piped"));
        let port = output.lines().map_while(Result::ok).find_map(|line| {
            let (_, port) = line.split_once("port=")?;
            port.trim().parse().ok()
        });
        Self {
            process,
            port: port.expect("it prints its port"),
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.process.id().cast_signed()).expect("a process");
        kill_process(pid, signal).expect("it is ours");
    }
}

impl Drop for OtherProcess {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Not a test of its own: the other node of the tests below.
#[test]
fn the_other_node() {
    let Ok(number) = std::env::var(OTHER) else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let number = number.parse().expect("a number");
    let here = runtime.block_on(start(number));
    // The nodes that may dial are in its table: one of the next two.
    let callers = [1, 2].map(|further| record(number + further, here.port));
    runtime.block_on(here.peers.set_nodes(callers.to_vec()));
    println!("port={}", here.port);
    // Ends with its parent, or leaves when a line arrives.
    let mut lines = std::io::stdin().lines().map_while(Result::ok);
    if lines.next().is_some() {
        runtime.block_on(async {
            here.peers.close_gracefully().await;
            here.peers.stop().await;
        });
        println!("left");
    }
}

impl TestNode {
    async fn wait_connected(&mut self, to: NodeId, connected: bool) {
        let change = async {
            while self.peers.shared.connection(to).is_some() != connected {
                self.changes.changed().await.expect("the map is there");
            }
        };
        let within = Duration::from_secs(10);
        timeout(within, change).await.expect("it changes in time");
    }

    async fn ask(&self, to: NodeId, what: u8, within: Duration) -> Result<Reply, AskError> {
        let deadline = Deadline::at(Instant::now() + within);
        self.peers.ask(to, SHARD, deadline, vec![what, 9]).await
    }
}

const LONG: Duration = Duration::from_secs(20);

#[tokio::test]
async fn each_request_gets_its_own_reply() {
    let (first, second) = two_numbers();
    let mut here = start(second).await;
    let there = OtherProcess::start(first);
    here.peers.set_nodes(vec![record(first, there.port)]).await;
    here.wait_connected(node(first), true).await;
    let reply = here.ask(node(first), ECHO, LONG).await;
    assert_eq!(reply, Ok(Reply::Success(vec![ECHO, 9])));
    let reply = here.ask(node(first), NOT_HERE, LONG).await;
    assert_eq!(reply, Ok(Reply::NotOwner { hint: None }));
    let reply = here.ask(node(first), FAIL, LONG).await;
    assert_eq!(reply, Ok(Reply::Failed(WireFailure::Overloaded)));
    let reply = here.ask(node(first), UNREADABLE, LONG).await;
    assert!(matches!(reply, Ok(Reply::Unreadable(_))), "{reply:?}");
    let reply = here
        .ask(node(first), NEVER, Duration::from_millis(50))
        .await;
    assert_eq!(reply, Err(AskError::DeadlineExceeded));
    let reply = here.ask(node(first + 5), ECHO, LONG).await;
    assert_eq!(reply, Err(AskError::NotSent), "no such node");
    let many = (0..3_000).map(|_| here.ask(node(first), ECHO, LONG));
    for reply in join_all(many).await {
        assert_eq!(reply, Ok(Reply::Success(vec![ECHO, 9])));
    }
}

#[tokio::test]
async fn requests_beyond_the_in_flight_limit_are_overload() {
    let (first, second) = two_numbers();
    let mut here = start(second).await;
    let there = OtherProcess::start(first);
    here.peers.set_nodes(vec![record(first, there.port)]).await;
    here.wait_connected(node(first), true).await;
    let short = Duration::from_secs(1);
    let many = (0..5_000).map(|_| here.ask(node(first), NEVER, short));
    let replies = join_all(many).await;
    let refused = replies
        .iter()
        .filter(|reply| **reply == Err(AskError::Overloaded));
    assert_eq!(refused.count(), 5_000 - 4_096);
    let reply = here.ask(node(first), ECHO, LONG).await;
    assert!(reply.is_ok(), "the permits are free again: {reply:?}");
}

#[tokio::test]
async fn requests_to_a_killed_node_are_lost_at_once() {
    let (first, second) = two_numbers();
    let mut here = start(second).await;
    let there = OtherProcess::start(first);
    here.peers.set_nodes(vec![record(first, there.port)]).await;
    here.wait_connected(node(first), true).await;
    let request = here.ask(node(first), NEVER, LONG);
    let kill = async {
        sleep(Duration::from_millis(100)).await;
        there.signal(Signal::KILL);
        Instant::now()
    };
    let (reply, killed) = tokio::join!(request, kill);
    assert_eq!(reply, Err(AskError::ConnectionLost));
    assert!(killed.elapsed() < Duration::from_secs(2));
    here.wait_connected(node(first), false).await;
    assert_eq!(
        here.ask(node(first), ECHO, LONG).await,
        Err(AskError::NotSent)
    );
    // Its next incarnation is another node.
    let there = OtherProcess::start(first - 1);
    here.peers
        .set_nodes(vec![record(first - 1, there.port)])
        .await;
    here.wait_connected(node(first - 1), true).await;
    assert!(here.ask(node(first - 1), ECHO, LONG).await.is_ok());
}

#[tokio::test]
async fn silent_peer_is_disconnected_and_reconnects() {
    let (first, second) = two_numbers();
    let mut here = start(second).await;
    let there = OtherProcess::start(first);
    here.peers.set_nodes(vec![record(first, there.port)]).await;
    here.wait_connected(node(first), true).await;
    there.signal(Signal::STOP);
    sleep(Duration::from_millis(100)).await;
    let began = Instant::now();
    let reply = here.ask(node(first), ECHO, LONG).await;
    assert_eq!(reply, Err(AskError::ConnectionLost));
    let waited = began.elapsed();
    assert!(waited < Duration::from_secs(6), "{waited:?}");
    here.wait_connected(node(first), false).await;
    there.signal(Signal::CONT);
    here.wait_connected(node(first), true).await;
    assert!(here.ask(node(first), ECHO, LONG).await.is_ok());
}

#[tokio::test]
async fn removed_node_is_not_dialed_again() {
    let (first, second) = two_numbers();
    let mut here = start(second).await;
    let there = OtherProcess::start(first);
    here.peers.set_nodes(vec![record(first, there.port)]).await;
    here.wait_connected(node(first), true).await;
    here.peers.set_nodes(vec![]).await;
    drop(there);
    here.wait_connected(node(first), false).await;
    let there = OtherProcess::start(first);
    sleep(Duration::from_secs(3)).await;
    assert!(here.peers.shared.connection(node(first)).is_none());
    drop(there);
}

#[tokio::test(flavor = "multi_thread")]
async fn leaving_node_replies_to_all_requests_in_flight() {
    let (first, second) = two_numbers();
    let mut here = start(second).await;
    let mut there = OtherProcess::start(first);
    here.peers.set_nodes(vec![record(first, there.port)]).await;
    here.wait_connected(node(first), true).await;
    let here = Arc::new(here);
    let requests = (0..64_u64).map(|number| {
        let here = here.clone();
        tokio::spawn(async move {
            let mut replies = 0;
            loop {
                let what = if number.is_multiple_of(2) {
                    ECHO
                } else {
                    SLOWLY
                };
                match here.ask(node(first), what, LONG).await {
                    Ok(Reply::Success(_)) => replies += 1,
                    // It has sent GOAWAY, or has ended.
                    Err(AskError::NotSent) => return replies,
                    other => panic!("after {replies} replies: {other:?}"),
                }
            }
        })
    });
    let requests: Vec<_> = requests.collect();
    sleep(Duration::from_millis(300)).await;
    let mut stdin = there.process.stdin.take().expect("piped");
    writeln!(stdin, "leave").expect("it reads");
    for request in requests {
        let replies = request.await.expect("nothing is lost");
        assert!(replies > 0);
    }
}
