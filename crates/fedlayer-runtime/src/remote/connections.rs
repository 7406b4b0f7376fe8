//! [`Door`]: the connections of a coordinator. A stranger gets little time, a silent connection is closed, one address cannot take all room.

use std::{
    collections::{BTreeMap, VecDeque},
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::Notify,
    time::{Instant, Sleep, sleep_until},
};
use tokio_stream::Stream;
use tonic::transport::server::Connected;

use super::{
    limits::{ADMISSION, CONNECTIONS, STRANGERS},
    metrics::{Metrics, Reason},
};

/// What a request knows of its connection.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) address: SocketAddr,
    admitted: Arc<AtomicBool>,
}

impl Caller {
    /// The connection has shown that it belongs here.
    pub(crate) fn admit(&self) {
        self.admitted.store(true, Ordering::Relaxed);
    }
}

/// Accepts connections.
pub(crate) struct Door {
    listener: TcpListener,
    idle: Duration,
    metrics: Arc<Metrics>,
    room: Arc<Room>,
    /// After an error that may last (no more file handles, say), so that it is not met again at once.
    pause: Pin<Box<Sleep>>,
}

/// How long the door stays shut after an error.
const PAUSE: Duration = Duration::from_millis(100);

/// Who is inside.
#[derive(Debug, Default)]
struct Room {
    strangers: Mutex<BTreeMap<IpAddr, VecDeque<Stranger>>>,
    inside: Mutex<usize>,
}

#[derive(Debug)]
struct Stranger {
    admitted: Arc<AtomicBool>,
    out: Arc<Notify>,
}

impl Door {
    pub(crate) fn new(listener: TcpListener, idle: Duration, metrics: Arc<Metrics>) -> Self {
        let pause = Box::pin(sleep_until(Instant::now()));
        Self { listener, idle, metrics, room: Arc::default(), pause }
    }

    /// Takes a connection in, or not.
    fn enter(&self, stream: TcpStream, address: SocketAddr) -> Option<Guarded> {
        let mut inside = self.room.inside.lock().unwrap_or_else(PoisonError::into_inner);
        if *inside >= CONNECTIONS {
            self.metrics.refused(Reason::Crowded);
            return None;
        }
        *inside += 1;
        let (admitted, out) = (Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()));
        let mut strangers = self.room.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        let here = strangers.entry(address.ip()).or_default();
        here.retain(|stranger| {
            !stranger.admitted.load(Ordering::Relaxed) && Arc::strong_count(&stranger.out) > 1
        });
        if here.len() >= STRANGERS
            && let Some(oldest) = here.pop_front()
        {
            self.metrics.refused(Reason::Crowded);
            oldest.out.notify_one();
        }
        here.push_back(Stranger { admitted: admitted.clone(), out: out.clone() });
        strangers.retain(|_, strangers| !strangers.is_empty());
        let now = Instant::now();
        // Latency over throughput: messages are small or come in large pieces. That it cannot be set is no reason to turn a worker away.
        let _slower = stream.set_nodelay(true);
        let shown_out = out.clone();
        Some(Guarded {
            stream,
            caller: Caller { address, admitted },
            strict: now + ADMISSION,
            idle: self.idle,
            alarm: Box::pin(sleep_until(now + ADMISSION)),
            out: Box::pin(async move { shown_out.notified().await }),
            _out: out,
            metrics: self.metrics.clone(),
            room: self.room.clone(),
        })
    }
}

impl Stream for Door {
    type Item = io::Result<Guarded>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if !self.pause.is_elapsed() {
                ready!(self.pause.as_mut().poll(context));
            }
            match ready!(self.listener.poll_accept(context)) {
                Ok((stream, address)) => {
                    if let Some(guarded) = self.enter(stream, address) {
                        return Poll::Ready(Some(Ok(guarded)));
                    }
                }
                Err(error) => {
                    self.pause.as_mut().reset(Instant::now() + PAUSE);
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }
}

/// A connection that ends when it is silent for too long, or does not show in time that it belongs here.
pub(crate) struct Guarded {
    stream: TcpStream,
    caller: Caller,
    /// When a stranger's time is over.
    strict: Instant,
    idle: Duration,
    alarm: Pin<Box<Sleep>>,
    out: Pin<Box<dyn Future<Output = ()> + Send + Sync>>,
    /// Counts as long as the connection lives.
    _out: Arc<Notify>,
    metrics: Arc<Metrics>,
    room: Arc<Room>,
}

impl Guarded {
    /// Whether the connection's time is over.
    fn poll_over(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        let stranger = !self.caller.admitted.load(Ordering::Relaxed);
        if stranger && self.out.as_mut().poll(context).is_ready() {
            return Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, "room was needed"));
        }
        ready!(self.alarm.as_mut().poll(context));
        if stranger || Instant::now() >= self.strict + self.idle {
            self.metrics.refused(Reason::Silent);
            return Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, "silent for too long"));
        }
        // Admitted in time: from now on silence counts.
        self.rest();
        self.poll_over(context)
    }

    /// Sets the alarm to the end of the next silence.
    fn rest(&mut self) {
        let now = Instant::now();
        self.strict = now;
        self.alarm.as_mut().reset(now + self.idle);
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        *self.room.inside.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
    }
}

impl Connected for Guarded {
    type ConnectInfo = Caller;

    fn connect_info(&self) -> Caller {
        self.caller.clone()
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
            Poll::Ready(read) => {
                let bytes = buffer.filled().len() - before;
                self.metrics.received(bytes);
                if self.caller.admitted.load(Ordering::Relaxed) && bytes > 0 {
                    self.rest();
                }
                Poll::Ready(read)
            }
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
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes));
        if let Ok(count) = &written {
            self.metrics.sent(*count);
        }
        Poll::Ready(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(context, buffers));
        if let Ok(count) = &written {
            self.metrics.sent(*count);
        }
        Poll::Ready(written)
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
