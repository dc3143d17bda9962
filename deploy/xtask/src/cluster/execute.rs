//! Commands, made of orders that are answered at once and of waiting for what they lead to.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use super::console::order;
use super::state::{Life, Node};
use super::{Answer, Command, Order};

/// A node that is not ready, or has not ended, by then never will be: giving its shards away takes 30 s at most, what
/// runs then 15 s.
const WAIT_MAX: Duration = Duration::from_secs(90);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Carries a command out; what happens meanwhile is shown.
///
/// # Errors
/// When it cannot be done, or nobody answers.
pub(super) fn carry_out(command: Command, control: &Path, show: &dyn Fn(&str)) -> Result<Answer> {
    match command {
        Command::Status => order(control, Order::Look),
        Command::Add => {
            let answer = told(control, Order::Add, show)?;
            let added = answer.state.nodes.last().context("no node was added")?;
            ready(control, added.number, Instant::now(), show)
        }
        Command::Start { node } => start(control, node, show),
        Command::Stop { node } => stop(control, node, show),
        Command::Kill { node } => told(control, Order::Kill(node), show),
        Command::Restart { node: Some(node) } => restart(control, node, show),
        Command::Restart { node: None } => {
            let mut answer = order(control, Order::Look)?;
            for node in answer.state.nodes.clone() {
                answer = restart(control, node.number, show)?;
            }
            Ok(answer)
        }
    }
}

fn restart(control: &Path, node: u16, show: &dyn Fn(&str)) -> Result<Answer> {
    if find(&order(control, Order::Look)?, node)?.pid.is_some() {
        stop(control, node, show)?;
    }
    start(control, node, show)
}

fn start(control: &Path, node: u16, show: &dyn Fn(&str)) -> Result<Answer> {
    let began = Instant::now();
    told(control, Order::Start(node), show)?;
    ready(control, node, began, show)
}

fn stop(control: &Path, node: u16, show: &dyn Fn(&str)) -> Result<Answer> {
    let began = Instant::now();
    told(control, Order::Stop(node), show)?;
    loop {
        let answer = order(control, Order::Look)?;
        if let Life::Ended(how) = &find(&answer, node)?.life {
            show(&format!(
                "n{node} has ended {how}, after {}",
                seconds(began)
            ));
            return Ok(answer);
        }
        wait(began, &format!("n{node} does not end"))?;
    }
}

fn ready(control: &Path, node: u16, began: Instant, show: &dyn Fn(&str)) -> Result<Answer> {
    loop {
        let answer = order(control, Order::Look)?;
        match &find(&answer, node)?.life {
            Life::Ready => {
                show(&format!("n{node} is ready, after {}", seconds(began)));
                return Ok(answer);
            }
            Life::Ended(how) => bail!("n{node} has ended ({how}); its log says why"),
            Life::Starting | Life::Draining => {}
        }
        wait(began, &format!("n{node} is not ready"))?;
    }
}

/// An order that must be followed; what is answered is shown.
fn told(control: &Path, what: Order, show: &dyn Fn(&str)) -> Result<Answer> {
    let answer = order(control, what)?;
    ensure!(answer.done, "{}", answer.said);
    show(&answer.said);
    Ok(answer)
}

fn find(answer: &Answer, node: u16) -> Result<&Node> {
    let mut nodes = answer.state.nodes.iter();
    let found = nodes.find(|found| found.number == node);
    found.with_context(|| format!("there is no n{node}"))
}

fn wait(began: Instant, what: &str) -> Result<()> {
    ensure!(
        began.elapsed() < WAIT_MAX,
        "{what} within {WAIT_MAX:?}; its log says more"
    );
    sleep(LOOK_EVERY);
    Ok(())
}

fn seconds(began: Instant) -> String {
    format!("{:.1} s", began.elapsed().as_secs_f64())
}
