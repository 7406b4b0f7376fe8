//! [`Ledger`]: the open jobs of a run and the workers that hold them. It does no I/O and reads no
//! clock.
//!
//! The first reply to a job is taken. A job is queued again when its holder is lost, hands it back,
//! forgets it, or exceeds the deadline. Its result does not depend on the worker, so a job never
//! fails because a worker does.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use super::super::protocol::message::{JobId, ReplyRejection, SessionId};

/// The open jobs of a run, each with a payload `T`.
#[derive(Debug)]
pub(super) struct Ledger<T> {
    /// The number of the last job.
    last: u64,
    queue: VecDeque<JobId>,
    open: BTreeMap<JobId, LedgerEntry<T>>,
    /// The number of slots of each session.
    sessions: BTreeMap<SessionId, u32>,
    /// The last finished jobs: a second reply to one of them is `Repeated`, not `Late`.
    finished: VecDeque<JobId>,
}

#[derive(Debug)]
struct LedgerEntry<T> {
    payload: T,
    is_queued: bool,
    leases: Vec<Lease>,
}

/// A job that a worker holds.
#[derive(Debug)]
struct Lease {
    session: SessionId,
    since: Instant,
    /// The number of consecutive heartbeats of its holder that do not name it.
    unmentioned: u8,
    /// True once the deadline has passed and the job was queued again. Its holder may still reply.
    is_overdue: bool,
}

/// The number of consecutive heartbeats without a job after which its holder counts as never having
/// received it. A single heartbeat may have been sent before the job arrived.
const UNMENTIONED: u8 = 2;

/// The number of finished jobs that are remembered.
const REMEMBERED: usize = 4096;

impl<T> Default for Ledger<T> {
    fn default() -> Self {
        Self {
            last: 0,
            queue: VecDeque::new(),
            open: BTreeMap::new(),
            sessions: BTreeMap::new(),
            finished: VecDeque::new(),
        }
    }
}

impl<T> Ledger<T> {
    /// Returns the id of the next job.
    pub(super) fn next_job(&mut self) -> JobId {
        self.last += 1;
        JobId(self.last)
    }

    /// Opens a job at the end of the queue.
    pub(super) fn open(&mut self, job: JobId, payload: T) {
        self.open.insert(job, LedgerEntry { payload, is_queued: true, leases: Vec::new() });
        self.queue.push_back(job);
    }

    /// Closes a job without a result, because nobody waits for it any more.
    pub(super) fn cancel(&mut self, job: JobId) {
        if self.open.remove(&job).is_some_and(|open| open.is_queued) {
            self.queue.retain(|queued| *queued != job);
        }
    }

    /// Adds a session of a worker with `slots` slots.
    pub(super) fn join(&mut self, session: SessionId, slots: u32) {
        self.sessions.insert(session, slots);
    }

    /// Returns whether a session is open.
    pub(super) fn knows(&self, session: SessionId) -> bool {
        self.sessions.contains_key(&session)
    }

    /// Returns the number of workers and the number of their slots.
    pub(super) fn present(&self) -> (usize, usize) {
        (self.sessions.len(), self.sessions.values().map(|&slots| slots as usize).sum())
    }

    /// Returns the number of queued jobs and the number of jobs that workers hold.
    pub(super) fn load(&self) -> (usize, usize) {
        (self.queue.len(), self.open.values().filter(|open| !open.leases.is_empty()).count())
    }

    /// Gives the first job of the queue to a worker.
    pub(super) fn give(&mut self, session: SessionId, now: Instant) -> Option<(JobId, &T)> {
        let job = self.queue.pop_front()?;
        let open = self.open.get_mut(&job)?;
        open.is_queued = false;
        open.leases.push(Lease { session, since: now, unmentioned: 0, is_overdue: false });
        Some((job, &open.payload))
    }

    /// Returns the payload of a job that the worker holds.
    pub(super) fn held(&self, session: SessionId, job: JobId) -> Option<&T> {
        let open = self.open.get(&job)?;
        open.leases.iter().any(|lease| lease.session == session).then_some(&open.payload)
    }

    /// Returns the payload of a job that waits for a reply, from any worker that was ever given it.
    ///
    /// # Errors
    /// When a reply to the job would not be taken.
    pub(super) fn wanted(&self, job: JobId) -> Result<&T, ReplyRejection> {
        self.open.get(&job).map(|open| &open.payload).ok_or({
            if job.0 == 0 || job.0 > self.last {
                ReplyRejection::Unknown
            } else if self.finished.contains(&job) {
                ReplyRejection::Repeated
            } else {
                ReplyRejection::Late
            }
        })
    }

    /// Closes a job with its first reply and returns its payload.
    ///
    /// # Errors
    /// When the reply is not the first one, or nobody waits for it.
    pub(super) fn finish(&mut self, job: JobId) -> Result<T, ReplyRejection> {
        self.wanted(job)?;
        let Some(open) = self.open.remove(&job) else { return Err(ReplyRejection::Late) };
        if open.is_queued {
            self.queue.retain(|queued| *queued != job);
        }
        if self.finished.len() == REMEMBERED {
            self.finished.pop_front();
        }
        self.finished.push_back(job);
        Ok(open.payload)
    }

