//! [`Crowd`]: everybody who is connected to a coordinator, and who has to go when there is no room left.
//!
//! A *stranger* is a connection that has not made a worker's call with the token yet. Strangers share a bound of their own,
//! so that they can take neither the descriptors of the run's files nor the connections of its workers.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    task::Waker,
};

use tokio::sync::Notify;

use super::limits::{CONNECTIONS, FILES, STRANGERS};

/// How many connections a coordinator holds at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Connections of workers and strangers together.
    connections: usize,
    /// Strangers among them.
    strangers: usize,
}

impl ConnectionLimits {
    /// Returns the capacity of a process that may have `open_files` descriptors.
    ///
    /// [`FILES`] of them, but at most half, are left to the run's files. Strangers take at most half of the connections.
    pub fn within(open_files: u64) -> Self {
        let open_files = usize::try_from(open_files).unwrap_or(usize::MAX);
        let connections = (open_files - FILES.min(open_files / 2)).clamp(2, CONNECTIONS);
        Self { connections, strangers: STRANGERS.min(connections / 2) }
    }
}

/// What is known of one connection; its requests see it too.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) address: SocketAddr,
    is_admitted: AtomicBool,
    has_spoken: AtomicBool,
    is_leaving: AtomicBool,
    questions: AtomicU32,
    leave: Notify,
}

impl Standing {
    fn new(address: SocketAddr) -> Self {
        Self {
            address,
            is_admitted: AtomicBool::new(false),
            has_spoken: AtomicBool::new(false),
            is_leaving: AtomicBool::new(false),
            questions: AtomicU32::new(0),
            leave: Notify::new(),
        }
    }

    /// The connection has shown that it belongs to a worker.
    pub(super) fn admit(&self) {
        self.is_admitted.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_admitted(&self) -> bool {
        self.is_admitted.load(Ordering::Relaxed)
    }

    /// Some bytes came.
    pub(super) fn spoke(&self) {
        self.has_spoken.store(true, Ordering::Relaxed);
    }

    /// Counts a request, and returns how many came before it.
    pub(super) fn asked(&self) -> u32 {
        self.questions.fetch_add(1, Ordering::Relaxed)
    }

    /// Waits until the connection has to make room for another one.
    pub(super) async fn told_to_leave(self: Arc<Self>) {
        self.leave.notified().await;
    }

    fn tell_to_leave(&self) {
        self.is_leaving.store(true, Ordering::Relaxed);
        self.leave.notify_one();
    }

    /// Whether it may be told to leave.
    fn is_evictable(&self) -> bool {
        !self.is_admitted() && !self.is_leaving.load(Ordering::Relaxed)
    }
}

/// Whether another connection may be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    /// There is room.
    Open,
    /// A stranger is leaving; its descriptor is free in a moment.
    Soon,
    /// Workers have all the room.
    Full,
}

/// Everybody who is connected.
#[derive(Debug)]
pub(super) struct Crowd {
    capacity: ConnectionLimits,
    /// The oldest first.
    connections: Vec<Arc<Standing>>,
    /// Woken when a connection ends.
    waiting: Option<Waker>,
}

impl Crowd {
    pub(super) fn new(capacity: ConnectionLimits) -> Self {
        Self { capacity, connections: Vec::new(), waiting: None }
    }

    /// Says whether another connection may be accepted. Where one is about to leave, `waker` is woken when it has left.
    pub(super) fn entry(&mut self, waker: &Waker) -> Entry {
        if self.connections.len() < self.capacity.connections {
            return Entry::Open;
        }
        if !self.someone_is_leaving() && !self.evict() {
            return Entry::Full;
        }
        self.waiting = Some(waker.clone());
        Entry::Soon
    }

    /// Takes a connection in. Returns its standing, and whether a stranger had to go for it.
    pub(super) fn enter(&mut self, address: SocketAddr) -> (Arc<Standing>, bool) {
        let strangers = self.connections.iter().filter(|one| one.is_evictable()).count();
        let evicted = strangers >= self.capacity.strangers && self.evict();
        let standing = Arc::new(Standing::new(address));
        self.connections.push(standing.clone());
        (standing, evicted)
    }

    /// A connection has ended.
    pub(super) fn left(&mut self, standing: &Arc<Standing>) {
        self.connections.retain(|one| !Arc::ptr_eq(one, standing));
        if let Some(waiting) = self.waiting.take() {
            waiting.wake();
        }
    }

    /// Tells a stranger to leave; false where there is none.
    ///
    /// It is one of those from where most come, so that many connections from one place do not cost another place its only one;
    /// among these one that has not said anything before one that has, and the oldest of them.
    pub(super) fn evict(&mut self) -> bool {
        let strangers = || self.connections.iter().filter(|one| one.is_evictable());
        let mut crowding: BTreeMap<IpAddr, usize> = BTreeMap::new();
        for stranger in strangers() {
            *crowding.entry(origin(stranger.address)).or_default() += 1;
        }
        // The first of several that are equal is the oldest.
        let chosen = strangers().min_by_key(|stranger| {
            let neighbours = crowding.get(&origin(stranger.address)).copied();
            (Reverse(neighbours), stranger.has_spoken.load(Ordering::Relaxed))
        });
        chosen.inspect(|stranger| stranger.tell_to_leave()).is_some()
    }

