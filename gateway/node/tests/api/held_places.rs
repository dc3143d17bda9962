//! Every way to hold one of a node's connections without using it: each is closed in time, so that
//! a few clients cannot shut all others out.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::AbortHandle;
use tokio::time::{Instant, interval, sleep, timeout};

use crate::http2_wire::{DATA, HEADERS, Http2Wire, RST_STREAM};
use crate::node::{PAGE_FILE, TestNode};
use crate::wire::Wire;

/// All connections of the node; the tests hold every one of them.
const PLACES: usize = 4;
/// Idle time after which the node closes a connection.
const IDLE: Duration = Duration::from_millis(300);
/// Time for a request and its body, where a test waits for it to pass.
const REQUEST: Duration = Duration::from_millis(600);
/// Time for a request elsewhere: a busy machine needs seconds for a large response.
const LONG_REQUEST: Duration = Duration::from_secs(60);
/// Many times either, and less than any default of the HTTP library.
const CLOSE_TIME_MAX: Duration = Duration::from_secs(15);
/// Between two signs of life of a client that holds its place.
const STEP: Duration = Duration::from_millis(20);
/// The usual window of HTTP/2.
const WINDOW: u32 = 65_535;

const ASK: &[u8] = b"GET /healthz/live HTTP/1.1\r\nhost: node\r\n\r\n";

async fn small_node(request: Duration) -> TestNode {
    TestNode::start_with(|settings| {
        settings.connections_max = PLACES as u32;
        settings.head_timeout_ms = IDLE.as_millis() as u64;
        settings.request_timeout_ms = request.as_millis() as u64;
    })
    .await
}

/// A request whose response has megabytes.
fn large_request() -> String {
    let schema = "__schema { types { name description fields { name description args { name \
                  description } } } }";
    let fields: String = (0..100).map(|n| format!("a{n}: {schema} ")).collect();
    json!({ "query": format!("{{ {fields} }}") }).to_string()
}

