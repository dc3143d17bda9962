//! `fritzy-bench compare`: compares two reports.

use std::io::{Write, stderr, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use fritzy_bench::BenchError;
use fritzy_bench::measure::{Report, compare};

/// Compare two reports of `run --json`: each figure, and its change
///
/// The ratio is that of the medians, with the minimum and maximum that the runs allow. A change is
/// called better or worse only if the ranges of the reports do not overlap. To compare two
/// programs, run both at once: `fritzy-bench run place --against place:node=/path/to/older/fritzy`.
///
/// Exit code 0: compared, whatever the result. 1: a report cannot be read.
#[derive(Args)]
pub(crate) struct Compare {
    /// The earlier report, to whose figures the changes are relative
    #[arg(value_name = "BEFORE.json")]
    before: PathBuf,

    /// The later report, whose figures are called better or worse
    #[arg(value_name = "AFTER.json")]
    after: PathBuf,
}

impl Compare {
    pub(crate) fn run(self) -> ExitCode {
        let written = self.compare().map(|text| write!(stdout().lock(), "{text}"));
        match written {
            Ok(Ok(())) => ExitCode::SUCCESS,
            Ok(Err(_)) => ExitCode::FAILURE,
            Err(error) => {
                let _ = writeln!(stderr().lock(), "fritzy-bench: {error}");
                ExitCode::FAILURE
            }
        }
    }

    fn compare(&self) -> Result<String, BenchError> {
        let (before, after) = (Report::read(&self.before)?, Report::read(&self.after)?);
        Ok(compare(&before, &after).to_string())
    }
}
