//! Product search behind the `ProductIndex` port. So far there is no engine: a search says so, and
//! everything else works.

mod absent;

pub use absent::NoEngine;
