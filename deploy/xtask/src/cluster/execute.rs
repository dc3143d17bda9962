//! Executes commands: requests with an immediate response, and waiting for their effect.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use super::control::send;
use super::request::{Command, ControlRequest, ControlResponse};
use super::state::{NodeState, NodeStatus};

/// A node that is not ready, or has not ended, within this time hangs: a hand-off takes 30 s at
/// most, requests in flight 15 s.
const WAIT_MAX: Duration = Duration::from_secs(90);
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Executes a command, and shows its progress.
///
/// # Errors
/// When the command is refused, does not take effect in time, or the cluster has ended.
pub(super) fn execute(
    command: Command,
    control: &Path,
    show: &dyn Fn(&str),
) -> Result<ControlResponse> {
    match command {
        Command::Status => send(control, ControlRequest::Status),
        Command::Add => {
            let response = require(control, ControlRequest::Add, show)?;
            let added = response.state.nodes.last().context("no node was added")?;
            wait_until_ready(control, added.number, Instant::now(), show)
        }
        Command::Start { node } => start(control, node, show),
        Command::Stop { node } => stop(control, node, show),
        Command::Kill { node } => require(control, ControlRequest::Kill(node), show),
        Command::Restart { node: Some(node) } => restart(control, node, show),
        Command::Restart { node: None } => {
            let mut response = send(control, ControlRequest::Status)?;
            for node in response.state.nodes.clone() {
                response = restart(control, node.number, show)?;
            }
            Ok(response)
        }
    }
}

fn restart(control: &Path, node: u16, show: &dyn Fn(&str)) -> Result<ControlResponse> {
    let response = send(control, ControlRequest::Status)?;
    if find(&response, node)?.pid.is_some() {
        stop(control, node, show)?;
    }
    start(control, node, show)
}

fn start(control: &Path, node: u16, show: &dyn Fn(&str)) -> Result<ControlResponse> {
    let started = Instant::now();
    require(control, ControlRequest::Start(node), show)?;
    wait_until_ready(control, node, started, show)
}

fn stop(control: &Path, node: u16, show: &dyn Fn(&str)) -> Result<ControlResponse> {
    let started = Instant::now();
    require(control, ControlRequest::Stop(node), show)?;
    loop {
        let response = send(control, ControlRequest::Status)?;
        if let NodeStatus::Ended(how) = &find(&response, node)?.status {
            show(&format!("n{node} ended {how} after {}", seconds(started)));
            return Ok(response);
        }
        pause(started, &format!("n{node} did not end"))?;
    }
}

fn wait_until_ready(
    control: &Path,
    node: u16,
    started: Instant,
    show: &dyn Fn(&str),
) -> Result<ControlResponse> {
    loop {
        let response = send(control, ControlRequest::Status)?;
        match &find(&response, node)?.status {
            NodeStatus::Ready => {
                show(&format!("n{node} is ready after {}", seconds(started)));
                return Ok(response);
            }
            NodeStatus::Ended(how) => bail!("n{node} ended ({how}); its log says why"),
            NodeStatus::Starting | NodeStatus::Draining => {}
        }
        pause(started, &format!("n{node} is not ready"))?;
    }
}

/// Sends a request that must be accepted, and shows the message of its response.
fn require(
    control: &Path,
    request: ControlRequest,
    show: &dyn Fn(&str),
) -> Result<ControlResponse> {
    let response = send(control, request)?;
    ensure!(response.done, "{}", response.message);
    show(&response.message);
    Ok(response)
}

fn find(response: &ControlResponse, node: u16) -> Result<&NodeState> {
    let mut nodes = response.state.nodes.iter();
    let found = nodes.find(|found| found.number == node);
    found.with_context(|| format!("there is no n{node}"))
}

fn pause(started: Instant, fault: &str) -> Result<()> {
    ensure!(
        started.elapsed() < WAIT_MAX,
        "{fault} within {WAIT_MAX:?}; its log says more"
    );
    sleep(POLL_INTERVAL);
    Ok(())
}

fn seconds(since: Instant) -> String {
    format!("{:.1} s", since.elapsed().as_secs_f64())
}
