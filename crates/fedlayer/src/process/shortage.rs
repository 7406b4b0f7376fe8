//! Shortages: failures of a machine without enough memory or threads, not of the scenario.

use std::io;

use rustix::io::Errno;

/// The hint for a shortage of threads or memory.
pub(crate) const MORE: &str = "the machine is short of threads or memory: end other programs, use fewer `--workers`, or raise the limits (`ulimit -u`, `ulimit -v`)";

/// The words of the system, libtorch, CUDA and the runtime for a shortage. Their errors reach a run
/// as text, because they cross threads and processes.
const WORDS: [&str; 7] = [
    "Cannot allocate memory",
    "can't allocate memory",
    "not enough memory",
    "out of memory",
    "std::bad_alloc",
    "OS can't spawn",
    "Resource temporarily unavailable",
];

/// Returns whether the text of an error tells of a shortage.
pub(crate) fn is_in(words: &str) -> bool {
    WORDS.iter().any(|known| words.contains(known))
}

/// Returns the hint for an error of the system that belongs to no file.
pub(crate) fn advice(error: &io::Error) -> &'static str {
    match Errno::from_io_error(error) {
        Some(Errno::AGAIN | Errno::NOMEM) => MORE,
        Some(Errno::MFILE) => "raise the limit of open files (`ulimit -n`)",
        Some(Errno::NFILE) => {
            "end other programs, or raise the machine's limit of open files (`fs.file-max`)"
        }
        _ => "check that stdout can be written to",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_machine_are_told_from_those_of_a_scenario() {
        for words in [
            "the worker broke: [enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 64 bytes. Error code 12 (Cannot allocate memory)",
            "CUDA out of memory. Tried to allocate 2.00 GiB",
            "a task of the round panicked: task 4 panicked with message \"OS can't spawn worker thread: Resource temporarily unavailable (os error 11)\"",
        ] {
            assert!(is_in(words), "{words}");
        }
        assert!(!is_in("round 3: 1 of 5 clients reported, 2 are needed"));
        for (code, words) in
            [(11, "`ulimit -u`"), (12, "memory"), (24, "`ulimit -n`"), (28, "stdout")]
        {
            assert!(advice(&io::Error::from_raw_os_error(code)).contains(words), "{code}");
        }
    }
}
