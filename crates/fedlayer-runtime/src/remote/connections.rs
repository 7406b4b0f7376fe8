//! [`Door`]: accepts the connections of a coordinator. A stranger gets little time and few bytes, and a silent connection is closed.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    time::{Instant, Sleep, sleep_until},
};
use tokio_stream::Stream;
use tonic::transport::server::Connected;
use tracing::warn;

use super::{
    crowd::{ConnectionLimits, Crowd, Entry, Standing},
    limits::{ADMISSION, FIRST_BYTES, QUESTIONS},
    metrics::{Metrics, Reason},
};

/// What a request knows of its connection.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    standing: Arc<Standing>,
}

impl Caller {
    pub(crate) fn address(&self) -> SocketAddr {
        self.standing.address
    }

    /// The connection has shown that it belongs to a worker.
    pub(crate) fn admit(&self) {
        self.standing.admit();
    }

    /// Counts a request that anybody may make; false where a stranger has made enough of them.
    pub(crate) fn may_ask(&self) -> bool {
        self.standing.asked() < QUESTIONS || self.standing.is_admitted()
    }
}

/// Accepts connections.
pub(crate) struct Door {
    listener: TcpListener,
    idle: Duration,
    metrics: Arc<Metrics>,
    crowd: Arc<Mutex<Crowd>>,
    /// After an error that may last (no more descriptors, say), so that it is not met again at once.
    pause: Pin<Box<Sleep>>,
    /// Whether the last attempt to accept a connection failed: it is said once.
    is_failing: bool,
}

/// How long the door stays shut after an error.
const PAUSE: Duration = Duration::from_millis(100);

impl Door {
    pub(crate) fn new(
        listener: TcpListener,
        idle: Duration,
        capacity: ConnectionLimits,
        metrics: Arc<Metrics>,
    ) -> Self {
        let crowd = Arc::new(Mutex::new(Crowd::new(capacity)));
        let pause = Box::pin(sleep_until(Instant::now()));
        Self { listener, idle, metrics, crowd, pause, is_failing: false }
    }

    /// Takes a connection in.
    fn enter(&self, stream: TcpStream, address: SocketAddr) -> Guarded {
        let (standing, evicted) = lock(&self.crowd).enter(address);
        if evicted {
            self.metrics.refused(Reason::Crowded);
        }
        let now = Instant::now();
        // Latency over throughput: messages are small or come in large pieces. That it cannot be set is no reason to turn a worker away.
        let _slower = stream.set_nodelay(true);
        Guarded {
            stream,
            first_bytes: 0,
            strict: now + ADMISSION,
            idle: self.idle,
            alarm: Box::pin(sleep_until(now + ADMISSION)),
            told_to_leave: Box::pin(standing.clone().told_to_leave()),
            standing,
            is_over: false,
            metrics: self.metrics.clone(),
            crowd: self.crowd.clone(),
        }
    }

    /// Rests after a connection that could not be accepted, and makes room where descriptors are short.
    fn rest(&mut self, error: &io::Error) {
        if lock(&self.crowd).evict() {
            self.metrics.refused(Reason::Crowded);
        }
        if !self.is_failing {
            self.is_failing = true;
            warn!("connections cannot be accepted for now: {error}");
        }
        self.pause.as_mut().reset(Instant::now() + PAUSE);
    }
}

fn lock(crowd: &Mutex<Crowd>) -> MutexGuard<'_, Crowd> {
    crowd.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Stream for Door {
    /// An error never gets through: the server would take it for the end of the port.
    type Item = io::Result<Guarded>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if !self.pause.is_elapsed() {
                ready!(self.pause.as_mut().poll(context));
            }
            let entry = lock(&self.crowd).entry(context.waker());
            if entry == Entry::Soon {
                return Poll::Pending;
            }
            match ready!(self.listener.poll_accept(context)) {
                Ok((stream, address)) => {
                    self.is_failing = false;
                    if entry == Entry::Open {
                        return Poll::Ready(Some(Ok(self.enter(stream, address))));
                    }
                    self.metrics.refused(Reason::Crowded);
                }
                Err(error) => self.rest(&error),
            }
        }
    }
}

/// A connection that ends when it is silent for too long, or does not show in time that it belongs to a worker.
pub(crate) struct Guarded {
    stream: TcpStream,
    standing: Arc<Standing>,
    /// Bytes that came while it was a stranger.
    first_bytes: usize,
    /// When a stranger's time is over.
    strict: Instant,
    idle: Duration,
    alarm: Pin<Box<Sleep>>,
    told_to_leave: Pin<Box<dyn Future<Output = ()> + Send + Sync>>,
    /// Whether it was ended; from then on every read and write says so.
    is_over: bool,
    metrics: Arc<Metrics>,
    crowd: Arc<Mutex<Crowd>>,
}

impl Guarded {
    /// Whether the connection has to end: its time is over, or its room was needed.
    fn poll_over(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        if self.is_over {
            return Poll::Ready(io::ErrorKind::ConnectionAborted.into());
        }
        let is_stranger = !self.standing.is_admitted();
        if is_stranger && self.told_to_leave.as_mut().poll(context).is_ready() {
            return Poll::Ready(self.end("room was needed"));
        }
        ready!(self.alarm.as_mut().poll(context));
        if is_stranger || Instant::now() >= self.strict + self.idle {
            self.metrics.refused(Reason::Silent);
            return Poll::Ready(self.end("silent for too long"));
        }
        // Admitted in time: from now on silence counts.
        self.rest();
        self.poll_over(context)
    }

    fn end(&mut self, why: &'static str) -> io::Error {
        self.is_over = true;
        io::Error::new(io::ErrorKind::TimedOut, why)
    }

    /// Sets the alarm to the end of the next silence.
    fn rest(&mut self) {
        let now = Instant::now();
        self.strict = now;
        self.alarm.as_mut().reset(now + self.idle);
    }

    /// Counts bytes that came. A stranger that sends more than it needs to show its token is ended.
    fn heard(&mut self, bytes: usize) -> io::Result<()> {
        self.metrics.received(bytes);
        if self.standing.is_admitted() {
            if bytes > 0 {
                self.rest();
            }
            return Ok(());
        }
        self.standing.spoke();
        self.first_bytes += bytes;
        if self.first_bytes > FIRST_BYTES {
            self.metrics.refused(Reason::Malformed);
            return Err(self.end("too much was said without the token"));
        }
        Ok(())
    }

    /// The end of a write: one that waits for its peer ends as a silent connection does.
    fn wrote(
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

impl Drop for Guarded {
    fn drop(&mut self) {
        lock(&self.crowd).left(&self.standing);
    }
}

impl Connected for Guarded {
    type ConnectInfo = Caller;

    fn connect_info(&self) -> Caller {
        Caller { standing: self.standing.clone() }
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(context, buffer) {
            Poll::Ready(Ok(())) => {
                let bytes = buffer.filled().len() - before;
                Poll::Ready(self.heard(bytes))
            }
            Poll::Ready(error) => Poll::Ready(error),
            Poll::Pending => self.poll_over(context).map(Err),
        }
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, buffers);
        self.wrote(context, written)
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
