//! Lists of more orders than a page looks at, on both databases: the indexes that statements use,
//! and walks through short pages.

mod filled;
mod plans;
mod walks;
