//! Apache Kafka's files on this machine, and the Java that runs them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;
use std::{env, fs};

use crate::error::ServiceError;
use crate::run;

/// Names a directory with Apache Kafka's jars and their dependencies, such as `libs` of a release.
pub const KAFKA_LIB_VARIABLE: &str = "FRITZY_TEST_KAFKA_LIB";

/// The version that is downloaded.
const VERSION: &str = "4.3.1";
/// The dependencies that Maven downloads.
const POM: &str = include_str!("../../kafka/pom.xml");
/// The oldest Java that brokers of this version run on.
const JAVA_MIN: u32 = 17;
/// 91 files, 54 MB.
const FETCH_MAX: Duration = Duration::from_secs(180);
const JAVA_VERSION_MAX: Duration = Duration::from_secs(30);

const HOW: &str = "Debian: `apt-get install default-jre-headless maven`, with a way to Maven's repository for the first use; \
                   or set FRITZY_TEST_KAFKA_LIB to the folder `libs` of a release of Apache Kafka 4";

/// The files and the Java that run brokers and tools.
#[derive(Debug, Clone)]
pub struct KafkaArtifacts {
    lib: PathBuf,
    java: PathBuf,
    version: String,
}

impl KafkaArtifacts {
    /// The directory that `FRITZY_TEST_KAFKA_LIB` names, or what Maven has downloaded, now or
    /// earlier.
    ///
    /// # Errors
    /// [`ServiceError::Missing`] without Java, or without the files and Maven to download them.
    pub fn find() -> Result<Self, ServiceError> {
        let java = java()?;
        if let Some(named) = env::var_os(KAFKA_LIB_VARIABLE) {
            let lib = PathBuf::from(named);
            let version = version_in(&lib)
                .ok_or_else(|| missing(format!("{} holds no kafka_2.13", lib.display())))?;
            return Ok(Self { lib, java, version });
        }
        let lib = cache().join(format!("kafka-{VERSION}"));
        if version_in(&lib).is_none() {
            // Once per process: a download that failed for one test fails for the others.
            static FETCHED: OnceLock<Result<(), String>> = OnceLock::new();
            let fetched =
                FETCHED.get_or_init(|| fetch(&lib).map_err(|failure| failure.to_string()));
            fetched.clone().map_err(missing)?;
        }
        let version = VERSION.to_owned();
        Ok(Self { lib, java, version })
    }

    /// The version of Apache Kafka.
    pub(super) fn version(&self) -> &str {
        &self.version
    }

    /// One of Kafka's classes as a command, with a directory for temporary files: Java leaves those
    /// of a killed process.
    pub(super) fn command(&self, class: &str, heap: &str, temporary: &Path) -> Command {
        let mut command = Command::new(&self.java);
        command
            .arg(format!("-Xmx{heap}"))
            .arg(format!("-Djava.io.tmpdir={}", temporary.display()))
            // The processes are short-lived: the first compiler tier is enough, and takes less CPU
            // time.
            .args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp"])
            .arg(self.lib.join("*"))
            .arg(class);
        command
    }

    /// Runs one of Kafka's tools to its end, and returns its output.
    pub(super) fn run(
        &self,
        class: &str,
        arguments: &[&str],
        limit: Duration,
    ) -> Result<String, ServiceError> {
        let mut command = self.command(class, "256m", &env::temp_dir());
        command.args(arguments);
        run::to_end(&mut command, class, limit)
    }
}

/// Downloads into a temporary directory first: an existing target is complete.
fn fetch(lib: &Path) -> Result<(), ServiceError> {
    let root = cache();
    fs::create_dir_all(&root).map_err(ServiceError::io("make", &root))?;
    let made = tempfile::Builder::new()
        .prefix("fetching-kafka-")
        .tempdir_in(&root)
        .map_err(ServiceError::io("make a folder in", &root))?;
    let pom = made.path().join("pom.xml");
    fs::write(&pom, POM).map_err(ServiceError::io("write", &pom))?;
    let jars = made.path().join("lib");
    let mut maven = Command::new("mvn");
    maven
        .args([
            "--quiet",
            "--batch-mode",
            "dependency:copy-dependencies",
            "-DincludeScope=runtime",
        ])
        .arg(format!("-DoutputDirectory={}", jars.display()))
        .current_dir(made.path());
    run::to_end(&mut maven, "mvn", FETCH_MAX).map_err(|failure| missing(failure.to_string()))?;
    match fs::rename(&jars, lib) {
        Ok(()) => Ok(()),
        // Another process was faster.
        Err(_) if version_in(lib).is_some() => Ok(()),
        Err(failure) => Err(ServiceError::io("keep", lib)(failure)),
    }
}

/// Kept between test runs, in the user's cache.
pub(super) fn cache() -> PathBuf {
    let home = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = home.or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".cache")));
    home.unwrap_or_else(env::temp_dir).join("fritzy")
}

/// The version in the name of a jar: `4.3.1` for `kafka_2.13-4.3.1.jar`.
fn version_in(lib: &Path) -> Option<String> {
    let mut entries = fs::read_dir(lib).ok()?.flatten();
    entries.find_map(|entry| {
        let name = entry.file_name();
        let version = name
            .to_str()?
            .strip_prefix("kafka_2.13-")?
            .strip_suffix(".jar")?;
        version
            .starts_with(|digit: char| digit.is_ascii_digit())
            .then(|| version.to_owned())
    })
}

fn java() -> Result<PathBuf, ServiceError> {
    let home = env::var_os("JAVA_HOME").map(|home| Path::new(&home).join("bin/java"));
    let java = home
        .filter(|java| java.is_file())
        .unwrap_or_else(|| "java".into());
    let mut command = Command::new(&java);
    command.arg("--version");
    let said = run::to_end(&mut command, "java", JAVA_VERSION_MAX)
        .map_err(|failure| missing(failure.to_string()))?;
    match major(&said) {
        Some(major) if major >= JAVA_MIN => Ok(java),
        _ => Err(missing(format!(
            "Java {JAVA_MIN} or newer is needed, not {said:?}"
        ))),
    }
}

/// From `openjdk 17.0.15 2025-04-15`.
fn major(said: &str) -> Option<u32> {
    let number = said.split_whitespace().nth(1)?;
    number.split(['.', '-', '+']).next()?.parse().ok()
}

fn missing(detail: String) -> ServiceError {
    ServiceError::Missing {
        what: "Apache Kafka".to_owned(),
        detail,
        how: HOW,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_parsed_from_output_and_jar_names() {
        assert_eq!(major("openjdk 17.0.15 2025-04-15\nOpenJDK"), Some(17));
        assert_eq!(major("openjdk 25 2025-09-16"), Some(25));
        assert_eq!(major("nothing"), None);
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(version_in(folder.path()), None);
        for name in ["kafka_2.13-4.3.1.jar", "kafka-clients-4.2.0.jar"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(version_in(folder.path()).as_deref(), Some("4.3.1"));
    }
}
