//! Shows the progress of a replay on stderr: bars on a terminal, otherwise a line every few
//! seconds.

use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

use fritzy_bench::replay::{Phase, PhaseSnapshot, ReplayProgress};
use indicatif::{ProgressBar, ProgressStyle};

/// Between two plain lines: often enough to see progress, seldom enough for a log.
const LINES_EVERY: Duration = Duration::from_secs(3);

/// The display of the current phase; phases run and are shown one after the other.
pub(crate) struct ProgressDisplay {
    phase: usize,
    form: Form,
}

enum Form {
    Bars(Option<ProgressBar>),
    Lines(Instant),
}

impl ProgressDisplay {
    /// Bars if stderr is a terminal, otherwise lines.
    pub(crate) fn new() -> Self {
        let form = if stderr().is_terminal() {
            Form::Bars(None)
        } else {
            Form::Lines(Instant::now())
        };
        Self { phase: 0, form }
    }

    /// Shows the changes since the last call. Cheap enough for ten calls per second.
    pub(crate) fn update(&mut self, progress: &ReplayProgress) {
        while let Some(&phase) = Phase::ALL.get(self.phase) {
            let Some(snapshot) = progress.phase(phase) else {
                return;
            };
            match &mut self.form {
                Form::Bars(bar) => draw(bar, &snapshot),
                Form::Lines(last) => {
                    if snapshot.ended || last.elapsed() >= LINES_EVERY {
                        print(&line(&snapshot));
                        *last = Instant::now();
                    }
                }
            }
            if !snapshot.ended {
                return;
            }
            self.phase += 1;
        }
    }

    /// Keeps the last bar on the screen, so that the next line starts below it.
    pub(crate) fn close(self) {
        if let Form::Bars(Some(bar)) = self.form {
            bar.abandon();
        }
    }
}

fn draw(slot: &mut Option<ProgressBar>, snapshot: &PhaseSnapshot) {
    let bar = slot.get_or_insert_with(|| {
        let style = ProgressStyle::with_template("{prefix:29} {wide_bar} {msg}")
            .expect("the template is a constant");
        ProgressBar::new(0)
            .with_style(style)
            .with_prefix(snapshot.phase.label())
    });
    bar.set_length(snapshot.total as u64);
    bar.set_message(amounts(snapshot));
    bar.set_position(snapshot.done as u64);
    if snapshot.ended {
        bar.abandon();
        *slot = None;
    }
}

/// `orders 3 000 of 6 919, 812/s`.
fn line(snapshot: &PhaseSnapshot) -> String {
    format!("{} {}", snapshot.phase.label(), amounts(snapshot))
}

fn amounts(snapshot: &PhaseSnapshot) -> String {
    let (done, total) = (grouped(snapshot.done), grouped(snapshot.total));
    let mut text = format!("{done} of {total}, {:.0}/s", snapshot.per_second());
    match snapshot.retries {
        0 => {}
        1 => text.push_str(", 1 retry"),
        retries => text.push_str(&format!(", {} retries", grouped(retries))),
    }
    text
}

/// Digits in groups of three, as in `6 919`.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// A closed stderr must not stop the replay.
fn print(line: &str) {
    let _ = writeln!(stderr().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_line_has_progress_and_rate() {
        let mut snapshot = PhaseSnapshot {
            phase: Phase::Orders,
            done: 3000,
            total: 6919,
            retries: 0,
            elapsed: Duration::from_millis(3695),
            ended: false,
        };
        assert_eq!(line(&snapshot), "orders 3 000 of 6 919, 812/s");
        snapshot.retries = 1;
        assert_eq!(line(&snapshot), "orders 3 000 of 6 919, 812/s, 1 retry");
        snapshot.retries = 1_234_567;
        assert_eq!(
            line(&snapshot),
            "orders 3 000 of 6 919, 812/s, 1 234 567 retries"
        );
        assert_eq!([0, 12, 999, 1000].map(grouped), ["0", "12", "999", "1 000"]);
    }
}
