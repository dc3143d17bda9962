//! Where orders come from: a socket, the terminal, and signals.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::Parser as _;
use tokio::signal::unix::{SignalKind, signal};

use super::{Answer, Line, Order, carry_out};

/// An order is one short line, and its answer one of some KB.
const SPEAK_MAX: Duration = Duration::from_secs(10);

/// What happens to the owner of the nodes.
pub(super) enum Event {
    /// Somebody orders, and waits for an answer.
    Ordered(Order, Sender<Answer>),
    /// Ctrl-C, SIGTERM or SIGHUP.
    End,
}

/// Takes orders on a socket.
///
/// # Errors
/// When it cannot be listened on.
pub(super) fn listen(socket: &Path, events: Sender<Event>) -> Result<()> {
    let listener = UnixListener::bind(socket)
        .with_context(|| format!("cannot listen on {}", socket.display()))?;
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let events = events.clone();
            // Whoever hangs up early wants no answer.
            thread::spawn(move || drop(take(&stream, &events)));
        }
    });
    Ok(())
}

fn take(stream: &UnixStream, events: &Sender<Event>) -> Result<()> {
    stream.set_read_timeout(Some(SPEAK_MAX))?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    let order = serde_json::from_str(&line)?;
    let (answer, answered) = channel();
    events.send(Event::Ordered(order, answer))?;
    let mut stream = stream;
    Ok(writeln!(
        stream,
        "{}",
        serde_json::to_string(&answered.recv()?)?
    )?)
}

/// Has an order carried out by the owner of the nodes.
///
/// # Errors
/// When nobody answers.
pub(super) fn order(control: &Path, order: Order) -> Result<Answer> {
    let gone = "the cluster has ended";
    let mut stream = UnixStream::connect(control).context(gone)?;
    writeln!(stream, "{}", serde_json::to_string(&order)?)?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    ensure!(!line.is_empty(), gone);
    serde_json::from_str(&line).context("its answer cannot be read")
}

/// Carries out what is typed, until the terminal is closed. It asks as everybody does.
pub(super) fn read_terminal(control: PathBuf) {
    thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if line.trim().is_empty() {
                continue;
            }
            let show = |line: &str| eprintln!("{line}");
            match Line::try_parse_from(line.split_whitespace()) {
                Ok(Line { command }) => match carry_out(command, &control, &show) {
                    Ok(answer) if matches!(command, super::Command::Status) => {
                        eprint!("{}", super::told::nodes(&answer.state));
                    }
                    Ok(_) => {}
                    Err(failure) => eprintln!("{failure:#}"),
                },
                Err(mistake) => eprint!("{}", mistake.render()),
            }
        }
    });
}

/// Listens for signals, from now on.
///
/// # Errors
/// When the system does not let us.
pub(super) fn listen_for_signals(events: Sender<Event>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build()?;
    let kinds = [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ];
    let context = runtime.enter();
    let [mut interrupt, mut terminate, mut hangup] = match kinds.map(signal) {
        [Ok(interrupt), Ok(terminate), Ok(hangup)] => [interrupt, terminate, hangup],
        _ => anyhow::bail!("the system does not let us listen for signals"),
    };
    drop(context);
    thread::spawn(move || {
        runtime.block_on(async {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    _ = hangup.recv() => {}
                }
                if events.send(Event::End).is_err() {
                    return;
                }
            }
        });
    });
    Ok(())
}
