//! An experiment: repeated runs of one variant, or of two in turns; each run sets everything up
//! anew.
//!
//! Setting up anew takes one or two seconds and makes runs independent of a grown database, of
//! memory layout, and of what the system did to one process. Pairs run A, B, A, B, so that a
//! disturbance of minutes affects both.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::watch;

use super::environment::Environment;
use super::figures::figures_of;
use super::report::{Report, RunSettings, SCHEMA_VERSION, Totals, VariantReport};
use super::spread::Spread;
use crate::BenchError;
use crate::load::Plan;
use crate::process::{Cores, raise_descriptor_limit};
use crate::scenarios::{
    Conditions, LoopShape, Reach, SetUp, Templates, VariantFlags, VariantSettings, VariantSpec,
    check_applicable,
};

/// File descriptors besides those of connections: files, the runtime's, and inherited ones.
const DESCRIPTORS_BESIDE: usize = 100;

/// Warning threshold of the CPU time of all other processes, in percent of the machine's. The
/// kernel's own part, which is counted with them, is some percent.
const OTHERS_CPU_PERCENT_MAX: f64 = 10.0;

/// Warning threshold of send lag, in microseconds: requests were not offered on schedule.
const LAG_P99_US_MAX: f64 = 10_000.0;

/// A measurement to run.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// The variant to measure.
    pub subject: VariantSpec,
    /// The variant to compare with.
    pub baseline: Option<VariantSpec>,
    /// The flags for both variants.
    pub flags: VariantFlags,
    /// Warm-up before the measured time.
    pub warmup: Duration,
    /// The measured time of each run, after its warm-up.
    pub duration: Duration,
    /// Runs of each variant.
    pub repeat: NonZeroUsize,
    /// The seed of all random choices.
    pub seed: u64,
    /// Threads of the HTTP generator.
    pub threads: NonZeroUsize,
    /// Whether server and generator are pinned to one core each.
    pub pin: bool,
    /// The folder for data during a measurement.
    pub data_in: PathBuf,
}

/// The progress of an experiment.
#[derive(Clone, Debug)]
pub enum Progress<'a> {
    /// A run is being set up.
    Preparing {
        /// The variant as written on the command line.
        variant: &'a str,
        /// The number of the run, from 1.
        run: usize,
    },
    /// The load is applied.
    Measuring {
        /// The duration, including the warm-up.
        duration: Duration,
    },
    /// A run has ended.
    Measured {
        /// Accepted requests per second.
        accepted_per_s: f64,
        /// Latency of accepted requests at the 99th percentile, in microseconds.
        accepted_p99_us: Option<f64>,
    },
}

/// Ends an experiment early and orderly: everything that it started is stopped.
#[derive(Clone, Debug)]
pub struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    /// The interrupt, and the switch that is set to `true` to end the experiment.
    #[must_use]
    pub fn new() -> (watch::Sender<bool>, Self) {
        let (switch, wanted) = watch::channel(false);
        (switch, Self(wanted))
    }

    /// Runs `work` until it ends or is interrupted.
    async fn unless<T>(
        &self,
        work: impl Future<Output = Result<T, BenchError>>,
    ) -> Result<T, BenchError> {
        let mut wanted = self.0.clone();
        let interrupted = async {
            if wanted.wait_for(|wanted| *wanted).await.is_err() {
                // The switch was dropped, so it can no longer be set.
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = interrupted => Err(BenchError::Interrupted),
            done = work => done,
        }
    }
}

/// One variant and the results of its runs so far.
struct Variant<'a> {
    spec: &'a VariantSpec,
    settings: VariantSettings,
    conditions: Option<Conditions>,
    runs: BTreeMap<&'static str, Vec<f64>>,
    totals: Totals,
    accepted_by_second: Vec<Vec<u64>>,
}

