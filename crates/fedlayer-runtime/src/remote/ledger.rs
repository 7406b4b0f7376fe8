//! [`Ledger`]: which jobs are open, and who holds each. It does no I/O and reads no clock.
//!
//! A job is done once, by whoever returns it first. It is given out again when its holder is lost, hands it back, forgot it, or takes
//! longer than the deadline; the result is the same whoever trains it, so a job never fails because a worker did.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use super::message::{JobId, SessionId, Unwanted};

/// The open jobs of a run. `T` is what belongs to a job.
#[derive(Debug)]
pub(crate) struct Ledger<T> {
    next: u64,
    queue: VecDeque<JobId>,
    open: BTreeMap<JobId, Open<T>>,
    sessions: BTreeMap<SessionId, u32>,
    /// The numbers of the last jobs that were returned, so that a repeated return is told from a late one.
    returned: VecDeque<JobId>,
}

#[derive(Debug)]
struct Open<T> {
    payload: T,
    queued: bool,
    leases: Vec<Lease>,
}

/// A job in a worker's hands.
#[derive(Debug)]
struct Lease {
    session: SessionId,
    since: Instant,
    /// Beats of its holder that did not speak of it.
    unmentioned: u8,
    /// The deadline passed, and the job was given out again; the holder may still return it.
    overdue: bool,
}

/// So many beats in a row that do not speak of a job mean that its holder never got it. One may have been on its way already.
const UNMENTIONED: u8 = 2;

/// So many returned jobs are remembered.
const REMEMBERED: usize = 4096;

impl<T> Default for Ledger<T> {
    fn default() -> Self {
        Self {
            next: 0,
            queue: VecDeque::new(),
            open: BTreeMap::new(),
            sessions: BTreeMap::new(),
            returned: VecDeque::new(),
        }
    }
}

impl<T> Ledger<T> {
    /// The number that the next job gets.
    pub(crate) fn number(&mut self) -> JobId {
        self.next += 1;
        JobId(self.next)
    }

    /// Opens a job; it waits behind the others.
    pub(crate) fn open(&mut self, job: JobId, payload: T) {
        self.open.insert(job, Open { payload, queued: true, leases: Vec::new() });
        self.queue.push_back(job);
    }

    /// Nobody waits for the job any more.
    pub(crate) fn cancel(&mut self, job: JobId) {
        if self.open.remove(&job).is_some_and(|open| open.queued) {
            self.queue.retain(|queued| *queued != job);
        }
    }

    /// A worker comes, with so many slots.
    pub(crate) fn join(&mut self, session: SessionId, slots: u32) {
        self.sessions.insert(session, slots);
    }

    /// Whether a session is known.
    pub(crate) fn knows(&self, session: SessionId) -> bool {
        self.sessions.contains_key(&session)
    }

    /// Workers and their slots.
    pub(crate) fn present(&self) -> (usize, usize) {
        (self.sessions.len(), self.sessions.values().map(|&slots| slots as usize).sum())
    }

    /// Jobs that wait, and jobs in the hands of workers.
    pub(crate) fn load(&self) -> (usize, usize) {
        (self.queue.len(), self.open.values().filter(|open| !open.leases.is_empty()).count())
    }

    /// Gives the job that waits longest to a worker.
    pub(crate) fn give(&mut self, session: SessionId, now: Instant) -> Option<(JobId, &T)> {
        let job = self.queue.pop_front()?;
        let open = self.open.get_mut(&job)?;
        open.queued = false;
        open.leases.push(Lease { session, since: now, unmentioned: 0, overdue: false });
        Some((job, &open.payload))
    }

    /// What belongs to a job that this worker holds.
    pub(crate) fn held(&self, session: SessionId, job: JobId) -> Option<&T> {
        let open = self.open.get(&job)?;
        open.leases.iter().any(|lease| lease.session == session).then_some(&open.payload)
    }

    /// Whether a return of the job would be taken, and from whom it may come: anybody who was ever given it.
    pub(crate) fn wanted(&self, job: JobId) -> Result<&T, Unwanted> {
        self.open.get(&job).map(|open| &open.payload).ok_or({
            if job.0 == 0 || job.0 > self.next {
                Unwanted::Unknown
            } else if self.returned.contains(&job) {
                Unwanted::Repeated
            } else {
                Unwanted::Late
            }
        })
    }

    /// Closes a job that was returned; only the first return gets what belongs to it.
    pub(crate) fn finish(&mut self, job: JobId) -> Result<T, Unwanted> {
        self.wanted(job)?;
        let Some(open) = self.open.remove(&job) else { return Err(Unwanted::Late) };
        if open.queued {
            self.queue.retain(|queued| *queued != job);
        }
        if self.returned.len() == REMEMBERED {
            self.returned.pop_front();
        }
        self.returned.push_back(job);
        Ok(open.payload)
    }

    /// A worker is gone, or goes. Returns the jobs that wait again because of it.
    pub(crate) fn lose(&mut self, session: SessionId) -> Vec<JobId> {
        self.sessions.remove(&session);
        self.take_away(|_, lease| lease.session == session)
    }

    /// A worker gives one job back.
    pub(crate) fn hand_back(&mut self, session: SessionId, job: JobId) -> Vec<JobId> {
        self.take_away(|id, lease| id == job && lease.session == session)
    }

