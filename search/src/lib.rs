//! Product search: implementations of the port `ProductIndex`. There is no search engine yet: a
//! search fails with an error that says so.

mod absent;

pub use absent::NoEngine;
