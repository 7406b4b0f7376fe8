//! [`Connection`]: a TCP connection that ends if it is silent, or not authenticated in time.

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
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep_until},
};
use tonic::transport::server::Connected;

use super::{
    super::protocol::limits::{
        AUTHENTICATION_TIMEOUT, UNAUTHENTICATED_BYTES, UNAUTHENTICATED_REQUESTS,
    },
    connection_table::{ConnectionState, ConnectionTable, lock},
    metrics::{Metrics, Reason},
};

/// A request's handle on the connection that carries it.
#[derive(Debug, Clone)]
pub(super) struct ConnectionHandle {
    state: Arc<ConnectionState>,
}

impl ConnectionHandle {
    /// Returns the peer's address.
    pub(super) fn address(&self) -> SocketAddr {
        self.state.address
    }

    /// Marks the connection as authenticated.
    pub(super) fn authenticate(&self) {
        self.state.authenticate();
    }

    /// Counts a request for health or metrics. Returns whether it may be answered.
    pub(super) fn may_ask(&self) -> bool {
        self.state.count_request() < UNAUTHENTICATED_REQUESTS || self.state.is_authenticated()
    }
}

/// A TCP connection that ends if it is silent for too long, or not authenticated in time.
pub(super) struct Connection {
    stream: TcpStream,
    state: Arc<ConnectionState>,
    /// The number of bytes received before authentication.
    unauthenticated_bytes: usize,
    /// The deadline of the authentication; later, the time of the last bytes.
    since: Instant,
    /// How long an authenticated connection may be silent.
    idle: Duration,
    alarm: Pin<Box<Sleep>>,
    evicted: Pin<Box<dyn Future<Output = ()> + Send + Sync>>,
    /// Once true, every read and write fails.
    is_over: bool,
    metrics: Arc<Metrics>,
    table: Arc<Mutex<ConnectionTable>>,
}

impl Connection {
    pub(super) fn new(
        stream: TcpStream,
        state: Arc<ConnectionState>,
        idle: Duration,
        metrics: Arc<Metrics>,
        table: Arc<Mutex<ConnectionTable>>,
    ) -> Self {
        let deadline = Instant::now() + AUTHENTICATION_TIMEOUT;
        Self {
            stream,
            unauthenticated_bytes: 0,
            since: deadline,
            idle,
            alarm: Box::pin(sleep_until(deadline)),
            evicted: Box::pin(state.clone().evicted()),
            state,
            is_over: false,
            metrics,
            table,
        }
    }

    /// Resolves to an error when the connection must end.
    fn poll_over(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        if self.is_over {
            return Poll::Ready(io::ErrorKind::ConnectionAborted.into());
        }
        let is_unauthenticated = !self.state.is_authenticated();
        if is_unauthenticated && self.evicted.as_mut().poll(context).is_ready() {
            return Poll::Ready(self.end("closed to make room"));
        }
        ready!(self.alarm.as_mut().poll(context));
        if is_unauthenticated || Instant::now() >= self.since + self.idle {
            self.metrics.refused(Reason::Silent);
            return Poll::Ready(self.end("silent for too long"));
        }
        // Authenticated in time: from now on the alarm watches for silence.
        self.restart_alarm();
        self.poll_over(context)
    }

    fn end(&mut self, why: &'static str) -> io::Error {
        self.is_over = true;
        io::Error::new(io::ErrorKind::TimedOut, why)
    }

    /// Sets the alarm to the end of a silence that begins now.
    fn restart_alarm(&mut self) {
        let now = Instant::now();
        self.since = now;
        self.alarm.as_mut().reset(now + self.idle);
    }

    /// Counts received bytes. Too many bytes before authentication end the connection.
    fn count_received(&mut self, bytes: usize) -> io::Result<()> {
        self.metrics.received(bytes);
        if self.state.is_authenticated() {
            if bytes > 0 {
                self.restart_alarm();
            }
            return Ok(());
        }
        self.state.mark_active();
        self.unauthenticated_bytes += bytes;
        if self.unauthenticated_bytes > UNAUTHENTICATED_BYTES {
            self.metrics.refused(Reason::Malformed);
            return Err(self.end("too many bytes before the token"));
        }
        Ok(())
    }

    /// Counts sent bytes. A write that waits for its peer is subject to the same timeouts as a
    /// read.
    fn count_sent(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(count)) => {
                self.metrics.sent(count);
                Poll::Ready(Ok(count))
            }
            Poll::Ready(error) => Poll::Ready(error),
            Poll::Pending => self.poll_over(context).map(Err),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        lock(&self.table).remove(&self.state);
    }
}

impl Connected for Connection {
    type ConnectInfo = ConnectionHandle;

    fn connect_info(&self) -> ConnectionHandle {
        ConnectionHandle { state: self.state.clone() }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(context, buffer) {
            Poll::Ready(Ok(())) => {
                let bytes = buffer.filled().len() - before;
                Poll::Ready(self.count_received(bytes))
            }
            Poll::Ready(error) => Poll::Ready(error),
            Poll::Pending => self.poll_over(context).map(Err),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.count_sent(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, buffers);
        self.count_sent(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
