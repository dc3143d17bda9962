//! An experiment: one side, or two in turns, run so many times; each run with everything set up anew.
//!
//! Setting up anew costs a second or two, and makes the runs independent: of a database that grew, of how memory
//! happens to lie, of what the system did to one process. Pairs run A, B, A, B, so that what slows the machine for
//! minutes slows both.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::watch;

use super::environment::Stamp;
use super::figures::figures_of;
use super::report::{Report, RunSettings, SCHEMA_VERSION, SideReport, Totals};
use super::spread::Spread;
use crate::BenchError;
use crate::load::Plan;
use crate::process::{Cores, raise_descriptor_limit};
use crate::scenarios::{
    Conditions, LoopShape, Reach, SetUp, SideFlags, SideSettings, SideSpec, Templates, check_use,
};

/// File descriptors beside those of connections: files, what the runtime needs, what was inherited.
const DESCRIPTORS_BESIDE: usize = 100;

/// More processor time than this that others have, and figures are theirs as well: the kernel's own part, which is
/// counted with theirs, is some percent.
const OTHERS_CPU_PERCENT_MAX: f64 = 10.0;

/// Sent late by more than this, requests were not offered as the schedule says.
const LAG_P99_US_MAX: f64 = 10_000.0;

/// What is to be measured.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// What is measured.
    pub subject: SideSpec,
    /// What it is measured against.
    pub baseline: Option<SideSpec>,
    /// What holds for both.
    pub flags: SideFlags,
    /// Time before a run counts.
    pub warmup: Duration,
    /// Time that counts.
    pub duration: Duration,
    /// Runs of each side.
    pub repeat: NonZeroUsize,
    /// What every choice follows from.
    pub seed: u64,
    /// Threads of the generator over HTTP.
    pub threads: NonZeroUsize,
    /// Whether server and generator are kept on a core each.
    pub pin: bool,
    /// Where data is put while it is measured.
    pub data_in: PathBuf,
}

/// What happens while an experiment runs.
#[derive(Clone, Debug)]
pub enum Progress<'a> {
    /// A run begins to be set up.
    Preparing {
        /// Which side, as it was written.
        side: &'a str,
        /// Counted from 1.
        run: usize,
    },
    /// The load is put on.
    Measuring {
        /// For so long, warming up included.
        lasts: Duration,
    },
    /// A run is over.
    Measured {
        /// Accepted per second.
        accepted_per_s: f64,
        /// Latency of the accepted at the 99th percentile.
        accepted_p99_us: Option<f64>,
    },
}

/// A way to end an experiment before its time: in order, with everything stopped that it started.
#[derive(Clone, Debug)]
pub struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    /// The interrupt, and the switch that becomes `true` when the experiment is to end.
    #[must_use]
    pub fn new() -> (watch::Sender<bool>, Self) {
        let (switch, wanted) = watch::channel(false);
        (switch, Self(wanted))
    }

    /// Runs `work` to its end, unless it is interrupted.
    async fn unless<T>(
        &self,
        work: impl Future<Output = Result<T, BenchError>>,
    ) -> Result<T, BenchError> {
        let mut wanted = self.0.clone();
        let interrupted = async {
            if wanted.wait_for(|wanted| *wanted).await.is_err() {
                // Nobody is left who could want it.
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = interrupted => Err(BenchError::Interrupted),
            done = work => done,
        }
    }
}

/// One side and what came of its runs so far.
struct Side<'a> {
    spec: &'a SideSpec,
    settings: SideSettings,
    conditions: Option<Conditions>,
    runs: BTreeMap<&'static str, Vec<f64>>,
    totals: Totals,
    accepted_by_second: Vec<Vec<u64>>,
}

