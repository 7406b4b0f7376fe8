//! [`ConnectionTable`]: a coordinator's connections, and which one is evicted when another needs
//! room.
//!
//! A connection is *unauthenticated* until it makes a worker's call with the token. Unauthenticated
//! connections have a limit of their own, so they can exhaust neither the file descriptors of the
//! run nor the connections of its workers.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    task::Waker,
};

use tokio::sync::Notify;

use super::super::protocol::limits::{CONNECTIONS, RESERVED_FILES, UNAUTHENTICATED_CONNECTIONS};

/// How many connections a coordinator holds at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// All connections.
    connections: usize,
    /// The unauthenticated ones among them.
    unauthenticated: usize,
}

impl ConnectionLimits {
    /// Returns the limits of a process that may have `open_files` descriptors.
    ///
    /// [`RESERVED_FILES`] of them, but at most half, are reserved for the run's files. At most half
    /// of the connections may be unauthenticated.
    pub fn within(open_files: u64) -> Self {
        let open_files = usize::try_from(open_files).unwrap_or(usize::MAX);
        let connections = (open_files - RESERVED_FILES.min(open_files / 2)).clamp(2, CONNECTIONS);
        let unauthenticated = UNAUTHENTICATED_CONNECTIONS.min(connections / 2);
        Self { connections, unauthenticated }
    }
}

/// The state of one connection. Its requests share it.
#[derive(Debug)]
pub(super) struct ConnectionState {
    pub(super) address: SocketAddr,
    is_authenticated: AtomicBool,
    is_active: AtomicBool,
    is_leaving: AtomicBool,
    requests: AtomicU32,
    eviction: Notify,
}

impl ConnectionState {
    fn new(address: SocketAddr) -> Self {
        Self {
            address,
            is_authenticated: AtomicBool::new(false),
            is_active: AtomicBool::new(false),
            is_leaving: AtomicBool::new(false),
            requests: AtomicU32::new(0),
            eviction: Notify::new(),
        }
    }

    /// Marks the connection as authenticated.
    pub(super) fn authenticate(&self) {
        self.is_authenticated.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_authenticated(&self) -> bool {
        self.is_authenticated.load(Ordering::Relaxed)
    }

    /// Marks that the connection has sent bytes.
    pub(super) fn mark_active(&self) {
        self.is_active.store(true, Ordering::Relaxed);
    }

    /// Counts a request and returns the number of requests before it.
    pub(super) fn count_request(&self) -> u32 {
        self.requests.fetch_add(1, Ordering::Relaxed)
    }

    /// Waits until the connection must make room for another one.
    pub(super) async fn evicted(self: Arc<Self>) {
        self.eviction.notified().await;
    }

    fn evict(&self) {
        self.is_leaving.store(true, Ordering::Relaxed);
        self.eviction.notify_one();
    }

    /// Returns whether the connection may be evicted.
    fn is_evictable(&self) -> bool {
        !self.is_authenticated() && !self.is_leaving.load(Ordering::Relaxed)
    }
}

/// The decision on the next connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// There is room for it.
    Accept,
    /// An evicted connection is about to end and to free its descriptor.
    Wait,
    /// All connections belong to workers.
    Reject,
}

/// All connections of a coordinator.
#[derive(Debug)]
pub(super) struct ConnectionTable {
    limits: ConnectionLimits,
    /// Sorted by age, the oldest first.
    connections: Vec<Arc<ConnectionState>>,
    /// Woken when a connection ends.
    waiting: Option<Waker>,
}

impl ConnectionTable {
    pub(super) fn new(limits: ConnectionLimits) -> Self {
        Self { limits, connections: Vec::new(), waiting: None }
    }

    /// Returns whether another connection may be accepted. On [`Admission::Wait`], `waker` is woken
    /// when a connection has ended.
    pub(super) fn admission(&mut self, waker: &Waker) -> Admission {
        if self.connections.len() < self.limits.connections {
            return Admission::Accept;
        }
        if !self.any_is_leaving() && !self.evict() {
            return Admission::Reject;
        }
        self.waiting = Some(waker.clone());
        Admission::Wait
    }

    /// Adds a connection. Returns its state, and whether another connection was evicted for it.
    pub(super) fn enter(&mut self, address: SocketAddr) -> (Arc<ConnectionState>, bool) {
        let evictable = self.connections.iter().filter(|one| one.is_evictable()).count();
        let evicted = evictable >= self.limits.unauthenticated && self.evict();
        let state = Arc::new(ConnectionState::new(address));
        self.connections.push(state.clone());
        (state, evicted)
    }

    /// Removes a connection that has ended.
    pub(super) fn remove(&mut self, state: &Arc<ConnectionState>) {
        self.connections.retain(|one| !Arc::ptr_eq(one, state));
        if let Some(waiting) = self.waiting.take() {
            waiting.wake();
        }
    }

    /// Evicts an unauthenticated connection; returns `false` if there is none.
    ///
    /// It comes from the network with the most unauthenticated connections, so that a flood from
    /// one network does not evict the only connection of another. Among these, connections that
    /// have sent nothing are evicted first, then the oldest.
    pub(super) fn evict(&mut self) -> bool {
        let evictable = || self.connections.iter().filter(|one| one.is_evictable());
        let mut counts: BTreeMap<IpAddr, usize> = BTreeMap::new();
        for connection in evictable() {
            *counts.entry(network(connection.address)).or_default() += 1;
        }
        // `min_by_key` returns the first of several minima, which is the oldest.
        let chosen = evictable().min_by_key(|connection| {
            let neighbours = counts.get(&network(connection.address)).copied();
            (Reverse(neighbours), connection.is_active.load(Ordering::Relaxed))
        });
        chosen.inspect(|connection| connection.evict()).is_some()
    }

