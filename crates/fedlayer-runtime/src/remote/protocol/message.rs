//! The messages of the protocol, without checks: `validate_job` and `validate_reply` check them.

use std::{fmt, ops::Range, sync::Arc};

use bytes::{Buf, BufMut, Bytes};
use fedlayer_core::{model::Params, trainer::OptimizerState};
use serde::{Deserialize, Serialize};

use super::codec::{MalformedMessage, Wire, decode, encode};

/// One life of a coordinator process. A restarted coordinator has another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct RunId(pub(crate) [u8; 16]);

/// A session of a worker with a coordinator, from one `Attend` call to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct SessionId(pub(crate) [u8; 16]);

/// A job: one task of a run, for example the training of one stack of clients in one attempt at one
/// round. Numbers are unique within a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct JobId(pub(crate) u64);

/// The blake3 hash of some content.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Digest(pub [u8; 32]);

/// Shows the first six bytes, which are enough to tell two digests apart.
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

/// A note from a worker in its session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum WorkerNote {
    /// The first note.
    Hello(Hello),
    /// The worker has read the scenario and its data.
    Ready(RunIdentity),
    /// A heartbeat with the jobs that the worker holds.
    Beat { held: Vec<JobId> },
    /// The worker leaves and hands back the jobs that it holds.
    Leave { why: String },
}

/// A worker's description of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Hello {
    /// The version of its program.
    pub(crate) version: String,
    /// Its name in messages.
    pub(crate) name: String,
    /// The number of jobs that it works on at once.
    pub(crate) slots: u32,
    /// The device that it trains on: `cpu` or `cuda`.
    pub(crate) device: String,
    /// The features of its processor that change the last bits of results, for example `x86_64
    /// avx2`.
    pub(crate) processor: String,
}

/// The three hashes that both sides must agree on, because results depend on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunIdentity {
    /// The layout of the model's layers.
    pub layout: Digest,
    /// The plans of the scenario.
    pub plans: Digest,
    /// The examples, and the files that the scenario names.
    pub data: Digest,
}

/// A note from the coordinator in a worker's session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum CoordinatorNote {
    /// The first note.
    Welcome(Welcome),
    /// The worker may pull jobs.
    Accepted,
    /// A heartbeat.
    Beat,
    /// All plans are finished.
    Finished,
    /// The coordinator stops, and may be restarted.
    Stopped,
}

/// The session's facts and the scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Welcome {
    pub(crate) run: RunId,
    pub(crate) session: SessionId,
    /// How long either side may be silent, in milliseconds.
    pub(crate) grace: u64,
    /// The scenario's name in messages.
    pub(crate) name: String,
    /// The scenario's text.
    pub(crate) scenario: String,
}

/// Asks for a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Pull {
    pub(crate) session: SessionId,
}

/// The answer to [`Pull`]: a job, or none within [`PULL_TIMEOUT`](super::limits::PULL_TIMEOUT).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Pulled {
    Job(Box<JobHead>),
    Nothing,
}

/// A job without its values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct JobHead {
    pub(crate) job: JobId,
    /// The index of the plan in the scenario.
    pub(crate) plan: u32,
    pub(crate) work: WorkHead,
    /// The digests of the values that the work refers to by index. Each has the model's length.
    pub(crate) blobs: Vec<Digest>,
}

/// The work of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum WorkHead {
    Initial { seed: [u8; 32] },
    Train(Vec<TrainHead>),
    Evaluate(Vec<ProbeHead>),
}

/// The training of one client of a stack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct TrainHead {
    pub(crate) client: u32,
    pub(crate) round: u32,
    pub(crate) params: u32,
    pub(crate) optimizer: Option<OptimizerHead>,
    pub(crate) seed: [u8; 32],
}

/// The state of an optimizer.
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
    Validation,
    ClientValidation(u32),
}

/// Asks for values of a job that the worker does not hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fetch {
    pub(crate) session: SessionId,
    pub(crate) job: JobId,
    /// Indices into the job's blobs, ascending.
    pub(crate) blobs: Vec<u32>,
}

/// The result of a job, without its values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ReplyHead {
    pub(crate) run: RunId,
    pub(crate) session: SessionId,
    pub(crate) job: JobId,
    pub(crate) outcome: JobOutcome,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum JobOutcome {
    Initial,
    /// Per client: its update, or the reason that there is none.
    Trained(Vec<Result<UpdateHead, String>>),
    /// Per probe: `true` if shares of correct labels follow its losses.
    Evaluated(Vec<bool>),
    /// The worker could not do the job.
    Refused(String),
    /// The worker's thread panicked.
    Broken(String),
}

