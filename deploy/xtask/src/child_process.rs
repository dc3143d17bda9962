//! Runs a program and reads its output line by line, while the terminal shows each line at once.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

/// Between two checks of the time limit while the program prints nothing.
const TICK: Duration = Duration::from_millis(100);

/// How long to read on after the program ended. A grandchild can keep the pipe open forever.
const DRAIN_MAX: Duration = Duration::from_secs(2);

/// Between SIGTERM and SIGKILL.
const TERM_MAX: Duration = Duration::from_secs(5);

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    /// Whether it was ended at its time limit.
    pub(crate) timed_out: bool,
}

impl Ended {
    /// Describes the end if it is a failure.
    pub(crate) fn fault(&self, what: &str) -> Option<String> {
        match (self.timed_out, self.status.success()) {
            (true, _) => Some(format!("{what} was ended at its time limit")),
            (false, false) => Some(format!("{what} ended with {}", self.status)),
            (false, true) => None,
        }
    }
}

/// Which outputs are read. The others go directly to the terminal, where Cargo can draw its
/// progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outputs {
    Out,
    OutAndErr,
    /// The output, shown on the standard error: the standard output is for another program.
    OutAsErr,
}

/// Where lines are shown.
struct Screen {
    out: fn(&[u8]),
    err: fn(&[u8]),
}

/// Errors are ignored: if the output is closed, the count is still of use.
const TERMINAL: Screen = Screen {
    out: |line| drop(std::io::stdout().lock().write_all(line)),
    err: |line| drop(std::io::stderr().lock().write_all(line)),
};

const MESSAGES: Screen = Screen {
    out: TERMINAL.err,
    ..TERMINAL
};

/// Runs the program to its end, at most until the time limit. Lines that are read are also shown.
///
/// # Errors
/// When the program cannot be started or waited for.
pub(crate) fn run(
    command: &mut Command,
    read: Outputs,
    limit: Duration,
    on_line: impl FnMut(&str),
) -> Result<Ended> {
    let screen = match read {
        Outputs::Out | Outputs::OutAndErr => &TERMINAL,
        Outputs::OutAsErr => &MESSAGES,
    };
    run_on(screen, command, read, limit, on_line)
}

fn run_on(
    screen: &Screen,
    command: &mut Command,
    read: Outputs,
    limit: Duration,
    mut on_line: impl FnMut(&str),
) -> Result<Ended> {
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    if read == Outputs::OutAndErr {
        command.stderr(Stdio::piped());
    }
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot run {program}"))?;
    let (sender, lines) = mpsc::channel();
    if let Some(out) = child.stdout.take() {
        forward(out, sender.clone(), screen.out);
    }
    if let Some(err) = child.stderr.take() {
        forward(err, sender.clone(), screen.err);
    }
    drop(sender);

    let started = Instant::now();
    let mut ended: Option<(ExitStatus, Instant)> = None;
    loop {
        let line = lines.recv_timeout(TICK);
        if ended.is_none() {
            ended = child.try_wait()?.map(|status| (status, Instant::now()));
        }
        let drained = ended.is_some_and(|(_, at)| at.elapsed() > DRAIN_MAX);
        match line {
            Ok(line) => on_line(&line),
            Err(RecvTimeoutError::Timeout) if !drained => {}
            Err(_) => break,
        }
        if started.elapsed() > limit {
            break;
        }
    }
    finish(&mut child, limit.saturating_sub(started.elapsed()))
}

/// Waits for the program at most until the limit, then ends it.
fn finish(child: &mut Child, limit: Duration) -> Result<Ended> {
    if let Some(status) = wait(child, limit)? {
        return Ok(Ended {
            status,
            timed_out: false,
        });
    }
    terminate(child)?;
    let status = match wait(child, TERM_MAX)? {
        Some(status) => status,
        None => {
            child.kill().context("cannot kill the program")?;
            child.wait().context("cannot wait for the program")?
        }
    };
    Ok(Ended {
        status,
        timed_out: true,
    })
}

/// Waits for the program; `None` at the limit.
///
/// # Errors
/// When it cannot be waited for.
fn wait(child: &mut Child, limit: Duration) -> Result<Option<ExitStatus>> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().context("cannot wait for the program")? {
            return Ok(Some(status));
        }
        if started.elapsed() >= limit {
            return Ok(None);
        }
        thread::sleep(TICK / 10);
    }
}

/// Sends SIGTERM, with the program `kill`: the standard library can only send SIGKILL, and unsafe
/// code is forbidden.
///
/// # Errors
/// When `kill` is missing or fails.
fn terminate(child: &Child) -> Result<()> {
    let status = Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status()
        .context("cannot run kill")?;
    anyhow::ensure!(
        status.success(),
        "kill -TERM {} ended with {status}",
        child.id()
    );
    Ok(())
}

fn forward(from: impl Read + Send + 'static, to: Sender<String>, show: fn(&[u8])) {
    thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while from
            .read_until(b'\n', &mut line)
            .is_ok_and(|length| length > 0)
        {
            show(&line);
            let text = String::from_utf8_lossy(&line);
            if to.send(text.trim_end().to_owned()).is_err() {
                break;
            }
            line.clear();
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn sh(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    /// Without showing the output, which would mix with that of the tests.
    fn run_unseen(
        script: &str,
        read: Outputs,
        limit: Duration,
        on_line: impl FnMut(&str),
    ) -> Ended {
        let nowhere = Screen {
            out: |_| {},
            err: |_| {},
        };
        run_on(&nowhere, &mut sh(script), read, limit, on_line).unwrap()
    }

    fn lines_of(read: Outputs, script: &str) -> (Vec<String>, Ended) {
        let mut lines = Vec::new();
        let ended = run_unseen(script, read, LONG, |line| lines.push(line.to_owned()));
        lines.sort();
        (lines, ended)
    }

    #[test]
    fn lines_and_exit_status_reach_the_caller() {
        let (lines, ended) = lines_of(Outputs::OutAndErr, "echo a; echo b >&2; printf c; exit 3");
        assert_eq!(lines, ["a", "b", "c"]);
        assert_eq!(ended.fault("it").unwrap(), "it ended with exit status: 3");
        let (lines, ended) = lines_of(Outputs::Out, "echo a");
        assert_eq!((lines, ended.fault("it")), (vec!["a".to_owned()], None));
    }

    #[test]
    fn program_is_ended_at_its_time_limit() {
        let ended = run_unseen("exec sleep 3600", Outputs::Out, Duration::ZERO, |_| {});
        assert!(ended.timed_out);
        assert_eq!(ended.fault("it").unwrap(), "it was ended at its time limit");
    }

    #[test]
    fn grandchild_that_keeps_the_pipe_open_is_not_awaited() {
        let mut own_pid = String::new();
        let started = Instant::now();
        let script = "sleep 3600 & echo $!";
        run_unseen(script, Outputs::Out, LONG, |line| {
            line.clone_into(&mut own_pid)
        });
        assert!(started.elapsed() < LONG);
        let killed = Command::new("kill").arg(&own_pid).status().unwrap();
        assert!(killed.success(), "the grandchild was still running");
    }
}
