//! The threads of the generator: each has its own runtime, its share of the connections, and one
//! recorder. So a connection never moves between threads, and one thread drives tens of thousands
//! of requests per second.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};
use std::thread;

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::sync::{mpsc, oneshot, watch};

use super::connection::Connection;
use crate::BenchError;
use crate::load::{Caller, Load, Measurement, Outcome, Pace, Pacer, Plan, Recorder, Window, drive};
use crate::process::{ProcessUsage, Role, pin_this_thread};

/// Maximum of concurrent connects: well below the usual backlog of a listening socket.
const CONNECTING_MAX: usize = 128;

/// The sequence of requests of one caller.
pub(crate) trait Requests: Send {
    /// Writes the complete next request into an empty buffer.
    fn write_next(&mut self, buffer: &mut Vec<u8>);

    /// Checks the response to the request written last.
    fn check_response(&self, status: u16, body: &[u8]) -> Outcome;
}

pub(crate) struct HttpLoad<'a> {
    pub(crate) address: SocketAddr,
    /// Total of connections, at least one for each caller.
    pub(crate) connections: usize,
    /// Creates the requests of a caller, by its number.
    pub(crate) requests: &'a (dyn Fn(usize) -> Box<dyn Requests> + Sync),
}

/// One caller with the connections that it uses in turn.
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
            Ok(response) => self.requests.check_response(response.status, response.body),
            Err(loss) => Outcome::Lost(loss),
        }
    }
}

/// The callers of one thread, and its ends of the channels.
struct Worker {
    callers: Vec<HttpCaller>,
    core: Option<usize>,
    ready: mpsc::Sender<Result<(), String>>,
    go: watch::Receiver<Option<Go>>,
    done: oneshot::Sender<Recorder>,
}

/// The start signal for connected workers.
#[derive(Clone)]
struct Go {
    pace: Arc<Pace>,
    window: Window,
}

impl HttpLoad<'_> {
    /// Connects, applies the load, and returns the measurement. All threads end if the future is
    /// dropped.
    ///
    /// # Errors
    /// [`BenchError::Generator`] when connections cannot be opened or a thread fails.
    pub(crate) async fn drive(
        &self,
        plan: &Plan,
        processes: &[(Role, u32)],
    ) -> Result<Measurement, BenchError> {
        let threads = plan.threads.get().min(plan.load.callers());
        let (ready, mut readies) = mpsc::channel(threads);
        let (go, started) = watch::channel(None);
        let mut recorders = Vec::new();
        for callers in self.callers(plan.load, threads) {
            let (done, recorder) = oneshot::channel();
            recorders.push(recorder);
            let worker = Worker {
                callers,
                core: plan.cores.map(|cores| cores.generator),
                ready: ready.clone(),
                go: started.clone(),
                done,
            };
            start_thread(worker);
        }
        drop(ready);
        for _ in 0..threads {
            match readies.recv().await {
                Some(Ok(())) => {}
                Some(Err(reason)) => return Err(BenchError::Generator(reason)),
                None => return Err(thread_failure()),
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
            whole.merge(&recorder.await.map_err(|_| thread_failure())?);
        }
        Ok(Measurement {
            recorder: whole,
            unsent: pace.unsent(),
            usage,
            load: plan.load,
            extra_figures: BTreeMap::new(),
        })
    }

    /// The callers of each thread; callers and connections are dealt out in turn.
    fn callers(&self, load: Load, threads: usize) -> Vec<Vec<HttpCaller>> {
        let count = load.callers();
        assert!(
            self.connections >= count,
            "every caller needs its own connection"
        );
        let mut by_thread: Vec<Vec<HttpCaller>> = (0..threads).map(|_| Vec::new()).collect();
        for number in 0..count {
            let connections = (number..self.connections)
                .step_by(count)
                .map(|_| Connection::new(self.address));
            by_thread[number % threads].push(HttpCaller {
                requests: (self.requests)(number),
                connections: connections.collect(),
                next: 0,
                buffer: Vec::new(),
            });
        }
        by_thread
    }
}

fn thread_failure() -> BenchError {
    BenchError::Generator("a thread of the generator ended unexpectedly".to_owned())
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
                    // A closed channel means that no one waits.
                    let _ = worker.ready.try_send(Err(failure.to_string()));
                }
            }
        })
        .expect("the system can start a thread");
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
        let Go { pace, window } = go.expect("it was set by the sender");
        let recorder = Recorder::shared(window);
        let recorders = [recorder];
        tokio::select! {
            () = drive(self.callers, &pace, &recorders, window.drained_by) => {}
            // The run was cancelled.
            () = dropped(&mut self.go) => return,
        }
        let [recorder] = recorders;
        let recorder = recorder.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = self.done.send(recorder.clone());
    }
}

/// Returns when the sender is dropped: it exists until all recorders are received or the run is
/// cancelled.
async fn dropped(go: &mut watch::Receiver<Option<Go>>) {
    while go.changed().await.is_ok() {}
}
