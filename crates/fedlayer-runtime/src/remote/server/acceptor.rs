//! [`Acceptor`]: accepts a coordinator's connections within its limits.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    time::{Instant, Sleep, sleep_until},
};
use tokio_stream::Stream;
use tracing::warn;

use super::{
    connection::Connection,
    connection_table::{Admission, ConnectionLimits, ConnectionTable, lock},
    metrics::{Metrics, Reason},
};

/// A stream of accepted connections.
pub(super) struct Acceptor {
    listener: TcpListener,
    /// How long an authenticated connection may be silent.
    idle: Duration,
    metrics: Arc<Metrics>,
    table: Arc<Mutex<ConnectionTable>>,
    /// Delays the next attempt after an error that may last, for example no free descriptors.
    pause: Pin<Box<Sleep>>,
    /// True after a failed attempt. A series of failures is logged once.
    is_failing: bool,
}

/// The delay after a connection that could not be accepted.
const PAUSE: Duration = Duration::from_millis(100);

impl Acceptor {
    pub(super) fn new(
        listener: TcpListener,
        idle: Duration,
        limits: ConnectionLimits,
        metrics: Arc<Metrics>,
    ) -> Self {
        let table = Arc::new(Mutex::new(ConnectionTable::new(limits)));
        let pause = Box::pin(sleep_until(Instant::now()));
        Self { listener, idle, metrics, table, pause, is_failing: false }
    }

    /// Enters a connection into the table.
    fn admit(&self, stream: TcpStream, address: SocketAddr) -> Connection {
        let (state, evicted) = lock(&self.table).enter(address);
        if evicted {
            self.metrics.refused(Reason::Crowded);
        }
        // Latency matters more than throughput: messages are small or come in large pieces. If it
        // cannot be set, the connection works, only slower.
        let _slower = stream.set_nodelay(true);
        Connection::new(stream, state, self.idle, self.metrics.clone(), self.table.clone())
    }

    /// Waits after a failed attempt, and frees a descriptor in case that none is left.
    fn back_off(&mut self, error: &io::Error) {
        if lock(&self.table).evict() {
            self.metrics.refused(Reason::Crowded);
        }
        if !self.is_failing {
            self.is_failing = true;
            warn!("connections cannot be accepted for now: {error}");
        }
        self.pause.as_mut().reset(Instant::now() + PAUSE);
    }
}

impl Stream for Acceptor {
    /// Never an error, because the server would take it for the end of the port.
    type Item = io::Result<Connection>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if !self.pause.is_elapsed() {
                ready!(self.pause.as_mut().poll(context));
            }
            let admission = lock(&self.table).admission(context.waker());
            if admission == Admission::Wait {
                return Poll::Pending;
            }
            match ready!(self.listener.poll_accept(context)) {
                Ok((stream, address)) => {
                    self.is_failing = false;
                    if admission == Admission::Accept {
                        return Poll::Ready(Some(Ok(self.admit(stream, address))));
                    }
                    self.metrics.refused(Reason::Crowded);
                }
                Err(error) => self.back_off(&error),
            }
        }
    }
}