    fn someone_is_leaving(&self) -> bool {
        // One that is admitted in the same moment stays.
        let is_leaving =
            |one: &Arc<Standing>| !one.is_admitted() && one.is_leaving.load(Ordering::Relaxed);
        self.connections.iter().any(is_leaving)
    }
}

/// Where a connection comes from: its address, or the network of 64 bits that one machine may have all of in IPv6.
fn origin(address: SocketAddr) -> IpAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(v4) => v4.into(),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(host: &str, port: u16) -> SocketAddr {
        SocketAddr::new(host.parse().unwrap(), port)
    }

    /// A crowd that has room for eight connections, four of them strangers, and its guests.
    fn crowd(guests: &[&str]) -> (Crowd, Vec<Arc<Standing>>) {
        let mut crowd = Crowd::new(ConnectionLimits { connections: 8, strangers: 4 });
        let enter = |(port, host): (usize, &&str)| crowd.enter(from(host, port as u16)).0;
        let standings = guests.iter().enumerate().map(enter).collect();
        (crowd, standings)
    }

    fn leaving(standings: &[Arc<Standing>]) -> Vec<usize> {
        let is_leaving = |&index: &usize| standings[index].is_leaving.load(Ordering::Relaxed);
        (0..standings.len()).filter(is_leaving).collect()
    }

    #[test]
    fn the_usual_limits_of_open_files_leave_room_for_files_and_workers() {
        for (open_files, connections, strangers) in [
            (0, 2, 1),
            (64, 32, 16),
            (256, 128, 64),
            (1024, 768, 384),
            (1 << 20, CONNECTIONS, STRANGERS),
            (u64::MAX, CONNECTIONS, STRANGERS),
        ] {
            let expected = ConnectionLimits { connections, strangers };
            assert_eq!(ConnectionLimits::within(open_files), expected, "{open_files}");
        }
    }

    #[test]
    fn the_oldest_silent_stranger_goes_first() {
        let (mut crowd, standings) = crowd(&["127.0.0.1"; 4]);
        standings[0].spoke();
        let (newcomer, evicted) = crowd.enter(from("127.0.0.1", 9));
        assert!(evicted);
        assert_eq!(leaving(&standings), [1]);
        newcomer.spoke();
        for _ in 0..3 {
            assert!(crowd.enter(from("127.0.0.1", 10)).1);
        }
        assert_eq!(leaving(&standings), [1, 2, 3], "one that has said something stays");
    }

    #[test]
    fn many_strangers_from_one_place_do_not_cost_another_place_its_only_one() {
        let (mut crowd, standings) = crowd(&["10.0.0.9", "10.0.0.1", "10.0.0.1", "10.0.0.1"]);
        for stranger in &standings[1..] {
            stranger.spoke();
        }
        crowd.enter(from("10.0.0.2", 1));
        assert_eq!(leaving(&standings), [1]);
    }

    #[test]
    fn one_network_of_ipv6_is_one_place() {
        let (mut crowd, standings) =
            crowd(&["2001:db8::1", "2001:db8:0:1::1", "2001:db8:0:1::2", "::ffff:10.0.0.1"]);
        crowd.enter(from("10.0.0.2", 1));
        assert_eq!(leaving(&standings), [1]);
    }

    #[test]
    fn who_is_admitted_stays_and_no_longer_counts_as_a_stranger() {
        let (mut crowd, standings) = crowd(&["127.0.0.1"; 4]);
        standings[0].admit();
        assert!(!crowd.enter(from("127.0.0.1", 9)).1, "there are three strangers");
        assert!(crowd.enter(from("127.0.0.1", 10)).1, "there are four");
        assert_eq!(leaving(&standings), [1]);
    }

    #[test]
    fn a_full_crowd_waits_for_a_stranger_and_turns_away_where_all_are_workers() {
        let waker = Waker::noop();
        let (mut crowd, mut standings) = crowd(&["127.0.0.1"; 4]);
        standings.iter().for_each(|standing| standing.admit());
        for port in 10..14 {
            assert_eq!(crowd.entry(waker), Entry::Open);
            standings.push(crowd.enter(from("127.0.0.1", port)).0);
        }
        assert_eq!(crowd.entry(waker), Entry::Soon);
        assert_eq!(crowd.entry(waker), Entry::Soon, "one that leaves is enough");
        assert_eq!(leaving(&standings), [4]);
        standings[4].admit();
        assert_eq!(crowd.entry(waker), Entry::Soon, "that one stays after all, another goes");
        assert_eq!(leaving(&standings), [4, 5]);
        crowd.left(&standings[5]);
        assert_eq!(crowd.entry(waker), Entry::Open);
        standings.iter().for_each(|standing| standing.admit());
        crowd.enter(from("127.0.0.1", 20)).0.admit();
        assert_eq!(crowd.entry(waker), Entry::Full);
    }
}
