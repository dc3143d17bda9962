//! A clock that is wrong for one process, by a library that is loaded before the C library.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use fritzy_testbed::ServiceError;

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/clock.c");

/// The compiled library.
#[derive(Debug, Clone)]
pub struct WrongClockLibrary(PathBuf);

impl WrongClockLibrary {
    /// Compiles it into a directory.
    ///
    /// # Errors
    /// [`ServiceError::Missing`] without a C compiler; otherwise when it does not compile.
    pub fn compile(dir: &Path) -> Result<Self, ServiceError> {
        let library = dir.join("clock.so");
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(&library)
            .arg(SOURCE)
            .output();
        match compiled {
            Ok(done) if done.status.success() => Ok(Self(library)),
            Ok(done) => Err(ServiceError::Failed {
                what: "compiling clock.c".to_owned(),
                detail: String::from_utf8_lossy(&done.stderr).into_owned(),
            }),
            Err(failure) => {
                let how = "Debian: `apt-get install build-essential`";
                Err(ServiceError::missing("a C compiler (cc)", failure, how))
            }
        }
    }
}

/// The clock of one process, right until it is set.
#[derive(Debug)]
pub struct WrongClock {
    library: WrongClockLibrary,
    path: PathBuf,
    offset_s: File,
}

impl WrongClock {
    /// A right clock, whose offset is in a new file at this path.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn new(library: &WrongClockLibrary, path: PathBuf) -> Result<Self, ServiceError> {
        let created = File::create(&path).and_then(|file| {
            file.write_all_at(&0_i64.to_ne_bytes(), 0)?;
            Ok(file)
        });
        let offset_s = created.map_err(|source| ServiceError::Io {
            what: format!("write {}", path.display()),
            source,
        })?;
        Ok(Self {
            library: library.clone(),
            path,
            offset_s,
        })
    }

    /// Sets how many seconds the clock is ahead, or behind if negative. A running process sees it
    /// at once.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn set_ahead_s(&self, seconds: i64) -> io::Result<()> {
        self.offset_s.write_all_at(&seconds.to_ne_bytes(), 0)
    }

    /// Has a command's process run by this clock.
    pub fn apply_to(&self, command: &mut Command) {
        command.env("LD_PRELOAD", &self.library.0);
        command.env("CLOCK_OFFSET_FILE", &self.path);
    }
}
