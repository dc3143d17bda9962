//! A small file beside the database, which says that a shop was created there: a database that is
//! empty or missing where the mark is has lost that shop, and is not a new one.
//!
//! It is written once the shop is complete, so a start that is killed before leaves none. A folder
//! of a version that wrote none gets it at its next start.

use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use super::file_lock::beside;
use crate::backups::NewFile;

/// Ends the name of the mark.
pub(super) const END: &str = ".created";
/// As SQLite creates its files; the umask decides who else may read it.
const MODE: u32 = 0o644;
const GENERATION: &str = "generation: ";
const DAMAGED: &str = "damaged: ";

/// What the mark of a database says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    /// Number of its generation when it was last opened; 0 if that cannot be read.
    pub(super) generation: u64,
    /// The damage that a node has found since, as a clause.
    pub(super) damage: Option<String>,
}

impl Mark {
    /// Where the mark of a database is.
    pub(super) fn path_of(database: &Path) -> PathBuf {
        beside(database, END)
    }

    /// `None` if there is none. One of any content is a mark.
    ///
    /// # Errors
    /// When the system does not say whether there is one.
    pub(super) fn read(database: &Path) -> io::Result<Option<Self>> {
        let content = match fs::read(Self::path_of(database)) {
            Err(failure) if failure.kind() == ErrorKind::NotFound => return Ok(None),
            content => content?,
        };
        let content = String::from_utf8_lossy(&content);
        let value = |name| content.lines().find_map(|line| line.strip_prefix(name));
        let generation = value(GENERATION).and_then(|number| number.trim().parse().ok());
        Ok(Some(Self {
            generation: generation.unwrap_or_default(),
            damage: value(DAMAGED).map(str::to_owned),
        }))
    }

    /// Writes it, unless it is there already.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub(super) fn write(&self, database: &Path) -> io::Result<()> {
        if Self::read(database)?.as_ref() == Some(self) {
            return Ok(());
        }
        let new = NewFile::beside(&Self::path_of(database), MODE)?;
        fs::File::create(new.path())?.write_all(self.text(database).as_bytes())?;
        new.place(true).map(drop)
    }

    fn text(&self, database: &Path) -> String {
        let name = database.file_name().unwrap_or_default().to_string_lossy();
        let mut text = format!(
            "A shop of fritzy was created in {name}, beside this file. If that is lost, restore a backup.\n\
             Remove this file only to begin a new shop.\n{GENERATION}{}\n",
            self.generation
        );
        if let Some(damage) = &self.damage {
            text.push_str(&format!("{DAMAGED}{}\n", damage.replace('\n', " ")));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mark_says_what_was_written_and_is_one_whatever_it_says() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("a.db");
        let read = || Mark::read(&database).expect("reads");
        assert_eq!(read(), None);
        let damage = Some("page 2\nis gone".to_owned());
        for mark in [
            Mark {
                generation: 3,
                damage,
            },
            Mark {
                generation: 4,
                damage: None,
            },
        ] {
            mark.write(&database).expect("written");
            let expected = mark.damage.map(|damage| damage.replace('\n', " "));
            let found = read().expect("a mark");
            assert_eq!(
                (found.generation, found.damage),
                (mark.generation, expected)
            );
        }
        for content in [&b""[..], b"\xFFgeneration: x\n"] {
            fs::write(Mark::path_of(&database), content).expect("written");
            assert_eq!(read(), Some(Mark::default()));
        }
    }
}