    /// A worker says which jobs it is at. Returns the jobs that it should know and does not.
    pub(crate) fn beat(&mut self, session: SessionId, held: &[JobId]) -> Vec<JobId> {
        for (job, open) in &mut self.open {
            for lease in open.leases.iter_mut().filter(|lease| lease.session == session) {
                let mentioned = held.contains(job);
                lease.unmentioned = if mentioned { 0 } else { lease.unmentioned + 1 };
            }
        }
        self.take_away(|_, lease| lease.session == session && lease.unmentioned >= UNMENTIONED)
    }

    /// Gives out again what takes longer than `deadline`. Whoever returns it first, is taken.
    pub(crate) fn overdue(&mut self, now: Instant, deadline: Duration) -> Vec<JobId> {
        let mut again = Vec::new();
        for (&job, open) in &mut self.open {
            for lease in &mut open.leases {
                lease.overdue |= now.duration_since(lease.since) >= deadline;
            }
            if !open.queued && open.leases.iter().all(|lease| lease.overdue) {
                open.queued = true;
                again.push(job);
            }
        }
        again.iter().rev().for_each(|&job| self.queue.push_front(job));
        again
    }

    /// Ends leases; jobs that nobody holds any more wait again, in front of the others and in their own order.
    fn take_away(&mut self, ends: impl Fn(JobId, &Lease) -> bool) -> Vec<JobId> {
        let mut again = Vec::new();
        for (&job, open) in &mut self.open {
            let before = open.leases.len();
            open.leases.retain(|lease| !ends(job, lease));
            let nobody = open.leases.iter().all(|lease| lease.overdue);
            if open.leases.len() < before && nobody && !open.queued {
                open.queued = true;
                again.push(job);
            }
        }
        again.iter().rev().for_each(|&job| self.queue.push_front(job));
        again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(number: u8) -> SessionId {
        SessionId([number; 16])
    }

    fn ledger(jobs: u64) -> Ledger<u64> {
        let mut ledger = Ledger::default();
        for worker in 1..=2 {
            ledger.join(session(worker), 1);
        }
        for _ in 0..jobs {
            let job = ledger.number();
            ledger.open(job, job.0);
        }
        ledger
    }

    fn given(ledger: &mut Ledger<u64>, worker: u8, now: Instant) -> Option<u64> {
        ledger.give(session(worker), now).map(|(job, _)| job.0)
    }

    #[test]
    fn what_a_lost_worker_held_is_given_out_again_first_and_in_order() {
        let (mut ledger, now) = (ledger(4), Instant::now());
        assert_eq!([1, 2, 1].map(|worker| given(&mut ledger, worker, now)), [1, 2, 3].map(Some));
        assert_eq!(ledger.lose(session(1)), [JobId(1), JobId(3)]);
        assert_eq!(
            [2, 2, 2, 2].map(|worker| given(&mut ledger, worker, now)),
            [Some(1), Some(3), Some(4), None]
        );
    }

    #[test]
    fn a_job_is_taken_once_and_a_second_return_is_told_from_a_late_and_an_unknown_one() {
        let (mut ledger, now) = (ledger(2), Instant::now());
        given(&mut ledger, 1, now);
        given(&mut ledger, 1, now);
        assert_eq!(ledger.finish(JobId(1)), Ok(1));
        assert_eq!(ledger.finish(JobId(1)), Err(Unwanted::Repeated));
        ledger.cancel(JobId(2));
        assert_eq!(ledger.finish(JobId(2)), Err(Unwanted::Late));
        assert_eq!(ledger.finish(JobId(3)), Err(Unwanted::Unknown));
    }

    #[test]
    fn an_overdue_job_goes_to_another_worker_once_and_the_first_return_is_taken() {
        let (mut ledger, start) = (ledger(1), Instant::now());
        let (deadline, later) = (Duration::from_secs(5), start + Duration::from_secs(5));
        given(&mut ledger, 1, start);
        assert!(ledger.overdue(start, deadline).is_empty());
        assert_eq!(ledger.overdue(later, deadline), [JobId(1)]);
        assert!(ledger.overdue(later, deadline).is_empty());
        assert_eq!(given(&mut ledger, 2, later), Some(1));
        // The slow one is lost now: the other is still at it.
        assert!(ledger.lose(session(1)).is_empty());
        assert_eq!(ledger.finish(JobId(1)), Ok(1));
    }

    #[test]
    fn an_overdue_job_whose_second_holder_is_lost_waits_again() {
        let (mut ledger, start) = (ledger(1), Instant::now());
        given(&mut ledger, 1, start);
        let later = start + Duration::from_secs(5);
        ledger.overdue(later, Duration::from_secs(5));
        given(&mut ledger, 2, later);
        assert_eq!(ledger.lose(session(2)), [JobId(1)]);
    }

    #[test]
    fn a_job_that_its_holder_never_got_is_given_out_again() {
        let (mut ledger, now) = (ledger(1), Instant::now());
        given(&mut ledger, 1, now);
        assert!(ledger.beat(session(1), &[]).is_empty());
        assert!(ledger.beat(session(1), &[JobId(1)]).is_empty());
        assert!(ledger.beat(session(1), &[]).is_empty());
        assert_eq!(ledger.beat(session(1), &[]), [JobId(1)]);
        assert_eq!(given(&mut ledger, 2, now), Some(1));
    }

    #[test]
    fn a_cancelled_job_is_given_to_nobody() {
        let (mut ledger, now) = (ledger(2), Instant::now());
        ledger.cancel(JobId(1));
        assert_eq!(given(&mut ledger, 1, now), Some(2));
        assert_eq!(given(&mut ledger, 1, now), None);
        assert_eq!(ledger.load(), (0, 1));
    }
}
