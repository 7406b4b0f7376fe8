//! The limit of open files of this process.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::exit::Failure;

/// The least limit with which the runtime itself can begin.
const LEAST: u64 = 32;

/// Raises the limit as far as the system allows. Many systems begin with 1,024, which some hundred
/// workers use up.
///
/// # Errors
/// When the limit is still too low.
pub(crate) fn raise_limit() -> Result<(), Failure> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // If it cannot be raised, the program goes on with the limit that it has.
    let _as_it_was = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    match limit() {
        found if found < LEAST => Err(Failure::TooFewFiles { found, least: LEAST }),
        _ => Ok(()),
    }
}

/// Returns the number of files that may be open at once.
pub(crate) fn limit() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
