//! The limit of open files of this process.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::exit::Failure;

/// With fewer the runtime itself cannot begin.
const LEAST: u64 = 32;

/// Raises the limit as far as the system lets: many systems begin with 1,024, which a federation of some hundred workers uses up.
///
/// # Errors
/// When even then there are too few.
pub(crate) fn raise_limit() -> Result<(), Failure> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Where it cannot be raised, it is as it was; nothing is lost but room.
    let _as_it_was = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    match limit() {
        found if found < LEAST => Err(Failure::TooFewFiles { found, least: LEAST }),
        _ => Ok(()),
    }
}

/// How many files may be open at once.
pub(crate) fn limit() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
