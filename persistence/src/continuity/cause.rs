//! Why a generation begins.

/// Why a generation begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The database went backwards under running nodes.
    WentBackwards,
    /// A file or a server was restored while no node watched it. It may be a copy.
    Restored,
    /// An operator has decided that this database fills topics that another one has filled.
    Adopted,
}

impl Cause {
    /// Whether it is certain that the database is not a copy.
    pub(crate) const fn is_in_place(self) -> bool {
        matches!(self, Self::WentBackwards)
    }
}
