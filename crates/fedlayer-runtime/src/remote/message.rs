//! Every message of the protocol. What a field may be is checked where it is used: here is only what crosses the wire.

use std::{fmt, ops::Range, sync::Arc};

use bytes::{Buf, BufMut, Bytes};
use fedlayer_core::{OptimizerState, Params};
use serde::{Deserialize, Serialize};

use super::codec::{Malformed, Wire, decode, encode};

/// A coordinator's life. One that was started again has another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct RunId(pub(crate) [u8; 16]);

/// A worker's stay with a coordinator, from one connection to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct SessionId(pub(crate) [u8; 16]);

/// One task of a run: the clients of one stack in one attempt at one round, or some probes. No two tasks of a run have the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct JobId(pub(crate) u64);

/// A content's name: its blake3 hash.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Digest(pub [u8; 32]);

/// The first bytes only: enough to tell two apart.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..6].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self}…)")
    }
}

/// What a worker says in its session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum WorkerNote {
    /// First.
    Hello(Hello),
    /// It has read the scenario and its data.
    Ready(RunIdentity),
    /// It lives, and is at these jobs.
    Beat { held: Vec<JobId> },
    /// It goes. What it holds is handed back.
    Leave { why: String },
}

/// Who a worker is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Hello {
    /// The version of its program.
    pub(crate) version: String,
    /// What messages call it.
    pub(crate) name: String,
    /// How many jobs it works on at once.
    pub(crate) slots: u32,
    /// What it trains on: `cpu`, `cuda`.
    pub(crate) device: String,
    /// What its processor has that changes last bits: `x86_64 avx2`.
    pub(crate) processor: String,
}

/// What both sides must agree on, or results would differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunIdentity {
    /// Of the model's layers.
    pub layout: Digest,
    /// Of everything that the scenario says.
    pub plans: Digest,
    /// Of the examples, and of the files that the scenario names.
    pub data: Digest,
}

/// What a coordinator says in a worker's session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum CoordinatorNote {
    /// First.
    Welcome(Welcome),
    /// The worker may pull jobs.
    Accepted,
    /// It lives.
    Beat,
    /// Every plan is finished.
    Finished,
    /// It goes, and may come back.
    Stopped,
}

/// What a worker needs to know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Welcome {
    pub(crate) run: RunId,
    pub(crate) session: SessionId,
    /// How long either side may be silent, in milliseconds.
    pub(crate) grace: u64,
    /// What the scenario is called in messages.
    pub(crate) name: String,
    /// The scenario's text.
    pub(crate) scenario: String,
}

/// Asks for a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Pull {
    pub(crate) session: SessionId,
}

/// A job, or that there was none for a while.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Pulled {
    Job(Box<JobHead>),
    Nothing,
}

/// A job without its values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct JobHead {
    pub(crate) job: JobId,
    /// Which of the scenario's plans, in its order.
    pub(crate) plan: u32,
    pub(crate) work: WorkHead,
    /// The names of the values that the work speaks of by index; each is as long as the model.
    pub(crate) blobs: Vec<Digest>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum WorkHead {
    Initial { seed: [u8; 32] },
    Train(Vec<TrainHead>),
    Evaluate(Vec<ProbeHead>),
}

/// One client of a stack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct TrainHead {
    pub(crate) client: u32,
    pub(crate) round: u32,
    pub(crate) params: u32,
    pub(crate) optimizer: Option<OptimizerHead>,
    pub(crate) seed: [u8; 32],
}

/// An optimizer's memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct OptimizerHead {
    pub(crate) steps: u64,
    pub(crate) slots: Vec<u32>,
}

/// One evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ProbeHead {
    pub(crate) point: PointHead,
    pub(crate) split: SplitHead,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum PointHead {
    Model(u32),
    Mix(MixHead),
    Twin(MixHead, [u8; 32]),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct MixHead {
    pub(crate) base: u32,
    pub(crate) other: u32,
    pub(crate) layers: Vec<u32>,
    pub(crate) weight: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) enum SplitHead {
    Train,
    Test,
    ClientTest(u32),
}

/// Asks for values of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fetch {
    pub(crate) session: SessionId,
    pub(crate) job: JobId,
    /// Indices into the job's blobs, ascending.
    pub(crate) blobs: Vec<u32>,
}

