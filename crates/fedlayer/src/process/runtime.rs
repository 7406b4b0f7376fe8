//! [`start`]: the asynchronous runtime of a run or a worker, with all its threads.

use std::{
    io,
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use tokio::runtime::{Builder, Runtime};

/// The threads that carry messages and timers.
const CARRIERS: usize = 2;

/// Starts a runtime.
///
/// A runtime panics, instead of returning an error, if it cannot have its first threads, or the
/// first thread for blocking tasks (such as writing a round down). So these threads are tried
/// before, and kept: if the system gives no more later, blocking tasks wait for the first one.
///
/// # Errors
/// When the system does not give these threads.
pub(crate) fn start() -> io::Result<Runtime> {
    try_threads(CARRIERS + 1)?;
    let for_ever = Duration::from_secs(u64::from(u32::MAX));
    let runtime = Builder::new_multi_thread()
        .worker_threads(CARRIERS)
        .thread_keep_alive(for_ever)
        .enable_all()
        .build()?;
    runtime.block_on(runtime.spawn_blocking(|| ())).map_err(io::Error::other)?;
    Ok(runtime)
}

/// Checks that the system gives `count` threads at once.
fn try_threads(count: usize) -> io::Result<()> {
    let (release, held) = mpsc::channel::<()>();
    let held = Arc::new(Mutex::new(held));
    let start = |_| {
        let held = held.clone();
        // Every thread waits until the sender is dropped.
        thread::Builder::new().spawn(move || drop(held.lock().map(|held| held.recv())))
    };
    let tried: Vec<_> = (0..count).map(start).collect();
    drop(release);
    for thread in tried {
        // The thread does nothing that could fail.
        let _waited = thread?.join();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_blocks_finds_a_thread_that_is_there_already() {
        let runtime = start().unwrap();
        assert_eq!(runtime.metrics().num_workers(), CARRIERS);
        assert_eq!(runtime.block_on(runtime.spawn_blocking(|| 7)).unwrap(), 7);
    }
}
