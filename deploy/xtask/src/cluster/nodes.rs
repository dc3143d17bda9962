//! The nodes, and the balancer that asks those of them that run whether they are ready.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail};
use fritzy_testbed::{Balancer, WatchedFolder};

use super::node::{Seat, Setup};
use super::state::{Life, Node};

/// All of them, in the order of their numbers.
pub(super) struct Crew {
    seats: Vec<Seat>,
    balancer: Balancer,
}

/// What has happened to a node by itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Happened {
    /// It has ended, and nobody had told it to.
    Ended { number: u16, how: String },
    /// It was ready, runs on, and is not ready.
    NotReady { number: u16 },
}

impl Crew {
    /// None yet.
    ///
    /// # Errors
    /// When the balancer cannot listen there.
    pub(super) fn new(balancer: SocketAddr) -> Result<Self> {
        Ok(Self {
            seats: Vec::new(),
            balancer: Balancer::start(balancer, &[])?,
        })
    }

    pub(super) const fn balancer(&self) -> &Balancer {
        &self.balancer
    }

    pub(super) fn seats(&mut self) -> &mut [Seat] {
        &mut self.seats
    }

    pub(super) fn shown(&self) -> Vec<Node> {
        self.seats.iter().map(Seat::shown).collect()
    }

    /// Takes a seat in, and starts a node in it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) fn add(&mut self, seat: Seat, setup: &Setup, watched: &WatchedFolder) -> Result<()> {
        let number = seat.number();
        self.seats.push(seat);
        self.start(number, setup, watched)
    }

    /// Starts a node in a seat that is empty.
    ///
    /// # Errors
    /// When there is no such seat, one runs in it, or it cannot be started.
    pub(super) fn start(
        &mut self,
        number: u16,
        setup: &Setup,
        watched: &WatchedFolder,
    ) -> Result<()> {
        let seat = self.find(number)?;
        if seat.pid().is_some() {
            bail!("n{number} runs");
        }
        seat.start(setup, watched)?;
        self.follow();
        Ok(())
    }

    /// A node that runs.
    ///
    /// # Errors
    /// When there is none of this number, or it has ended.
    pub(super) fn running(&mut self, number: u16) -> Result<&mut Seat> {
        let seat = self.find(number)?;
        if seat.pid().is_none() {
            bail!("n{number} does not run");
        }
        Ok(seat)
    }

    fn find(&mut self, number: u16) -> Result<&mut Seat> {
        let mut seats = self.seats.iter_mut();
        let found = seats.find(|seat| seat.number() == number);
        found.with_context(|| format!("there is no n{number}"))
    }

    /// Notes who has ended, and who is ready.
    pub(super) fn look(&mut self) -> Vec<Happened> {
        let ready = self.balancer.ready();
        let (mut happened, mut has_ended) = (Vec::new(), false);
        for seat in &mut self.seats {
            let (number, was_told) = (seat.number(), seat.life == Life::Draining);
            if let Some(how) = seat.ended() {
                has_ended = true;
                if !was_told {
                    happened.push(Happened::Ended { number, how });
                }
                continue;
            }
            let is_ready = ready.contains(&seat.address);
            match seat.life {
                Life::Starting if is_ready => seat.life = Life::Ready,
                Life::Ready if !is_ready => {
                    happened.push(Happened::NotReady { number });
                    seat.life = Life::Starting;
                }
                _ => {}
            }
        }
        if has_ended {
            self.follow();
        }
        happened
    }

    /// The balancer knows those that run, and no others: one that comes back must say itself that it is ready, for what was
    /// said last at its address was said by the one before.
    fn follow(&self) {
        let running = self.seats.iter().filter(|seat| seat.pid().is_some());
        let addresses: Vec<SocketAddr> = running.map(|seat| seat.address).collect();
        self.balancer.set_backends(&addresses);
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::{Ipv4Addr, TcpListener};
    use std::process::{Child, Command, Stdio};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread::{self, sleep};
    use std::time::{Duration, Instant};

    use super::*;

    /// What takes a tenth of a second on an idle machine takes a while on a busy one.
    const SOON: Duration = Duration::from_secs(30);

    /// Something that runs and says nothing; a test that fails leaves it for a minute, and nobody waits for it.
    fn process() -> Child {
        let mut command = Command::new("sleep");
        command
            .arg("60")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.spawn().unwrap()
    }

    /// Says for a node that it is ready, as long as `is_ready`.
    fn speak_for(address: SocketAddr, is_ready: Arc<AtomicBool>) {
        let listener = TcpListener::bind(address).unwrap();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let lines = BufReader::new(&stream).lines().map_while(Result::ok);
                lines.take_while(|line| !line.is_empty()).count();
                let status = if is_ready.load(Ordering::SeqCst) {
                    200
                } else {
                    503
                };
                let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n");
                drop((&stream).write_all(answer.as_bytes()));
            }
        });
    }

    fn become_ready(crew: &mut Crew) {
        let began = Instant::now();
        while crew.seats[0].life != Life::Ready {
            assert!(began.elapsed() < SOON);
            crew.look();
            sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_node_that_comes_back_is_not_ready_before_it_says_so_itself() {
        let logs = WatchedFolder::new().unwrap();
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut crew = Crew::new(any_port).unwrap();
        crew.seats.push(Seat::new(1, logs.path()).unwrap());
        let is_ready = Arc::new(AtomicBool::new(true));
        speak_for(crew.seats[0].address, is_ready.clone());
        crew.seats[0].occupy(process());
        crew.follow();
        become_ready(&mut crew);

        is_ready.store(false, Ordering::SeqCst);
        crew.running(1).unwrap().kill();
        let how = "killed".to_owned();
        assert_eq!(crew.look(), [Happened::Ended { number: 1, how }]);
        crew.seats[0].occupy(process());
        crew.follow();
        assert_eq!(crew.look(), []);
        assert_eq!(crew.seats[0].life, Life::Starting);

        is_ready.store(true, Ordering::SeqCst);
        become_ready(&mut crew);
        crew.running(1).unwrap().kill();
    }

    #[test]
    fn who_is_not_there_or_does_not_run_is_told() {
        let logs = WatchedFolder::new().unwrap();
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut crew = Crew::new(any_port).unwrap();
        crew.seats.push(Seat::new(1, logs.path()).unwrap());
        let refused = |crew: &mut Crew, number| crew.running(number).err().unwrap().to_string();
        assert_eq!(refused(&mut crew, 1), "n1 does not run");
        assert_eq!(refused(&mut crew, 2), "there is no n2");
    }
}
