//! Measuring: runs repeated and paired (`experiment`), what they amount to (`figures`, `spread`), under which
//! conditions (`stamp`), written down (`report`) and shown (`table`, `compare`).

mod compare;
mod environment;
mod experiment;
mod figures;
mod report;
mod spread;
mod table;

pub use compare::{Comparison, FigureChange, compare};
pub use environment::{Build, Machine, Stamp};
pub use experiment::{Experiment, Interrupt, Progress};
pub use figures::{Better, FIGURES, Figure, Unit};
pub use report::{Report, RunSettings, SCHEMA_VERSION, SideReport, Totals};
pub use spread::Spread;