impl Experiment {
    /// Runs the experiment.
    ///
    /// # Errors
    /// [`BenchError`] when settings are invalid, set-up or a run fails, no request is accepted, or
    /// it is interrupted.
    pub async fn run(
        &self,
        interrupt: &Interrupt,
        on_progress: &(dyn Fn(Progress<'_>) + Sync),
    ) -> Result<Report, BenchError> {
        let baseline = self.baseline.as_ref();
        let variants: Vec<_> = [Some(&self.subject), baseline]
            .into_iter()
            .flatten()
            .collect();
        check_applicable(&self.flags, &variants)?;
        self.check_threads(&variants)?;
        let mut subject = Variant::new(&self.subject, &self.flags)?;
        let mut baseline = baseline
            .map(|spec| Variant::new(spec, &self.flags))
            .transpose()?;
        for variant in [Some(&subject), baseline.as_ref()].into_iter().flatten() {
            check_descriptors(&variant.settings)?;
        }
        let (cores, pinned) = self.cores([Some(&subject), baseline.as_ref()]);
        let templates = Templates::default();
        for repetition in 0..self.repeat.get() {
            for variant in [Some(&mut subject), baseline.as_mut()]
                .into_iter()
                .flatten()
            {
                self.run_variant(
                    variant,
                    repetition,
                    cores,
                    &templates,
                    interrupt,
                    on_progress,
                )
                .await?;
            }
        }
        let subject = subject.report()?;
        let baseline = baseline.map(Variant::report).transpose()?;
        let ratios = baseline
            .as_ref()
            .map(|baseline| self.ratios(&subject.figures, &baseline.figures));
        let mut report = Report {
            schema_version: SCHEMA_VERSION,
            environment: Environment::now(),
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

    /// The ratios of each pair, for figures that every run has; for others the pairs are unknown.
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

    fn check_threads(&self, variants: &[&VariantSpec]) -> Result<(), BenchError> {
        let mut variants = variants.iter();
        let over_http = variants.any(|variant| variant.scenario().reach() == Reach::Http);
        if self.threads.get() > 1 && !over_http {
            let why = "--threads applies to scenarios over HTTP only";
            return Err(BenchError::Settings(why.to_owned()));
        }
        Ok(())
    }

    /// The cores of a pinned run, and the text for the report.
    fn cores(&self, variants: [Option<&Variant<'_>>; 2]) -> (Option<Cores>, Option<String>) {
        if !self.pin {
            return (None, None);
        }
        let mut variants = variants.into_iter().flatten();
        if variants.any(|variant| variant.spec.scenario().reach() != Reach::Http) {
            let why = "not pinned: --pin applies to scenarios over HTTP only";
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

    async fn run_variant(
        &self,
        variant: &mut Variant<'_>,
        repetition: usize,
        cores: Option<Cores>,
        templates: &Templates,
        interrupt: &Interrupt,
        on_progress: &(dyn Fn(Progress<'_>) + Sync),
    ) -> Result<(), BenchError> {
        on_progress(Progress::Preparing {
            variant: &variant.settings.variant,
            run: repetition + 1,
        });
        let set_up = SetUp {
            settings: &variant.settings,
            within: &self.data_in,
            cores,
            templates,
            seed: self.seed,
        };
        let setting_up = variant.spec.scenario().set_up(&set_up);
        let mut system = interrupt.unless(setting_up).await?;
        let plan = Plan {
            load: variant.settings.load(),
            warmup: self.warmup,
            duration: self.duration,
            threads: self.threads,
            cores,
            seed: self.seed,
            repetition,
        };
        on_progress(Progress::Measuring {
            duration: self.warmup + self.duration,
        });
        let measured = interrupt.unless(system.drive(&plan)).await;
        variant.conditions = Some(system.conditions().clone());
        // What was started is stopped in any case, and the first error is reported.
        let torn_down = system.tear_down().await;
        let measured = measured?;
        torn_down?;
        let figures = figures_of(&measured);
        on_progress(Progress::Measured {
            accepted_per_s: figures.get("accepted_per_s").copied().unwrap_or_default(),
            accepted_p99_us: figures.get("accepted_p99_us").copied(),
        });
        for (name, value) in figures {
            variant.runs.entry(name).or_default().push(value);
        }
        variant.totals.add(&measured.recorder, measured.unsent);
        variant
            .accepted_by_second
            .push(measured.recorder.accepted_by_second.clone());
        Ok(())
    }
}

impl<'a> Variant<'a> {
    fn new(spec: &'a VariantSpec, flags: &VariantFlags) -> Result<Self, BenchError> {
        Ok(Self {
            spec,
            settings: spec.settings(flags)?,
            conditions: None,
            runs: BTreeMap::new(),
            totals: Totals::default(),
            accepted_by_second: Vec::new(),
        })
    }

    fn report(self) -> Result<VariantReport, BenchError> {
        if self.totals.accepted_count == 0 {
            return Err(BenchError::NothingAccepted {
                scenario: self.settings.variant,
                instead: self.totals.not_accepted().join(", "),
            });
        }
        let conditions = self.conditions.expect("each variant ran");
        let figures = self.runs.into_iter();
        let figures = figures.map(|(name, runs)| (name.to_owned(), Spread::of(runs)));
        Ok(VariantReport {
            settings: self.settings,
            durability: conditions.durability,
            node_settings: conditions.node_settings,
            figures: figures.collect(),
            totals: self.totals,
            accepted_by_second_count: self.accepted_by_second,
        })
    }
}

/// Checks that all connections can be opened, before the first of them.
fn check_descriptors(settings: &VariantSettings) -> Result<(), BenchError> {
    let wanted = settings.connections_count.unwrap_or(0) + DESCRIPTORS_BESIDE;
    match raise_descriptor_limit() {
        Some(limit) if limit < wanted as u64 => Err(BenchError::Settings(format!(
            "{}: its connections need {wanted} file descriptors, but the limit is {limit}: see `ulimit -n`",
            settings.variant
        ))),
        _ => Ok(()),
    }
}

/// What a reader must know before believing a figure.
fn warnings(report: &Report, wanted_pin: bool) -> Vec<String> {
    let mut warnings = Vec::new();
    if !report.environment.build.is_optimised() {
        warnings.push("this build is not optimised: its figures are meaningless".to_owned());
    }
    if report.environment.built_before_sources == Some(true) {
        warnings.push(
            "source files are newer than this program or the node in its folder: the measured code may differ from them"
                .to_owned(),
        );
    }
    if wanted_pin {
        warnings.extend(report.settings.pinned.clone());
    }
    let variants = [Some(&report.subject), report.baseline.as_ref()];
    for variant in variants.into_iter().flatten() {
        let said = variant_warnings(variant).into_iter();
        warnings.extend(said.map(|text| format!("{}: {text}", variant.settings.variant)));
    }
    warnings
}

fn variant_warnings(variant: &VariantReport) -> Vec<String> {
    let mut warnings = Vec::new();
    if variant.durability.has_no_effect() {
        warnings.push(
            "the data is on a file system in memory, where fsync does nothing: use --data-in"
                .to_owned(),
        );
    }
    let others = variant.figures.get("others_cpu_percent");
    // An external node counts as another process.
    if let Some(others) = others
        && variant.settings.url.is_none()
        && others.max > OTHERS_CPU_PERCENT_MAX
    {
        warnings.push(format!(
            "other processes used up to {:.0} % of this machine's CPU time",
            others.max
        ));
    }
    let not_accepted = variant.totals.not_accepted();
    if !not_accepted.is_empty() {
        warnings.push(format!("not accepted: {}", not_accepted.join(", ")));
    }
    let lag = variant.figures.get("send_lag_p99_us");
    if variant.settings.loop_shape == LoopShape::Open
        && lag.is_some_and(|lag| lag.max > LAG_P99_US_MAX)
    {
        warnings.push(
            "requests were sent late: all connections or the generator were busy; latencies include \
             this delay"
                .to_owned(),
        );
    }
    warnings
}
