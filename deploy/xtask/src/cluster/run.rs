//! The owner of the nodes: starts all, shows what happens, does what it is ordered to, and ends all it has started.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use fritzy_testbed::WatchedFolder;

use super::console::{self, Event};
use super::crew::{Crew, Happened};
use super::node::{self, PORTS_FROM, Seat, Setup};
use super::state::{Life, Node, State};
use super::surroundings::{self, Server};
use super::{Answer, NODES_MAX, New, Order, secret, told};

/// Between two looks at the processes and at who is ready.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// For all nodes to be ready at the start.
const START_MAX: Duration = Duration::from_secs(90);
/// For one node to end in order: as long as it takes at most by its settings.
const STOP_MAX: Duration = Duration::from_secs(60);

/// All that runs. Its parts end in this order: nodes, then what they need.
struct Play {
    crew: Crew,
    watched: WatchedFolder,
    setup: Setup,
    /// Where the state and the logs are.
    folder: PathBuf,
    control: PathBuf,
    /// All nodes were ready once: from then on one that ends can be started again.
    is_up: bool,
    written: Option<State>,
    database: Server,
    kafka: Result<Server, String>,
}

/// Starts a cluster and keeps it until it is told to end.
///
/// # Errors
/// When something of it cannot be started.
pub(super) fn play(new: &New, json: bool, folder: &Path, program: PathBuf) -> Result<bool> {
    let (tell, events) = channel();
    console::listen_for_signals(tell.clone())?;
    let mut play = match Play::start(new, folder, program, tell) {
        Ok(play) => play,
        // Ctrl-C reaches what makes a database as well, and the database is not what is missing.
        Err(_) if matches!(events.recv_timeout(LOOK_EVERY), Ok(Event::End)) => {
            eprintln!("ended before all had started");
            return Ok(true);
        }
        Err(failure) => return Err(failure),
    };
    if !play.wait_until_ready(&events)? {
        play.end(&events);
        return Ok(true);
    }
    play.is_up = true;
    console::read_terminal(play.control.clone());
    let state = play.state();
    let (database, kafka) = (&play.database.about, play.kafka.as_ref());
    let kafka = kafka.map(|kafka| kafka.about.as_str());
    eprint!(
        "{}",
        told::welcome(&state, database, kafka.map_err(String::as_str))
    );
    if json {
        println!("{}", serde_json::to_string_pretty(&state)?);
    }
    while play.goes_on(&events) {}
    play.end(&events);
    Ok(true)
}

impl Play {
    fn start(new: &New, folder: &Path, program: PathBuf, tell: Sender<Event>) -> Result<Self> {
        let database = surroundings::database(folder)?;
        let kafka = match new.no_kafka {
            true => Err("not asked for".to_owned()),
            false => surroundings::kafka(folder),
        };
        let setup = Setup {
            program,
            database_url: database.url.clone(),
            kafka_brokers: kafka.as_ref().ok().map(|kafka| kafka.url.clone()),
            cookie: secret::new()?,
            admin_token: secret::new()?,
        };
        if kafka.is_ok() {
            surroundings::run_to_end(&mut setup.command(&["topics", "apply"]))
                .context("the topics cannot be made")?;
        }
        let watched = WatchedFolder::new()?;
        let control = watched.path().join("control");
        console::listen(&control, tell)?;
        let mut play = Self {
            crew: Crew::new(node::address(PORTS_FROM)?)?,
            watched,
            setup,
            folder: folder.to_owned(),
            control,
            is_up: false,
            written: None,
            database,
            kafka,
        };
        for number in 1..=new.nodes {
            play.add(number)?;
        }
        Ok(play)
    }

    fn add(&mut self, number: u16) -> Result<()> {
        let seat = Seat::new(number, &self.folder)?;
        self.crew.add(seat, &self.setup, &self.watched)
    }