impl Experiment {
    /// Runs it.
    ///
    /// # Errors
    /// [`BenchError`]
    pub async fn run(
        &self,
        interrupt: &Interrupt,
        on_progress: &(dyn Fn(Progress<'_>) + Sync),
    ) -> Result<Report, BenchError> {
        let baseline = self.baseline.as_ref();
        let sides: Vec<_> = [Some(&self.subject), baseline]
            .into_iter()
            .flatten()
            .collect();
        check_use(&self.flags, &sides)?;
        self.check_threads(&sides)?;
        let mut subject = Side::new(&self.subject, &self.flags)?;
        let mut baseline = baseline
            .map(|spec| Side::new(spec, &self.flags))
            .transpose()?;
        for side in [Some(&subject), baseline.as_ref()].into_iter().flatten() {
            check_descriptors(&side.settings)?;
        }
        let (cores, pinned) = self.cores([Some(&subject), baseline.as_ref()]);
        let templates = Templates::default();
        for repetition in 0..self.repeat.get() {
            for side in [Some(&mut subject), baseline.as_mut()]
                .into_iter()
                .flatten()
            {
                self.run_side(side, repetition, cores, &templates, interrupt, on_progress)
                    .await?;
            }
        }
        let subject = subject.report()?;
        let baseline = baseline.map(Side::report).transpose()?;
        let ratios = baseline
            .as_ref()
            .map(|baseline| self.ratios(&subject.figures, &baseline.figures));
        let mut report = Report {
            schema_version: SCHEMA_VERSION,
            stamp: Stamp::now(),
            settings: RunSettings {
                warmup_s: self.warmup.as_secs_f64(),
                duration_s: self.duration.as_secs_f64(),
                repeat_count: self.repeat.get(),
                seed: self.seed,
                generator_threads_count: self.threads.get(),
                pinned,
            },
            subject,
            baseline,
            ratios,
            warnings: Vec::new(),
        };
        report.warnings = warnings(&report, self.pin && cores.is_none());
        Ok(report)
    }

    /// Pair by pair, of figures that every run has; of others nobody could tell which runs are pairs.
    fn ratios(
        &self,
        subject: &BTreeMap<String, Spread>,
        baseline: &BTreeMap<String, Spread>,
    ) -> BTreeMap<String, Spread> {
        let both = subject.iter().filter_map(|(name, mine)| {
            let ratio = mine.ratio(baseline.get(name)?)?;
            (ratio.runs.len() == self.repeat.get()).then(|| (name.clone(), ratio))
        });
        both.collect()
    }

    fn check_threads(&self, sides: &[&SideSpec]) -> Result<(), BenchError> {
        let mut sides = sides.iter();
        let over_http = sides.any(|side| side.scenario().reach() == Reach::Http);
        if self.threads.get() > 1 && !over_http {
            let why =
                "no use for --threads: in process there is no generator with threads of its own";
            return Err(BenchError::Settings(why.to_owned()));
        }
        Ok(())
    }

    /// The cores to stay on, and what to say of them.
    fn cores(&self, sides: [Option<&Side<'_>>; 2]) -> (Option<Cores>, Option<String>) {
        if !self.pin {
            return (None, None);
        }
        let mut sides = sides.into_iter().flatten();
        if sides.any(|side| side.spec.scenario().reach() != Reach::Http) {
            let why = "not pinned: only over HTTP have server and generator threads of their own";
            return (None, Some(why.to_owned()));
        }
        match Cores::choose() {
            Ok(cores) => {
                let Cores { server, generator } = cores;
                let said = format!("server on core {server}, generator on core {generator}");
                (Some(cores), Some(said))
            }
            Err(reason) => (None, Some(format!("not pinned: {reason}"))),
        }
    }

    async fn run_side(
        &self,
        side: &mut Side<'_>,
        repetition: usize,
        cores: Option<Cores>,
        templates: &Templates,
        interrupt: &Interrupt,
        on_progress: &(dyn Fn(Progress<'_>) + Sync),
    ) -> Result<(), BenchError> {
        on_progress(Progress::Preparing {
            side: &side.settings.side,
            run: repetition + 1,
        });
        let set_up = SetUp {
            settings: &side.settings,
            within: &self.data_in,
            cores,
            templates,
            seed: self.seed,
        };
        let setting_up = side.spec.scenario().set_up(&set_up);
        let mut subject = interrupt.unless(setting_up).await?;
        let plan = Plan {
            load: side.settings.load(),
            warmup: self.warmup,
            duration: self.duration,
            threads: self.threads,
            cores,
            seed: self.seed,
            repetition,
        };
        on_progress(Progress::Measuring {
            lasts: self.warmup + self.duration,
        });
        let measured = interrupt.unless(subject.drive(&plan)).await;
        side.conditions = Some(subject.conditions().clone());
        // Whatever came of it, what was started is stopped; and the first error is the one to tell.
        let torn_down = subject.tear_down().await;
        let measured = measured?;
        torn_down?;
        let figures = figures_of(&measured);
        on_progress(Progress::Measured {
            accepted_per_s: figures.get("accepted_per_s").copied().unwrap_or_default(),
            accepted_p99_us: figures.get("accepted_p99_us").copied(),
        });
        for (name, value) in figures {
            side.runs.entry(name).or_default().push(value);
        }
        side.totals.add(&measured.recorder, measured.unsent);
        side.accepted_by_second
            .push(measured.recorder.accepted_by_second.clone());
        Ok(())
    }
}

impl<'a> Side<'a> {
    fn new(spec: &'a SideSpec, flags: &SideFlags) -> Result<Self, BenchError> {
        Ok(Self {
            spec,
            settings: spec.settings(flags)?,
            conditions: None,
            runs: BTreeMap::new(),
            totals: Totals::default(),
            accepted_by_second: Vec::new(),
        })
    }

    fn report(self) -> Result<SideReport, BenchError> {
        if self.totals.accepted_count == 0 {
            return Err(BenchError::NothingAccepted {
                scenario: self.settings.side,
                instead: self.totals.not_accepted().join(", "),
            });
        }
        let conditions = self.conditions.expect("each side ran");
        let figures = self.runs.into_iter();
        let figures = figures.map(|(name, runs)| (name.to_owned(), Spread::of(runs)));
        Ok(SideReport {
            settings: self.settings,
            durability: conditions.durability,
            node_settings: conditions.node_settings,
            figures: figures.collect(),
            totals: self.totals,
            accepted_by_second_count: self.accepted_by_second,
        })
    }
}

/// Refuses connections that cannot all be opened, before the first of them.
fn check_descriptors(settings: &SideSettings) -> Result<(), BenchError> {
    let wanted = settings.connections_count.unwrap_or(0) + DESCRIPTORS_BESIDE;
    match raise_descriptor_limit() {
        Some(limit) if limit < wanted as u64 => Err(BenchError::Settings(format!(
            "{}: its connections need {wanted} file descriptors, and {limit} are allowed: see `ulimit -n`",
            settings.side
        ))),
        _ => Ok(()),
    }
}

/// What a reader must know before believing a figure.
fn warnings(report: &Report, wanted_pin: bool) -> Vec<String> {
    let mut warnings = Vec::new();
    if !report.stamp.build.is_optimised() {
        warnings.push("this is no optimised build: its figures say nothing".to_owned());
    }
    if report.stamp.built_before_sources == Some(true) {
        warnings.push(
            "sources are newer than this program or the node beside it: what was measured may not be what they say"
                .to_owned(),
        );
    }
    if wanted_pin {
        warnings.extend(report.settings.pinned.clone());
    }
    let sides = [Some(&report.subject), report.baseline.as_ref()];
    for side in sides.into_iter().flatten() {
        let said = side_warnings(side).into_iter();
        warnings.extend(said.map(|text| format!("{}: {text}", side.settings.side)));
    }
    warnings
}

fn side_warnings(side: &SideReport) -> Vec<String> {
    let mut warnings = Vec::new();
    if side.durability.is_hollow() {
        warnings.push(
            "the data is on a file system in memory, where a sync does nothing: use --data-in"
                .to_owned(),
        );
    }
    let others = side.figures.get("others_cpu_percent");
    // A node that is not ours is among the others.
    if let Some(others) = others
        && side.settings.url.is_none()
        && others.max > OTHERS_CPU_PERCENT_MAX
    {
        warnings.push(format!(
            "others used up to {:.0} % of this machine meanwhile",
            others.max
        ));
    }
    let not_accepted = side.totals.not_accepted();
    if !not_accepted.is_empty() {
        warnings.push(format!("not accepted: {}", not_accepted.join(", ")));
    }
    let lag = side.figures.get("send_lag_p99_us");
    if side.settings.loop_shape == LoopShape::Open
        && lag.is_some_and(|lag| lag.max > LAG_P99_US_MAX)
    {
        warnings.push(
            "requests were sent late (see there): all connections were busy, or the generator was; \
             the waiting is part of the latencies"
                .to_owned(),
        );
    }
    warnings
}
