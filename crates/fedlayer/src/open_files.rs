//! The limit of open files of this process.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit as far as the system lets: many systems begin with 1,024, which a federation of some hundred workers uses up.
pub(crate) fn raise_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Where it cannot be raised, it is as it was; nothing is lost but room.
    let _as_it_was = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

/// How many files may be open at once.
pub(crate) fn limit() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
