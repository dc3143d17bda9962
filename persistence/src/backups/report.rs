//! What a backup has, and what a restore has done.

use std::path::PathBuf;

use crate::continuity::LostRange;

/// What a database has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatabaseContents {
    /// Events in the journal.
    pub events: u64,
    /// Number of its shards.
    pub shards: u64,
    /// Number of its newest generation.
    pub generation: u64,
}

/// What a restore has done.
#[derive(Clone, Debug)]
pub struct RestoreReport {
    /// What the database has now; its generation is the one that the restore has begun.
    pub contents: DatabaseContents,
    /// What was there before.
    pub replaced: Replaced,
}

/// What a restore has replaced.
#[derive(Clone, Debug)]
pub enum Replaced {
    /// Nothing was there.
    Nothing,
    /// A database was replaced before, by other means: nothing is known of it.
    ByOtherMeans,
    /// A database that could be read.
    Database {
        /// What it had.
        contents: DatabaseContents,
        /// Its acknowledged events that the restored database lacks.
        lost: Vec<LostRange>,
        /// Where its file is now; `None` if it was discarded.
        kept_as: Option<PathBuf>,
    },
    /// A database that could not be read, so that nothing is known of what is lost.
    Unreadable {
        /// Why not, as a sentence.
        reason: String,
        /// Where its file is now; `None` if it was discarded.
        kept_as: Option<PathBuf>,
    },
}

impl Replaced {
    /// The acknowledged events that are lost; `None` if nobody knows.
    pub fn lost(&self) -> Option<&[LostRange]> {
        match self {
            Self::Nothing => Some(&[]),
            Self::Database { lost, .. } => Some(lost),
            Self::ByOtherMeans | Self::Unreadable { .. } => None,
        }
    }
}