fn post(body: &str) -> String {
    format!(
        "POST /graphql HTTP/1.1\r\nhost: node\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A connection that receives little before its client reads.
async fn narrow(address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4_096).expect("a socket");
    socket.connect(address).await.expect("a connection")
}

/// Holds a place, and tells when it has it. The place is given up when this is dropped.
type Hold = fn(SocketAddr) -> BoxFuture<'static, Holder>;

struct Holder(AbortHandle);

impl Drop for Holder {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn holding(work: impl Future<Output = ()> + Send + 'static) -> Holder {
    Holder(tokio::spawn(work).abort_handle())
}

/// Repeats a step until the connection has ended and the test with it.
async fn repeat(mut step: impl FnMut()) {
    let mut ticks = interval(STEP);
    loop {
        ticks.tick().await;
        step();
    }
}

/// Sends the head of a request, then its body byte by byte.
async fn dripping(address: SocketAddr, head: &str) -> Holder {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(head.as_bytes()).await.expect("written");
    holding(async move {
        while stream.write_all(b" ").await.is_ok() {
            sleep(STEP).await;
        }
        std::future::pending().await
    })
}

/// Requires that others get a place although clients of this kind take all of them.
async fn require_places_come_back(request: Duration, hold: Hold) {
    let node = small_node(request).await;
    let address = node.address();
    let _held = join_all((0..PLACES).map(|_| hold(address))).await;
    let others = (0..PLACES).map(|_| async move {
        let mut wire = Wire::connect(address).await.expect("a connection");
        wire.write(ASK).await;
        let response = timeout(CLOSE_TIME_MAX, wire.response()).await;
        let response = response.expect("a place comes back");
        assert_eq!(response.expect("a response").status, 200);
        wire
    });
    join_all(others).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_http2_connection_is_closed() {
    require_places_come_back(LONG_REQUEST, |address| {
        Box::pin(async move {
            let mut wire = Http2Wire::connect(address, WINDOW).await;
            wire.get(1, "/healthz/live");
            wire.require_ok(1).await;
            holding(async move { while wire.next().await.is_some() {} })
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn http2_connection_with_pings_only_is_closed() {
    require_places_come_back(LONG_REQUEST, |address| {
        Box::pin(async move {
            let mut wire = Http2Wire::connect(address, WINDOW).await;
            wire.get(1, "/healthz/live");
            wire.require_ok(1).await;
            holding(repeat(move || wire.ping()))
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn http2_stream_without_its_body_is_closed() {
    require_places_come_back(REQUEST, |address| {
        Box::pin(async move {
            let wire = Http2Wire::connect(address, WINDOW).await;
            wire.begin_post(1);
            holding(repeat(move || wire.ping()))
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn http2_head_without_its_end_is_closed() {
    require_places_come_back(LONG_REQUEST, |address| {
        Box::pin(async move {
            const CONTINUATION: u8 = 9;
            let wire = Http2Wire::connect(address, WINDOW).await;
            // A head begins, and each continuation adds a byte of a header's value.
            wire.send(HEADERS, 0, 1, &[0x82, 0x86, 0x0f, 0x00, 0x7f, 0x7f]);
            holding(repeat(move || wire.send(CONTINUATION, 0, 1, b"x")))
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dripping_http2_body_is_cut_off() {
    require_places_come_back(REQUEST, |address| {
        Box::pin(async move {
            let wire = Http2Wire::connect(address, WINDOW).await;
            wire.begin_post(1);
            holding(repeat(move || wire.send(DATA, 0, 1, b" ")))
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dripping_body_is_cut_off() {
    require_places_come_back(REQUEST, |address| {
        Box::pin(async move {
            let head = post("").replace("content-length: 0", "content-length: 100000");
            dripping(address, &head).await
        })
    })
    .await;
}

/// The body belongs to a route that does not read it.
#[tokio::test(flavor = "multi_thread")]
async fn body_that_nobody_reads_holds_no_place() {
    require_places_come_back(REQUEST, |address| {
        Box::pin(async move {
            let head = "GET /healthz/live HTTP/1.1\r\nhost: node\r\ncontent-length: 100000\r\n\r\n";
            dripping(address, head).await
        })
    })
    .await;
}

/// To the node, a client whose machine has vanished is one that neither reads nor ends.
#[tokio::test(flavor = "multi_thread")]
async fn unread_response_is_cut_off() {
    require_places_come_back(LONG_REQUEST, |address| {
        Box::pin(async move {
            let mut stream = narrow(address).await;
            let request = post(&large_request());
            stream.write_all(request.as_bytes()).await.expect("written");
            holding(async move {
                let _open = stream;
                std::future::pending().await
            })
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unread_pipelined_responses_are_cut_off() {
    require_places_come_back(LONG_REQUEST, |address| {
        Box::pin(async move {
            let mut stream = narrow(address).await;
            let ask = format!("GET {PAGE_FILE} HTTP/1.1\r\nhost: node\r\n\r\n").repeat(10);
            holding(async move {
                // Stops when the node takes no more.
                while stream.write_all(ask.as_bytes()).await.is_ok() {}
                std::future::pending().await
            })
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn response_read_byte_by_byte_is_cut_off() {
    require_places_come_back(LONG_REQUEST, |address| {
        Box::pin(async move {
            let mut stream = narrow(address).await;
            let request = post(&large_request());
            stream.write_all(request.as_bytes()).await.expect("written");
            holding(async move {
                let mut byte = [0];
                while stream.read_exact(&mut byte).await.is_ok() {
                    sleep(STEP).await;
                }
                std::future::pending().await
            })
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn http2_response_without_a_window_is_cut_off() {
    require_places_come_back(LONG_REQUEST, |address| {
        Box::pin(async move {
            let mut wire = Http2Wire::connect(address, 0).await;
            wire.get(1, PAGE_FILE);
            wire.expect(HEADERS, 1).await;
            holding(repeat(move || wire.ping()))
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn http2_response_read_byte_by_byte_is_cut_off() {
    require_places_come_back(LONG_REQUEST, |address| {
        Box::pin(async move {
            let mut wire = Http2Wire::connect(address, 0).await;
            wire.post(1, &large_request());
            // A busy machine can take the idle time to begin the response: then it is cut off now.
            while wire.next().await.is_some_and(|frame| frame.kind != HEADERS) {}
            holding(repeat(move || wire.open_window(1, 1)))
        })
    })
    .await;
}

/// The connection is in use, so only the stream ends; others on it never notice.
#[tokio::test(flavor = "multi_thread")]
async fn unread_http2_stream_is_reset_beside_used_ones() {
    let node = small_node(LONG_REQUEST).await;
    let mut wire = Http2Wire::connect(node.address(), 0).await;
    wire.post(1, &large_request());
    wire.expect(HEADERS, 1).await;
    let until = Instant::now() + CLOSE_TIME_MAX;
    let mut stream = 3;
    loop {
        assert!(Instant::now() < until, "the stream was never reset");
        wire.get(stream, "/healthz/live");
        wire.open_window(stream, 100);
        let frame = wire.next().await.expect("the connection continues");
        if frame.kind == RST_STREAM && frame.stream == 1 {
            break;
        }
        stream += 2;
        sleep(STEP).await;
    }
    stream += 2;
    wire.get(stream, "/healthz/live");
    wire.open_window(stream, 100);
    wire.require_ok(stream).await;
}

/// Ten times the idle time, on connections that are used more often than that.
#[tokio::test(flavor = "multi_thread")]
async fn used_connections_stay_open() {
    let node = small_node(LONG_REQUEST).await;
    let mut wire = Wire::connect(node.address()).await.expect("a connection");
    let mut http2 = Http2Wire::connect(node.address(), WINDOW).await;
    let until = Instant::now() + 10 * IDLE;
    let mut stream = 1;
    while Instant::now() < until {
        wire.write(ASK).await;
        assert_eq!(wire.response().await.expect("open").status, 200);
        http2.get(stream, "/healthz/live");
        http2.require_ok(stream).await;
        stream += 2;
        sleep(IDLE / 4).await;
    }
}

/// Six megabytes: more than the system would keep for a connection.
async fn long_list(node: &TestNode) -> String {
    let name = "x".repeat(200);
    let accounts: String = (0..100)
        .map(|n| format!("a{n}: createAccount(account: {{ name: \"{name}\" }}) {{ id }} "))
        .collect();
    let created = node.api.run(&format!("mutation {{ {accounts} }}")).await;
    assert!(created.data("/a99/id").is_string());
    let fields: String = (0..200)
        .map(|n| format!("a{n}: accounts {{ id name }} "))
        .collect();
    json!({ "query": format!("{{ {fields} }}") }).to_string()
}

/// A slow client that goes on reading gets its whole response, however long that takes.
#[tokio::test(flavor = "multi_thread")]
async fn slowly_read_response_arrives_whole() {
    const PART: usize = 32 * 1_024;
    let node = small_node(LONG_REQUEST).await;
    let body = long_list(&node).await;
    let mut stream = narrow(node.address()).await;
    let request = post(&body).replace("host: node", "host: node\r\nconnection: close");
    stream.write_all(request.as_bytes()).await.expect("written");
    let began = Instant::now();
    let mut text = Vec::new();
    let mut part = vec![0; PART];
    loop {
        let read = stream.read(&mut part).await.expect("not cut off");
        if read == 0 {
            break;
        }
        let parts = text.len() / PART;
        text.extend_from_slice(&part[..read]);
        if text.len() / PART > parts {
            sleep(STEP).await;
        }
    }
    let (len, took) = (text.len(), began.elapsed());
    assert!(took > 10 * IDLE, "{len} bytes in {took:?}");
    let text = String::from_utf8(text).expect("UTF-8");
    let (_, body) = text.split_once("\r\n\r\n").expect("a head");
    let body: serde_json::Value = serde_json::from_str(body).expect("whole");
    assert!(body["data"]["a199"].is_array());
}
