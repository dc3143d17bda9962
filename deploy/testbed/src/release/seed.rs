//! Libraries that this build and the last release have in common. Cargo decides by its fingerprints
//! which of them it can use, so a wrong one costs nothing but its copy. The C libraries alone
//! (OpenSSL, librdkafka, SQLite) take minutes.

use std::ffi::OsStr;
use std::fs::{self, DirEntry, File, FileTimes};
use std::path::Path;

use crate::error::ServiceError;

/// Crates of this repository, whose artifacts must not get mixed up.
const OURS: [&str; 4] = ["fritzy", "xtask", "account-totals", "account_totals"];

/// Copies the libraries of others from one profile's folder to another's. They are copied, not
/// linked: a build script that runs again writes into its folder.
pub(super) fn copy_libraries(from: &Path, to: &Path) -> Result<(), ServiceError> {
    for folder in [".fingerprint", "build"] {
        copy_folder(&from.join(folder), &to.join(folder), &is_of_others)?;
    }
    copy_folder(&from.join("deps"), &to.join("deps"), &|entry| {
        // Executables are tests.
        let kind = Path::new(&entry.file_name())
            .extension()
            .map(OsStr::to_owned);
        let is_library =
            kind.is_some_and(|kind| ["d", "rlib", "rmeta", "so"].iter().any(|k| kind == *k));
        is_library && is_of_others(entry)
    })
}

fn is_of_others(entry: &DirEntry) -> bool {
    let name = entry.file_name();
    let name = name.to_string_lossy();
    let name = name.strip_prefix("lib").unwrap_or(&name);
    !OURS.iter().any(|ours| name.starts_with(ours))
}

/// Copies those entries of a folder that are `wanted`, with all that is in them and with their
/// times, by which Cargo judges them. A folder that is missing is empty.
fn copy_folder(
    from: &Path,
    to: &Path,
    wanted: &dyn Fn(&DirEntry) -> bool,
) -> Result<(), ServiceError> {
    fs::create_dir_all(to).map_err(ServiceError::io("create", to))?;
    let Ok(entries) = fs::read_dir(from) else {
        return Ok(());
    };
    for entry in entries {
        let entry = entry.map_err(ServiceError::io("read", from))?;
        let (source, copy) = (entry.path(), to.join(entry.file_name()));
        let metadata = fs::metadata(&source).map_err(ServiceError::io("read", &source))?;
        if !wanted(&entry) {
            continue;
        }
        if metadata.is_dir() {
            copy_folder(&source, &copy, &|_| true)?;
        } else {
            let times = metadata
                .modified()
                .map(|time| FileTimes::new().set_modified(time));
            fs::copy(&source, &copy)
                .and_then(|_| File::open(&copy)?.set_times(times?))
                .map_err(ServiceError::io("copy", &source))?;
        }
    }
    Ok(())
}
