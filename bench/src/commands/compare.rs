//! `fritzy-bench compare`: two reports side by side.

use std::io::{Write, stderr, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use fritzy_bench::BenchError;
use fritzy_bench::measure::{Report, compare};

/// Show two reports of `run --json` side by side: each figure, and by how much it changed
///
/// The ratio is that of the medians, between the least and the greatest that the runs allow. A change is called better
/// or worse only when no run of one report lies among those of the other. Two programs are compared best in one run:
/// `fritzy-bench run place --against place:node=/path/to/older/fritzy`.
///
/// Exit code 0: compared, whatever came of it. 1: a report cannot be read.
#[derive(Args)]
pub(crate) struct Compare {
    /// The earlier report
    #[arg(value_name = "BEFORE.json")]
    before: PathBuf,

    /// The later report
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
