//! The bytes of messages, compared with files that the fuzzer also starts from.
//!
//! Where one of them changes, programs of different builds no longer understand each other: give
//! [`PROTOCOL_VERSION`](super::super::limits::PROTOCOL_VERSION) another value, and write the files
//! anew from the bytes that the test prints.

use super::{
    super::{
        message_kinds,
        protocol::{
            codec::Wire,
            message::{
                CoordinatorNote, Digest, Fetch, JobHead, JobId, JobOutcome, MixHead, OptimizerHead,
                Piece, PointHead, ProbeHead, Pulled, Receipt, ReplyHead, ReplyPart, ReplyRejection,
                RunId, SessionId, SplitHead, TrainHead, ValueSource, Welcome, WorkHead, WorkerNote,
            },
        },
    },
    fixture::{hello, identity, update},
};

const RUN: RunId = RunId([1; 16]);
const SESSION: SessionId = SessionId([2; 16]);

fn bytes(message: impl Wire) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.write(&mut bytes).unwrap();
    bytes
}

fn job(work: WorkHead, blobs: u8) -> Vec<u8> {
    let blobs = (0..blobs).map(|blob| Digest([blob; 32])).collect();
    bytes(Pulled::Job(Box::new(JobHead { job: JobId(300), plan: 1, work, blobs })))
}

macro_rules! same_as_file {
    ($name:literal, $bytes:expr) => {
        let (found, file) =
            ($bytes, include_bytes!(concat!("../../../../../fuzz/corpus/messages/seed-", $name)));
        assert_eq!(found, file, "the bytes of `{}` are not those of its file", $name);
        assert!(message_kinds(file) > 0, "`{}` is no message", $name);
    };
}

#[test]
fn messages_have_the_bytes_of_this_version_of_the_protocol() {
    let optimizer = OptimizerHead { steps: 70_000, slots: vec![1, 2] };
    let train =
        TrainHead { client: 3, round: 2, params: 0, optimizer: Some(optimizer), seed: [7; 32] };
    let mix = MixHead { base: 0, other: 1, layers: vec![0, 2], weight: 0.5 };
    let probe = |point, split| ProbeHead { point, split };
    let probes = vec![
        probe(PointHead::Model(0), SplitHead::Test),
        probe(PointHead::Mix(mix.clone()), SplitHead::Train),
        probe(PointHead::Twin(mix, [7; 32]), SplitHead::ClientTest(3)),
    ];
    let welcome = Welcome {
        run: RUN,
        session: SESSION,
        grace: 15_000,
        name: "digits".into(),
        scenario: "seeds = [1]".into(),
    };
    let differentiate = WorkHead::Differentiate { probe: probes[0].clone(), along: vec![2, 1] };
    let reply = |outcome| {
        let head = ReplyHead { run: RUN, session: SESSION, job: JobId(300), outcome };
        bytes(ReplyPart::Head(Box::new(head)))
    };
    let values = Piece::Outgoing(ValueSource::Values(vec![0.5, -1.0].into()), 0..2);
    same_as_file!("hello", bytes(WorkerNote::Hello(hello())));
    same_as_file!("ready", bytes(WorkerNote::Ready(identity())));
    same_as_file!("beat", bytes(WorkerNote::Beat { held: vec![JobId(1), JobId(300)] }));
    same_as_file!("welcome", bytes(CoordinatorNote::Welcome(welcome)));
    same_as_file!("train", job(WorkHead::Train(vec![train]), 3));
    same_as_file!("evaluate", job(WorkHead::Evaluate(probes), 2));
    same_as_file!("differentiate", job(differentiate, 3));
    same_as_file!("fetch", bytes(Fetch { session: SESSION, job: JobId(300), blobs: vec![0, 2] }));
    same_as_file!("reply", reply(update(3, 2)));
    same_as_file!("derivatives", reply(JobOutcome::Differentiated { loss: 0.5, products: 2 }));
    same_as_file!("values", bytes(ReplyPart::Piece(values)));
    same_as_file!("receipt", bytes(Receipt::Refused(ReplyRejection::Late)));
}
