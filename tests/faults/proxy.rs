//! A way to a coordinator that can be cut, stalled and slowed down.

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
}

impl Proxy {
    /// To a port of this machine.
    pub(crate) fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Self {
            port: listener.local_addr().unwrap().port(),
            way: Arc::new((Mutex::new(Way::Open), Condvar::new())),
        };
        let shared = proxy.clone();
        thread::spawn(move || {
            for worker in listener.incoming().map_while(Result::ok) {
                let Ok(coordinator) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                let pair = || (worker.try_clone().unwrap(), coordinator.try_clone().unwrap());
                let ((from, to), (back, into)) = (pair(), pair());
                let (up, down) = (shared.clone(), shared.clone());
                thread::spawn(move || up.copy(from, to, true));
                thread::spawn(move || down.copy(into, back, false));
            }
        });
        proxy
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

    /// Copies until either side ends.
    fn copy(&self, mut from: TcpStream, mut to: TcpStream, up: bool) {
        let mut buffer = [0; 16 << 10];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            let mut bytes = &buffer[..count];
            while !bytes.is_empty() {
                let Some(now) = self.pass(bytes.len(), up) else {
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