    /// Removes a worker that is lost or leaves. Returns the jobs that are queued again.
    pub(super) fn remove(&mut self, session: SessionId) -> Vec<JobId> {
        self.sessions.remove(&session);
        self.end_leases(|_, lease| lease.session == session)
    }

    /// Takes one job back from a worker. Returns the jobs that are queued again.
    pub(super) fn hand_back(&mut self, session: SessionId, job: JobId) -> Vec<JobId> {
        self.end_leases(|id, lease| id == job && lease.session == session)
    }

    /// Records a heartbeat with the jobs that the worker holds. Jobs that it never received are
    /// queued again and returned.
    pub(super) fn beat(&mut self, session: SessionId, held: &[JobId]) -> Vec<JobId> {
        for (job, open) in &mut self.open {
            for lease in open.leases.iter_mut().filter(|lease| lease.session == session) {
                let mentioned = held.contains(job);
                lease.unmentioned = if mentioned { 0 } else { lease.unmentioned + 1 };
            }
        }
        self.end_leases(|_, lease| lease.session == session && lease.unmentioned >= UNMENTIONED)
    }

    /// Queues jobs again that take longer than `deadline`, and returns them. The first reply is
    /// taken, whichever worker sends it.
    pub(super) fn overdue(&mut self, now: Instant, deadline: Duration) -> Vec<JobId> {
        let mut again = Vec::new();
        for (&job, open) in &mut self.open {
            for lease in &mut open.leases {
                lease.is_overdue |= now.duration_since(lease.since) >= deadline;
            }
            if !open.is_queued && open.leases.iter().all(|lease| lease.is_overdue) {
                open.is_queued = true;
                again.push(job);
            }
        }
        again.iter().rev().for_each(|&job| self.queue.push_front(job));
        again
    }

    /// Ends leases. Jobs without a holder go to the front of the queue, in their own order, and are
    /// returned.
    fn end_leases(&mut self, ends: impl Fn(JobId, &Lease) -> bool) -> Vec<JobId> {
        let mut again = Vec::new();
        for (&job, open) in &mut self.open {
            let before = open.leases.len();
            open.leases.retain(|lease| !ends(job, lease));
            let nobody = open.leases.iter().all(|lease| lease.is_overdue);
            if open.leases.len() < before && nobody && !open.is_queued {
                open.is_queued = true;
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
            let job = ledger.next_job();
            ledger.open(job, job.0);
        }
        ledger
    }

    fn given(ledger: &mut Ledger<u64>, worker: u8, now: Instant) -> Option<u64> {
        ledger.give(session(worker), now).map(|(job, _)| job.0)
    }

    #[test]
    fn jobs_of_a_lost_worker_are_given_out_first_and_in_order() {
        let (mut ledger, now) = (ledger(4), Instant::now());
        assert_eq!([1, 2, 1].map(|worker| given(&mut ledger, worker, now)), [1, 2, 3].map(Some));
        assert_eq!(ledger.remove(session(1)), [JobId(1), JobId(3)]);
        assert_eq!(
            [2, 2, 2, 2].map(|worker| given(&mut ledger, worker, now)),
            [Some(1), Some(3), Some(4), None]
        );
    }

    #[test]
    fn only_the_first_reply_is_taken_and_others_are_repeated_late_or_unknown() {
        let (mut ledger, now) = (ledger(2), Instant::now());
        given(&mut ledger, 1, now);
        given(&mut ledger, 1, now);
        assert_eq!(ledger.finish(JobId(1)), Ok(1));
        assert_eq!(ledger.finish(JobId(1)), Err(ReplyRejection::Repeated));
        ledger.cancel(JobId(2));
        assert_eq!(ledger.finish(JobId(2)), Err(ReplyRejection::Late));
        assert_eq!(ledger.finish(JobId(3)), Err(ReplyRejection::Unknown));
    }

    #[test]
    fn an_overdue_job_goes_to_one_other_worker_and_the_first_reply_is_taken() {
        let (mut ledger, start) = (ledger(1), Instant::now());
        let (deadline, later) = (Duration::from_secs(5), start + Duration::from_secs(5));
        given(&mut ledger, 1, start);
        assert!(ledger.overdue(start, deadline).is_empty());
        assert_eq!(ledger.overdue(later, deadline), [JobId(1)]);
        assert!(ledger.overdue(later, deadline).is_empty());
        assert_eq!(given(&mut ledger, 2, later), Some(1));
        // The slow worker is lost; the other one still holds the job.
        assert!(ledger.remove(session(1)).is_empty());
        assert_eq!(ledger.finish(JobId(1)), Ok(1));
    }

    #[test]
    fn an_overdue_job_is_queued_again_when_its_second_holder_is_lost() {
        let (mut ledger, start) = (ledger(1), Instant::now());
        given(&mut ledger, 1, start);
        let later = start + Duration::from_secs(5);
        ledger.overdue(later, Duration::from_secs(5));
        given(&mut ledger, 2, later);
        assert_eq!(ledger.remove(session(2)), [JobId(1)]);
    }

    #[test]
    fn a_job_that_its_holder_never_received_is_given_out_again() {
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
