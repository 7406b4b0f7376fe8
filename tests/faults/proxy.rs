//! [`Proxy`]: a connection to a coordinator that can be interrupted, stalled, slowed down, recorded
//! and forged.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread,
    time::Duration,
};

/// The state of the connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LinkState {
    Open,
    /// No bytes pass, and no connection ends.
    Stalled,
    /// One byte a second passes from the worker.
    Trickle,
    /// Stalls after this number of bytes from the worker.
    StallAfter(usize),
    /// Connections end at the next byte.
    Cut,
    /// Connections end after this number of bytes from the worker; new ones are open.
    CutAfter(usize),
}

#[derive(Clone)]
pub(crate) struct Proxy {
    pub(crate) port: u16,
    state: Arc<(Mutex<LinkState>, Condvar)>,
    /// The pieces that each connection received from its worker, in the order of the connections.
    heard: Arc<Mutex<Vec<Vec<Vec<u8>>>>>,
    /// Bytes from a worker and the bytes of the same length that replace them.
    forged: Option<(&'static [u8], &'static [u8])>,
}

/// The most pieces of a connection that are recorded.
const HEARD_PIECES: usize = 200;

impl Proxy {
    /// Starts a proxy to a port of this machine.
    pub(crate) fn to(port: u16) -> Self {
        Self::start(port, None)
    }

    /// Starts a proxy that replaces `said` by `heard` in the bytes from workers.
    pub(crate) fn forging(port: u16, said: &'static str, heard: &'static str) -> Self {
        assert_eq!(said.len(), heard.len());
        Self::start(port, Some((said.as_bytes(), heard.as_bytes())))
    }

    fn start(port: u16, forged: Option<(&'static [u8], &'static [u8])>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Self {
            port: listener.local_addr().unwrap().port(),
            state: Arc::new((Mutex::new(LinkState::Open), Condvar::new())),
            heard: Arc::default(),
            forged,
        };
        let shared = proxy.clone();
        thread::spawn(move || {
            for worker in listener.incoming().map_while(Result::ok) {
                let Ok(coordinator) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                let pair = || (worker.try_clone().unwrap(), coordinator.try_clone().unwrap());
                let ((from, to), (back, into)) = (pair(), pair());
                let (up, down) = (shared.clone(), shared.clone());
                let number = shared.begin();
                thread::spawn(move || up.copy(from, to, Some(number)));
                thread::spawn(move || down.copy(into, back, None));
            }
        });
        proxy
    }

    /// Returns the recorded pieces of every connection, as they were passed on.
    pub(crate) fn heard(&self) -> Vec<Vec<Vec<u8>>> {
        self.heard.lock().unwrap().clone()
    }

    /// Starts to record a connection and returns its number.
    fn begin(&self) -> usize {
        let mut heard = self.heard.lock().unwrap();
        heard.push(Vec::new());
        heard.len() - 1
    }

    /// Replaces and records bytes from a worker.
    fn hear(&self, number: usize, bytes: &mut [u8]) {
        if let Some((said, forged)) = self.forged {
            let is_said = |at: &usize| bytes[*at..].starts_with(said);
            let positions: Vec<usize> = (0..bytes.len()).filter(is_said).collect();
            for at in positions {
                bytes[at..at + said.len()].copy_from_slice(forged);
            }
        }
        let heard = &mut self.heard.lock().unwrap()[number];
        if heard.len() < HEARD_PIECES {
            heard.push(bytes.to_vec());
        }
    }

    pub(crate) fn set(&self, state: LinkState) {
        *self.lock() = state;
        self.state.1.notify_all();
    }

    pub(crate) fn state(&self) -> LinkState {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, LinkState> {
        self.state.0.lock().unwrap()
    }

    /// Copies bytes until either side ends. `worker` is the number of the connection if the bytes
    /// come from a worker.
    fn copy(&self, mut from: TcpStream, mut to: TcpStream, worker: Option<usize>) {
        let mut buffer = [0; 16 << 10];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            if let Some(number) = worker {
                self.hear(number, &mut buffer[..count]);
            }
            let mut bytes = &buffer[..count];
            while !bytes.is_empty() {
                let Some(now) = self.pass(bytes.len(), worker.is_some()) else {
                    bytes = &[];
                    let _gone = from.shutdown(Shutdown::Both);
                    continue;
                };
                if to.write_all(&bytes[..now]).is_err() {
                    break;
                }
                bytes = &bytes[now..];
            }
        }
        // Either side may have ended already.
        let _gone = to.shutdown(Shutdown::Both);
        let _gone = from.shutdown(Shutdown::Both);
    }

    /// Returns how many of `count` bytes may pass now, or `None` if the connection must end.
    fn pass(&self, count: usize, up: bool) -> Option<usize> {
        let mut state = self.lock();
        loop {
            match *state {
                LinkState::Open => return Some(count),
                LinkState::Stalled => state = self.state.1.wait(state).unwrap(),
                LinkState::Trickle if up => {
                    let (now, waited) =
                        self.state.1.wait_timeout(state, Duration::from_secs(1)).unwrap();
                    state = now;
                    if waited.timed_out() {
                        return Some(1);
                    }
                }
                LinkState::CutAfter(left) if up => {
                    if left < count {
                        *state = LinkState::Open;
                        return None;
                    }
                    *state = LinkState::CutAfter(left - count);
                    return Some(count);
                }
                LinkState::StallAfter(left) if up => {
                    if left == 0 {
                        *state = LinkState::Stalled;
                        continue;
                    }
                    let now = left.min(count);
                    *state = LinkState::StallAfter(left - now);
                    return Some(now);
                }
                LinkState::Cut => return None,
                LinkState::Trickle | LinkState::StallAfter(_) | LinkState::CutAfter(_) => {
                    return Some(count);
                }
            }
        }
    }
}
