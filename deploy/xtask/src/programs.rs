//! Finds programs of this machine.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The first of these programs that `PATH` has.
pub(crate) fn program(names: &[&str]) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    names.iter().find_map(|name| in_path(&path, name))
}

fn in_path(path: &OsString, name: &str) -> Option<PathBuf> {
    env::split_paths(path)
        .map(|folder| folder.join(name))
        .find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    const EXECUTABLE: u32 = 0o111;
    file.metadata()
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & EXECUTABLE != 0)
}

/// The Chromium that the variable `CHROMIUM` names, or the first one that `PATH` has.
pub(crate) fn chromium() -> Option<PathBuf> {
    match env::var_os("CHROMIUM") {
        Some(named) => Some(PathBuf::from(named)).filter(|file| is_program(file)),
        None => program(&[
            "chromium",
            "chromium-browser",
            "google-chrome",
            "google-chrome-stable",
        ]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_and_folders_are_not() {
        assert!(program(&["no-such-program", "sh"]).is_some_and(|found| found.ends_with("sh")));
        assert_eq!(program(&["no-such-program"]), None);
        assert!(!is_program(Path::new("/")));
    }
}