/// An update without its values, which are the parameters and then the optimizer's slots.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct UpdateHead {
    pub(crate) client: u32,
    pub(crate) round: u32,
    pub(crate) examples: u64,
    pub(crate) steps: u64,
    pub(crate) loss: f64,
    /// The optimizer's steps and its number of slots.
    pub(crate) optimizer: Option<(u64, u32)>,
}

/// The answer to a reply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Receipt {
    Taken,
    /// The reply was not taken, and nothing changed.
    Refused(ReplyRejection),
}

/// Why a well-formed reply was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub(crate) enum ReplyRejection {
    #[error("another run: the coordinator was restarted")]
    OtherRun,
    #[error("repeated: a reply to the job was taken before")]
    Repeated,
    #[error("late: nobody waits for the job any more")]
    Late,
    #[error("unknown: there is no such job")]
    Unknown,
}

/// A piece of values in a stream, at most [`PIECE_BYTES`](super::limits::PIECE_BYTES) long.
#[derive(Debug, Clone)]
pub(crate) enum Piece {
    /// To be sent: a range of values that the sender holds.
    Outgoing(ValueSource, Range<usize>),
    /// Received: little-endian `f32` bytes.
    Incoming(Bytes),
}

/// The holder of values to be sent.
#[derive(Debug, Clone)]
pub(crate) enum ValueSource {
    Params(Arc<Params>),
    Slot(Arc<OptimizerState>, usize),
    Values(Arc<[f32]>),
}

impl ValueSource {
    /// Returns the values.
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
    /// The first part.
    Head(Box<ReplyHead>),
    /// The values of the reply, piece by piece, in the head's order.
    Piece(Piece),
}

/// Implements [`Wire`] for messages that are written in bincode's form.
macro_rules! bincode_form {
    ($($message:ty),*) => {$(
        impl Wire for $message {
            fn write(self, into: &mut impl BufMut) -> Result<(), MalformedMessage> {
                into.put_slice(&encode(&self)?);
                Ok(())
            }

            fn read(bytes: Bytes) -> Result<Self, MalformedMessage> {
                decode(&bytes)
            }
        }
    )*};
}

bincode_form!(WorkerNote, CoordinatorNote, Pull, Pulled, Fetch, Receipt);

impl Wire for Piece {
    fn write(self, into: &mut impl BufMut) -> Result<(), MalformedMessage> {
        match self {
            Self::Outgoing(source, range) => {
                let values = &source.values()[range];
                if cfg!(target_endian = "little") {
                    into.put_slice(bytemuck::cast_slice(values));
                } else {
                    values.iter().for_each(|value| into.put_f32_le(*value));
                }
            }
            Self::Incoming(bytes) => into.put(bytes),
        }
        Ok(())
    }

    fn read(bytes: Bytes) -> Result<Self, MalformedMessage> {
        if bytes.len().is_multiple_of(4) {
            Ok(Self::Incoming(bytes))
        } else {
            Err(MalformedMessage(format!(
                "found a piece of {} bytes; values have 4 bytes each",
                bytes.len()
            )))
        }
    }
}

const HEAD: u8 = 0;
const PIECE: u8 = 1;

impl Wire for ReplyPart {
    fn write(self, into: &mut impl BufMut) -> Result<(), MalformedMessage> {
        match self {
            Self::Head(head) => {
                into.put_u8(HEAD);
                into.put_slice(&encode(&head)?);
                Ok(())
            }
            Self::Piece(piece) => {
                into.put_u8(PIECE);
                piece.write(into)
            }
        }
    }

    fn read(mut bytes: Bytes) -> Result<Self, MalformedMessage> {
        match bytes.try_get_u8() {
            Ok(HEAD) => Ok(Self::Head(decode(&bytes)?)),
            Ok(PIECE) => Ok(Self::Piece(Piece::read(bytes)?)),
            Ok(other) => Err(MalformedMessage(format!(
                "found a part of kind {other}; {HEAD} and {PIECE} are allowed"
            ))),
            Err(_) => Err(MalformedMessage("found an empty part".to_owned())),
        }
    }
}