    fn any_is_leaving(&self) -> bool {
        // A connection that is authenticated in the meantime stays.
        let is_leaving = |one: &Arc<ConnectionState>| {
            !one.is_authenticated() && one.is_leaving.load(Ordering::Relaxed)
        };
        self.connections.iter().any(is_leaving)
    }
}

/// Returns the network that a peer belongs to: its IPv4 address, or its /64 prefix in IPv6, because
/// one machine may own all addresses of such a prefix.
fn network(address: SocketAddr) -> IpAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(v4) => v4.into(),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

/// Locks the table, also after a panic of another thread: its data is never left inconsistent.
pub(super) fn lock(table: &Mutex<ConnectionTable>) -> MutexGuard<'_, ConnectionTable> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(host: &str, port: u16) -> SocketAddr {
        SocketAddr::new(host.parse().unwrap(), port)
    }

    /// A table for eight connections, four of them unauthenticated, with connections from `hosts`.
    fn table(hosts: &[&str]) -> (ConnectionTable, Vec<Arc<ConnectionState>>) {
        let mut table =
            ConnectionTable::new(ConnectionLimits { connections: 8, unauthenticated: 4 });
        let enter = |(port, host): (usize, &&str)| table.enter(from(host, port as u16)).0;
        let states = hosts.iter().enumerate().map(enter).collect();
        (table, states)
    }

    fn leaving(states: &[Arc<ConnectionState>]) -> Vec<usize> {
        let is_leaving = |&index: &usize| states[index].is_leaving.load(Ordering::Relaxed);
        (0..states.len()).filter(is_leaving).collect()
    }

    #[test]
    fn common_limits_of_open_files_leave_room_for_files_and_workers() {
        for (open_files, connections, unauthenticated) in [
            (0, 2, 1),
            (64, 32, 16),
            (256, 128, 64),
            (1024, 768, 384),
            (1 << 20, CONNECTIONS, UNAUTHENTICATED_CONNECTIONS),
            (u64::MAX, CONNECTIONS, UNAUTHENTICATED_CONNECTIONS),
        ] {
            let expected = ConnectionLimits { connections, unauthenticated };
            assert_eq!(ConnectionLimits::within(open_files), expected, "{open_files}");
        }
    }

    #[test]
    fn the_oldest_connection_that_sent_nothing_is_evicted_first() {
        let (mut table, states) = table(&["127.0.0.1"; 4]);
        states[0].mark_active();
        let (newcomer, evicted) = table.enter(from("127.0.0.1", 9));
        assert!(evicted);
        assert_eq!(leaving(&states), [1]);
        newcomer.mark_active();
        for _ in 0..3 {
            assert!(table.enter(from("127.0.0.1", 10)).1);
        }
        assert_eq!(leaving(&states), [1, 2, 3], "an active connection stays");
    }

    #[test]
    fn a_flood_from_one_address_does_not_evict_the_only_connection_of_another() {
        let (mut table, states) = table(&["10.0.0.9", "10.0.0.1", "10.0.0.1", "10.0.0.1"]);
        for state in &states[1..] {
            state.mark_active();
        }
        table.enter(from("10.0.0.2", 1));
        assert_eq!(leaving(&states), [1]);
    }

    #[test]
    fn an_ipv6_prefix_of_64_bits_counts_as_one_network() {
        let (mut table, states) =
            table(&["2001:db8::1", "2001:db8:0:1::1", "2001:db8:0:1::2", "::ffff:10.0.0.1"]);
        table.enter(from("10.0.0.2", 1));
        assert_eq!(leaving(&states), [1]);
    }

    #[test]
    fn an_authenticated_connection_is_not_evicted_and_does_not_count_as_unauthenticated() {
        let (mut table, states) = table(&["127.0.0.1"; 4]);
        states[0].authenticate();
        assert!(!table.enter(from("127.0.0.1", 9)).1, "three are unauthenticated");
        assert!(table.enter(from("127.0.0.1", 10)).1, "four are");
        assert_eq!(leaving(&states), [1]);
    }

    #[test]
    fn a_full_table_waits_for_an_eviction_and_rejects_if_all_connections_are_workers() {
        let waker = Waker::noop();
        let (mut table, mut states) = table(&["127.0.0.1"; 4]);
        states.iter().for_each(|state| state.authenticate());
        for port in 10..14 {
            assert_eq!(table.admission(waker), Admission::Accept);
            states.push(table.enter(from("127.0.0.1", port)).0);
        }
        assert_eq!(table.admission(waker), Admission::Wait);
        assert_eq!(table.admission(waker), Admission::Wait, "one eviction is enough");
        assert_eq!(leaving(&states), [4]);
        states[4].authenticate();
        assert_eq!(
            table.admission(waker),
            Admission::Wait,
            "the evicted one stays, another is evicted"
        );
        assert_eq!(leaving(&states), [4, 5]);
        table.remove(&states[5]);
        assert_eq!(table.admission(waker), Admission::Accept);
        states.iter().for_each(|state| state.authenticate());
        table.enter(from("127.0.0.1", 20)).0.authenticate();
        assert_eq!(table.admission(waker), Admission::Reject);
    }
}
