//! The threads of the generator: each has a runtime of its own, its share of the connections, and one recorder. So a
//! connection never moves between threads, and one thread drives tens of thousands of requests a second.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};
use std::thread;

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::sync::{mpsc, oneshot, watch};

use super::connection::Connection;
use crate::BenchError;
use crate::load::{Caller, Load, Measured, Outcome, Pace, Pacer, Plan, Recorder, Window, drive};
use crate::process::{ProcessUsage, Role, pin_this_thread};

/// Connections opened at once: well below a usual backlog of a listening socket.
const CONNECTING_MAX: usize = 128;

/// The requests of one caller, one after the other.
pub(crate) trait Requests: Send {
    /// Writes the next request, whole, into an empty buffer.
    fn write_next(&mut self, buffer: &mut Vec<u8>);

    /// Judges the answer to the request written last.
    fn judge(&self, status: u16, body: &[u8]) -> Outcome;
}

/// Load on one address.
pub(crate) struct HttpLoad<'a> {
    /// Where to.
    pub(crate) address: SocketAddr,
    /// Connections in all, no fewer than callers.
    pub(crate) connections: usize,
    /// What each caller asks, by its number.
    pub(crate) requests: &'a (dyn Fn(usize) -> Box<dyn Requests> + Sync),
}

/// One caller with the connections it uses in turn.
struct HttpCaller {
    requests: Box<dyn Requests>,
    connections: Vec<Connection>,
    next: usize,
    buffer: Vec<u8>,
}

impl Caller for HttpCaller {
    async fn call(&mut self) -> Outcome {
        self.buffer.clear();
        self.requests.write_next(&mut self.buffer);
        self.next = (self.next + 1) % self.connections.len();
        let connection = &mut self.connections[self.next];
        match connection.exchange(&self.buffer).await {
            Ok(answer) => self.requests.judge(answer.status, answer.body),
            Err(loss) => Outcome::Lost(loss),
        }
    }
}

/// A thread's part of the work, and its ends of the channels.
struct Worker {
    callers: Vec<HttpCaller>,
    core: Option<usize>,
    ready: mpsc::Sender<Result<(), String>>,
    go: watch::Receiver<Option<Go>>,
    done: oneshot::Sender<Recorder>,
}

/// What all wait for when they are connected.
#[derive(Clone)]
struct Go {
    pace: Arc<Pace>,
    window: Window,
}

impl HttpLoad<'_> {
    /// Connects, puts the load on, and says what came of it. Dropped, all its threads end.
    ///
    /// # Errors
    /// [`BenchError`] when connections cannot be made.
    pub(crate) async fn drive(
        &self,
        plan: &Plan,
        processes: &[(Role, u32)],
    ) -> Result<Measured, BenchError> {
        let threads = plan.threads.get().min(plan.load.callers());
        let (ready, mut readies) = mpsc::channel(threads);
        let (go, gone) = watch::channel(None);
        let mut recorders = Vec::new();
        for callers in self.callers(plan.load, threads) {
            let (done, recorder) = oneshot::channel();
            recorders.push(recorder);
            let worker = Worker {
                callers,
                core: plan.cores.map(|cores| cores.generator),
                ready: ready.clone(),
                go: gone.clone(),
                done,
            };
            start_thread(worker);
        }
        drop(ready);
        for _ in 0..threads {
            match readies.recv().await {
                Some(Ok(())) => {}
                Some(Err(reason)) => return Err(BenchError::Generator(reason)),
                None => return Err(gone_thread()),
            }
        }
        let window = Window::beginning_now(plan.warmup, plan.duration);
        let pace = Arc::new(Pace::new(plan.load, &window));
        let core = plan.cores.map(|cores| cores.generator);
        let _pacer = Pacer::start(&pace, plan.load.callers(), core);
        go.send_replace(Some(Go {
            pace: pace.clone(),
            window,
        }));
        let usage =
            ProcessUsage::between(window.measured_from, window.measured_to, processes).await;
        let mut whole = Recorder::new(window);
        for recorder in recorders {
            whole.merge(&recorder.await.map_err(|_| gone_thread())?);
        }
        Ok(Measured {
            recorder: whole,
            unsent: pace.unsent(),
            usage,
            load: plan.load,
            more: BTreeMap::new(),
        })
    }

    /// The callers of each thread; callers and connections are dealt out like cards.
    fn callers(&self, load: Load, threads: usize) -> Vec<Vec<HttpCaller>> {
        let count = load.callers();
        assert!(
            self.connections >= count,
            "every caller needs a connection of its own"
        );
        let mut dealt: Vec<Vec<HttpCaller>> = (0..threads).map(|_| Vec::new()).collect();
        for number in 0..count {
            let connections = (number..self.connections)
                .step_by(count)
                .map(|_| Connection::new(self.address));
            dealt[number % threads].push(HttpCaller {
                requests: (self.requests)(number),
                connections: connections.collect(),
                next: 0,
                buffer: Vec::new(),
            });
        }
        dealt
    }
}

fn gone_thread() -> BenchError {
    BenchError::Generator("a thread of the generator died".to_owned())
}

fn start_thread(worker: Worker) {
    let thread = thread::Builder::new().name("generator".to_owned());
    thread
        .spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let pinned = worker.core.map_or(Ok(()), pin_this_thread);
            match (pinned, runtime) {
                (Ok(()), Ok(runtime)) => runtime.block_on(worker.work()),
                (Err(failure), _) | (_, Err(failure)) => {
                    // Nobody to tell means that nobody waits.
                    let _ = worker.ready.try_send(Err(failure.to_string()));
                }
            }
        })
        .expect("the system has a thread left");
}

impl Worker {
    async fn work(mut self) {
        let connections = self
            .callers
            .iter_mut()
            .flat_map(|caller| &mut caller.connections);
        let connected = stream::iter(connections)
            .map(|connection| async move { connection.open().await.map(|_| ()) })
            .buffer_unordered(CONNECTING_MAX)
            .try_collect::<()>()
            .await;
        let connected = connected.map_err(|failure| format!("cannot connect: {failure}"));
        let failed = connected.is_err();
        if self.ready.send(connected).await.is_err() || failed {
            return;
        }
        let Ok(go) = self.go.wait_for(Option::is_some).await.map(|go| go.clone()) else {
            return;
        };
        let Go { pace, window } = go.expect("it was waited for");
        let recorder = Recorder::shared(window);
        let recorders = [recorder];
        tokio::select! {
            () = drive(self.callers, &pace, &recorders, window.drained_by) => {}
            // The run was given up.
            () = dropped(&mut self.go) => return,
        }
        let [recorder] = recorders;
        let recorder = recorder.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = self.done.send(recorder.clone());
    }
}

/// The sender lives until every recorder has come, or nobody wants them any more.
async fn dropped(go: &mut watch::Receiver<Option<Go>>) {
    while go.changed().await.is_ok() {}
}
