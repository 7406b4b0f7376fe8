//! The rules of the house, held by tests. Each failure names the file, what was found and what to
//! do.
//!
//! * `packages`: which package may depend on which.
//! * `files`: how long a file may be, what it may not hold, how a scenario begins.
//! * `functions`: how long a function may be, and how deeply nested.
//! * `circles`: the files of a library make no circle.
//! * `types`: a type name has one meaning; the public face of the core is small.
//! * `words`: the words of comments, and the width of lines.
//! * `repository`: the files that the rules are about.
#![allow(
    clippy::disallowed_methods,
    reason = "tests read the repository itself; `text` and `entries` put the path into the panic"
)]

mod circles;
mod files;
mod functions;
mod packages;
pub(crate) mod repository;
mod types;
mod words;
