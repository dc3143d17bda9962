//! Measurements: repeated and paired runs (`experiment`), their figures (`figures`, `spread`),
//! their conditions (`environment`), the report (`report`) and its display (`table`, `compare`).

mod compare;
mod environment;
mod experiment;
mod figures;
mod report;
mod spread;
mod table;

pub use compare::{Comparison, FigureChange, compare};
pub use environment::{Build, Environment, Machine};
pub use experiment::{Experiment, Interrupt, Progress};
pub use figures::{Better, FIGURES, Figure, Unit};
pub use report::{Report, RunSettings, SCHEMA_VERSION, Totals, VariantReport};
pub use spread::Spread;