    /// Whether all nodes are; `false` when this was told to end before.
    fn wait_until_ready(&mut self, events: &Receiver<Event>) -> Result<bool> {
        let began = Instant::now();
        loop {
            let nodes = self.crew.shown();
            if nodes.iter().all(|node| node.life == Life::Ready) {
                return Ok(true);
            }
            let ended = |node: &&Node| matches!(node.life, Life::Ended(_));
            if let Some(ended) = nodes.iter().find(ended) {
                bail!("a node did not start:\n{}", told::end_of_log(&ended.log));
            }
            if !self.goes_on(events) {
                return Ok(false);
            }
            if began.elapsed() > START_MAX {
                bail!(
                    "not all nodes are ready after {START_MAX:?}; their logs are in {}",
                    self.folder.display()
                );
            }
        }
    }

    /// Does what there is to do now; `false` once it is to end.
    fn goes_on(&mut self, events: &Receiver<Event>) -> bool {
        match events.recv_timeout(LOOK_EVERY) {
            Ok(Event::Ordered(order, answer)) => {
                let (done, said) = match self.obey(order) {
                    Ok(said) => (true, said),
                    Err(failure) => (false, format!("{failure:#}")),
                };
                self.look();
                let state = self.state();
                // Whoever asked may have left.
                let _ = answer.send(Answer { said, done, state });
            }
            Ok(Event::End) | Err(RecvTimeoutError::Disconnected) => return false,
            Err(RecvTimeoutError::Timeout) => self.look(),
        }
        true
    }

    fn obey(&mut self, order: Order) -> Result<String> {
        Ok(match order {
            Order::Look => String::new(),
            Order::Add => {
                let number = self.crew.seats().len() + 1;
                if number > usize::from(NODES_MAX) {
                    bail!(
                        "more than {NODES_MAX} nodes on one machine only get in each other's way"
                    );
                }
                self.add(u16::try_from(number)?)?;
                format!("n{number} starts; shards move to it some seconds after it is ready")
            }
            Order::Start(number) => {
                self.crew.start(number, &self.setup, &self.watched)?;
                format!("n{number} starts")
            }
            Order::Stop(number) => {
                self.crew.running(number)?.stop()?;
                format!("n{number} gives its shards away, and ends")
            }
            Order::Kill(number) => {
                self.crew.running(number)?.kill();
                format!("n{number} is killed; the others take its shards within some seconds")
            }
        })
    }

    /// Notes who has ended and who is ready, shows what has changed, and keeps it.
    fn look(&mut self) {
        for happened in self.crew.look() {
            match happened {
                Happened::Ended { number, how } if self.is_up => eprintln!(
                    "n{number} has ended ({how}); `start {number}` brings it back, nothing else does"
                ),
                Happened::Ended { number, how } => eprintln!("n{number} has ended ({how})"),
                Happened::NotReady { number } => eprintln!("n{number} is not ready"),
            }
        }
        let state = self.state();
        if self.written.as_ref() != Some(&state) {
            if let Err(failure) = state.write(&self.folder) {
                eprintln!("{failure:#}");
            }
            self.written = Some(state);
        }
    }

    fn state(&self) -> State {
        State {
            url: node::url(self.crew.balancer().address()),
            database_url: self.setup.database_url.clone(),
            kafka_brokers: self.setup.kafka_brokers.clone(),
            cookie: self.setup.cookie.clone(),
            admin_token: self.setup.admin_token.clone(),
            pid: std::process::id(),
            control: self.control.clone(),
            nodes: self.crew.shown(),
        }
    }

    /// One node after the other gives its shards to those that are left; the last has nobody to give them to.
    fn end(mut self, events: &Receiver<Event>) {
        eprintln!("ending one node after the other; Ctrl-C again ends all at once");
        State::remove(&self.folder);
        for seat in self.crew.seats() {
            let began = Instant::now();
            if let Err(failure) = seat.stop() {
                eprintln!("{}: {failure:#}", seat.name());
            }
            while seat.pid().is_some() {
                if let Some(how) = seat.ended() {
                    let took = began.elapsed().as_secs_f64();
                    eprintln!("{} has ended {how}, after {took:.1} s", seat.name());
                    break;
                }
                let again = matches!(events.recv_timeout(LOOK_EVERY), Ok(Event::End));
                if again || began.elapsed() > STOP_MAX {
                    // What is left is killed with the folder.
                    return eprintln!("ended at once");
                }
            }
        }
    }
}
