//! A way to a coordinator that can be cut, stalled and slowed down, that listens, and that can forge.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread,
    time::Duration,
};

/// How bytes get through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Open,
    /// Nothing gets through, and no connection ends.
    Stalled,
    /// One byte a second from the worker.
    Trickle,
    /// After so many more bytes from the worker it is stalled.
    StallAfter(usize),
    /// Every connection ends as soon as anything is to get through.
    Cut,
    /// Every connection ends after so many more bytes from the worker; new ones are open.
    CutAfter(usize),
}

#[derive(Clone)]
pub(crate) struct Proxy {
    pub(crate) port: u16,
    way: Arc<(Mutex<Way>, Condvar)>,
    /// What every connection brought from its worker, piece by piece, in the order in which they began.
    heard: Arc<Mutex<Vec<Vec<Vec<u8>>>>>,
    /// Bytes from a worker that are sent on as others, of the same length.
    forged: Option<(&'static [u8], &'static [u8])>,
}

/// The most pieces that are kept of what a connection brings.
const HEARD_PIECES: usize = 200;

impl Proxy {
    /// To a port of this machine.
    pub(crate) fn to(port: u16) -> Self {
        Self::start(port, None)
    }

    /// As [`to`](Self::to), with the first bytes sent on as the second ones wherever a worker says them.
    pub(crate) fn forging(port: u16, said: &'static str, heard: &'static str) -> Self {
        assert_eq!(said.len(), heard.len());
        Self::start(port, Some((said.as_bytes(), heard.as_bytes())))
    }

    fn start(port: u16, forged: Option<(&'static [u8], &'static [u8])>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Self {
            port: listener.local_addr().unwrap().port(),
            way: Arc::new((Mutex::new(Way::Open), Condvar::new())),
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

    /// What every connection brought from its worker so far, as it was sent on.
    pub(crate) fn heard(&self) -> Vec<Vec<Vec<u8>>> {
        self.heard.lock().unwrap().clone()
    }

    /// Begins to listen to a connection; its number.
    fn begin(&self) -> usize {
        let mut heard = self.heard.lock().unwrap();
        heard.push(Vec::new());
        heard.len() - 1
    }

    /// Forges bytes of a worker and keeps them.
    fn hear(&self, number: usize, bytes: &mut [u8]) {
        if let Some((said, forged)) = self.forged {
            let is_said = |at: &usize| bytes[*at..].starts_with(said);
            let places: Vec<usize> = (0..bytes.len()).filter(is_said).collect();
            for at in places {
                bytes[at..at + said.len()].copy_from_slice(forged);
            }
        }
        let heard = &mut self.heard.lock().unwrap()[number];
        if heard.len() < HEARD_PIECES {
            heard.push(bytes.to_vec());
        }
    }

    pub(crate) fn set(&self, way: Way) {
        *self.lock() = way;
        self.way.1.notify_all();
    }

    pub(crate) fn way(&self) -> Way {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Way> {
        self.way.0.lock().unwrap()
    }

    /// Copies until either side ends; a number is that of the connection whose worker speaks.
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
        // Either may be gone already.
        let _gone = to.shutdown(Shutdown::Both);
        let _gone = from.shutdown(Shutdown::Both);
    }

    /// How many of some bytes may pass now; nothing where the connection is to end.
    fn pass(&self, count: usize, up: bool) -> Option<usize> {
        let mut way = self.lock();
        loop {
            match *way {
                Way::Open => return Some(count),
                Way::Stalled => way = self.way.1.wait(way).unwrap(),
                Way::Trickle if up => {
                    let (now, waited) =
                        self.way.1.wait_timeout(way, Duration::from_secs(1)).unwrap();
                    way = now;
                    if waited.timed_out() {
                        return Some(1);
                    }
                }
                Way::CutAfter(left) if up => {
                    if left < count {
                        *way = Way::Open;
                        return None;
                    }
                    *way = Way::CutAfter(left - count);
                    return Some(count);
                }
                Way::StallAfter(left) if up => {
                    if left == 0 {
                        *way = Way::Stalled;
                        continue;
                    }
                    let now = left.min(count);
                    *way = Way::StallAfter(left - now);
                    return Some(now);
                }
                Way::Cut => return None,
                Way::Trickle | Way::StallAfter(_) | Way::CutAfter(_) => return Some(count),
            }
        }
    }
}
