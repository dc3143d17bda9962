//! The balancer in front of backends that count their requests.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use super::Balancer;
use super::backend::Backend;
use crate::wait::poll_until;

/// Enough for a busy machine.
const SOON: Duration = Duration::from_secs(30);

const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// How a backend treats a request that is not a readiness check.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Does {
    Answer,
    /// Reads it and disconnects.
    HangUp,
    /// Responds to the first request of a connection, reads the second and disconnects.
    HangUpOnSecond,
    /// Sends half of the response, and the rest on a signal.
    AnswerInHalves,
}

struct Fake {
    address: SocketAddr,
    is_ready: Arc<AtomicBool>,
    requests: Arc<AtomicUsize>,
    /// One message for each connection that the balancer closed.
    closed: Receiver<()>,
    resume: Sender<()>,
}

impl Fake {
    fn start(does: Does) -> Self {
        let listener = TcpListener::bind(ANY_PORT).unwrap();
        let (report_closed, closed) = channel();
        let (resume, resumed) = channel();
        let fake = Self {
            address: listener.local_addr().unwrap(),
            is_ready: Arc::new(AtomicBool::new(true)),
            requests: Arc::default(),
            closed,
            resume,
        };
        let (is_ready, requests) = (fake.is_ready.clone(), fake.requests.clone());
        let resumed = Arc::new(std::sync::Mutex::new(resumed));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (is_ready, requests) = (is_ready.clone(), requests.clone());
                let (resumed, report_closed) = (resumed.clone(), report_closed.clone());
                thread::spawn(move || {
                    let resume = || resumed.lock().unwrap().recv().unwrap_or_default();
                    if serve(&stream.unwrap(), does, &is_ready, &requests, resume) {
                        let _ = report_closed.send(());
                    }
                });
            }
        });
        fake
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// Serves a connection. Returns whether the other side closed it after a request.
fn serve(
    stream: &TcpStream,
    does: Does,
    is_ready: &AtomicBool,
    requests: &AtomicUsize,
    resume: impl Fn(),
) -> bool {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let mut out = stream;
    let mut of_this = 0;
    while let Some(first) = lines.next() {
        lines.by_ref().take_while(|line| !line.is_empty()).count();
        if first.contains("/healthz/ready") {
            let status = if is_ready.load(Ordering::SeqCst) {
                200
            } else {
                503
            };
            drop(write!(
                out,
                "HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n"
            ));
            return false;
        }
        requests.fetch_add(1, Ordering::SeqCst);
        of_this += 1;
        match does {
            Does::HangUp => return false,
            Does::HangUpOnSecond if of_this == 2 => return false,
            Does::AnswerInHalves => {
                let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
                drop(write!(out, "{head}5\r\nfirst\r\n"));
                resume();
                drop(write!(out, "6\r\nsecond\r\n0\r\n\r\n"));
            }
            Does::Answer | Does::HangUpOnSecond => {
                drop(write!(
                    out,
                    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
                ));
            }
        }
    }
    of_this > 0
}

/// A backend that is ready without checks.
fn ready_backend(address: SocketAddr) -> Arc<Backend> {
    let backend = Backend::unfollowed(address);
    backend.set_ready(true);
    Arc::new(backend)
}

/// A balancer in front of backends that are ready without checks.
fn before(addresses: &[SocketAddr]) -> Balancer {
    let balancer = Balancer::start(ANY_PORT, &[]).unwrap();
    let backends = addresses.iter().copied().map(ready_backend).collect();
    balancer.backends.replace(backends);
    balancer
}

/// An address where connections are refused.
fn nobody() -> SocketAddr {
    TcpListener::bind(ANY_PORT).unwrap().local_addr().unwrap()
}

