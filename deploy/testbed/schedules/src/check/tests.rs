//! The checks find what is planted, and nothing in a history that is right.

mod builder;
mod journals;
mod planted;
mod topics;