/// What a job came to, without its values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ReplyHead {
    pub(crate) run: RunId,
    pub(crate) session: SessionId,
    pub(crate) job: JobId,
    pub(crate) outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Outcome {
    Initial,
    /// Per client: its update or why there is none.
    Trained(Vec<Result<UpdateHead, String>>),
    /// Per probe: whether there are shares of correct labels beside the losses.
    Evaluated(Vec<bool>),
    /// The worker could not do it.
    Refused(String),
    /// The worker's thread broke.
    Broken(String),
}

/// An update without its values: first the parameters, then the optimizer's slots.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct UpdateHead {
    pub(crate) client: u32,
    pub(crate) round: u32,
    pub(crate) examples: u64,
    pub(crate) steps: u64,
    pub(crate) loss: f64,
    /// The optimizer's steps and number of slots.
    pub(crate) optimizer: Option<(u64, u32)>,
}

/// What became of a reply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Receipt {
    Taken,
    /// It was not taken, and nothing changed.
    Refused(Unwanted),
}

/// Why a reply was not taken, though nothing is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub(crate) enum Unwanted {
    #[error("another run: the coordinator was started again since")]
    OtherRun,
    #[error("repeated: the job was returned before")]
    Repeated,
    #[error("late: nobody waits for the job any more")]
    Late,
    #[error("unknown: there was never such a job")]
    Unknown,
}

/// Values in a stream, at most [`PIECE_BYTES`](super::limits::PIECE_BYTES) of them.
#[derive(Debug, Clone)]
pub(crate) enum Piece {
    /// To be sent: a part of values that are held anyway.
    Ours(Source, Range<usize>),
    /// Received: little-endian.
    Theirs(Bytes),
}

/// Where values to be sent are.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    Params(Arc<Params>),
    Slot(Arc<OptimizerState>, usize),
    Values(Arc<[f32]>),
}

impl Source {
    pub(crate) fn values(&self) -> &[f32] {
        match self {
            Self::Params(params) => params.values(),
            Self::Slot(state, slot) => &state.slots[*slot],
            Self::Values(values) => values,
        }
    }
}

/// A part of a worker's reply.
#[derive(Debug, Clone)]
pub(crate) enum ReplyPart {
    /// First.
    Head(Box<ReplyHead>),
    /// All values of the reply, in its order.
    Piece(Piece),
}

/// What is written as bincode writes it.
macro_rules! structured {
    ($($message:ty),*) => {$(
        impl Wire for $message {
            fn put(self, into: &mut impl BufMut) -> Result<(), Malformed> {
                into.put_slice(&encode(&self)?);
                Ok(())
            }

            fn take(bytes: Bytes) -> Result<Self, Malformed> {
                decode(&bytes)
            }
        }
    )*};
}

structured!(WorkerNote, CoordinatorNote, Pull, Pulled, Fetch, Receipt);

impl Wire for Piece {
    fn put(self, into: &mut impl BufMut) -> Result<(), Malformed> {
        match self {
            Self::Ours(source, range) => {
                let values = &source.values()[range];
                if cfg!(target_endian = "little") {
                    into.put_slice(bytemuck::cast_slice(values));
                } else {
                    values.iter().for_each(|value| into.put_f32_le(*value));
                }
            }
            Self::Theirs(bytes) => into.put(bytes),
        }
        Ok(())
    }

    fn take(bytes: Bytes) -> Result<Self, Malformed> {
        if bytes.len().is_multiple_of(4) {
            Ok(Self::Theirs(bytes))
        } else {
            Err(Malformed(format!("a piece of {} bytes is no row of 4-byte values", bytes.len())))
        }
    }
}

const HEAD: u8 = 0;
const PIECE: u8 = 1;

impl Wire for ReplyPart {
    fn put(self, into: &mut impl BufMut) -> Result<(), Malformed> {
        match self {
            Self::Head(head) => {
                into.put_u8(HEAD);
                into.put_slice(&encode(&head)?);
                Ok(())
            }
            Self::Piece(piece) => {
                into.put_u8(PIECE);
                piece.put(into)
            }
        }
    }

    fn take(mut bytes: Bytes) -> Result<Self, Malformed> {
        match bytes.try_get_u8() {
            Ok(HEAD) => Ok(Self::Head(decode(&bytes)?)),
            Ok(PIECE) => Ok(Self::Piece(Piece::take(bytes)?)),
            Ok(other) => {
                Err(Malformed(format!("a part of kind {other}; {HEAD} and {PIECE} are known")))
            }
            Err(_) => Err(Malformed("a part without a byte".to_owned())),
        }
    }
}