fn send(balancer: &Balancer) -> TcpStream {
    let mut stream = TcpStream::connect(balancer.address()).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    write!(
        stream,
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    stream
}

/// The status, and the whole response.
fn ask(balancer: &Balancer) -> (u16, String) {
    let mut response = String::new();
    send(balancer).read_to_string(&mut response).unwrap();
    (
        response["HTTP/1.1 ".len()..][..3].parse().unwrap(),
        response,
    )
}

#[test]
fn requests_go_to_ready_backends_in_turn() {
    let fakes = [Fake::start(Does::Answer), Fake::start(Does::Answer)];
    let addresses = [fakes[0].address, fakes[1].address];
    let balancer = Balancer::start(ANY_PORT, &addresses).unwrap();
    assert!(poll_until(SOON, || balancer.ready() == addresses));
    for _ in 0..10 {
        assert_eq!(ask(&balancer).0, 200);
    }
    assert_eq!(fakes.each_ref().map(Fake::requests), [5, 5]);

    fakes[0].is_ready.store(false, Ordering::SeqCst);
    assert!(poll_until(SOON, || balancer.ready() == addresses[1..]));
    for _ in 0..10 {
        assert_eq!(ask(&balancer).0, 200);
    }
    assert_eq!(fakes.each_ref().map(Fake::requests), [5, 15]);

    fakes[1].is_ready.store(false, Ordering::SeqCst);
    assert!(poll_until(SOON, || balancer.ready().is_empty()));
    let (status, response) = ask(&balancer);
    assert_eq!(status, 503);
    let json = r#"{"errors":[{"message":"no node is ready; nothing was sent","extensions":{"code":"UNAVAILABLE"}}]}"#;
    assert!(response.ends_with(json), "{response}");
    assert!(response.contains("retry-after: 1\r\n"), "{response}");

    fakes[0].is_ready.store(true, Ordering::SeqCst);
    assert!(poll_until(SOON, || balancer.ready() == addresses[..1]));
    assert_eq!(ask(&balancer).0, 200);
    assert_eq!(fakes.each_ref().map(Fake::requests), [6, 15]);

    balancer.set_backends(&[]);
    assert_eq!(ask(&balancer).0, 503);
}

#[test]
fn refused_connect_is_tried_on_another_backend() {
    let fake = Fake::start(Does::Answer);
    let balancer = before(&[nobody(), fake.address, nobody()]);
    for _ in 0..9 {
        assert_eq!(ask(&balancer).0, 200);
    }
    assert_eq!(fake.requests(), 9);
    let (status, response) = ask(&before(&[nobody(), nobody()]));
    assert!(
        status == 503 && response.contains("UNAVAILABLE"),
        "{response}"
    );
}

#[test]
fn sent_request_is_never_repeated() {
    let fakes = [Fake::start(Does::HangUp), Fake::start(Does::HangUp)];
    let balancer = before(&[fakes[0].address, fakes[1].address]);
    for n in 1..=6 {
        let (status, response) = ask(&balancer);
        assert!(
            status == 502 && response.contains("DEADLINE_EXCEEDED"),
            "{response}"
        );
        let requests = fakes.each_ref().map(Fake::requests);
        assert_eq!(requests.iter().sum::<usize>(), n);
    }
}

#[test]
fn request_sent_over_a_pooled_connection_is_never_repeated() {
    let fake = Fake::start(Does::HangUpOnSecond);
    let backend = ready_backend(fake.address);
    let balancer = before(&[]);
    balancer.backends.replace(vec![backend.clone()]);
    assert_eq!(ask(&balancer).0, 200);
    assert!(poll_until(SOON, || backend.kept() == 1));
    assert_eq!(ask(&balancer).0, 502);
    assert_eq!(fake.requests(), 2);
}

#[test]
fn connections_are_pooled_only_while_the_backend_is_ready() {
    let fake = Fake::start(Does::Answer);
    let backend = ready_backend(fake.address);
    let balancer = before(&[]);
    balancer.backends.replace(vec![backend.clone()]);
    for _ in 0..3 {
        assert_eq!(ask(&balancer).0, 200);
        assert!(poll_until(SOON, || backend.kept() == 1));
    }
    assert!(fake.closed.try_recv().is_err(), "one connection for all");
    backend.set_ready(false);
    assert_eq!(backend.kept(), 0);
    fake.closed.recv_timeout(SOON).unwrap();
}

#[test]
fn connection_in_use_closes_after_its_backend_was_unready() {
    let fake = Fake::start(Does::AnswerInHalves);
    let backend = ready_backend(fake.address);
    let balancer = before(&[]);
    balancer.backends.replace(vec![backend.clone()]);
    let mut stream = send(&balancer);
    let mut response = Vec::new();
    while !response.ends_with(b"first\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        response.push(byte[0]);
    }
    // It is ready again when the response ends, but the connection belongs to the earlier period.
    backend.set_ready(false);
    backend.set_ready(true);
    fake.resume.send(()).unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("second"), "{rest}");
    fake.closed.recv_timeout(SOON).unwrap();
    assert_eq!(backend.kept(), 0);
}
