//! Messages and values in bytes: whatever comes is a message or an error, and values come together as they were cut.

use proptest::prelude::*;

use super::{
    super::{
        codec::Wire,
        limits,
        message::{
            JobId, Piece, Pulled, ReplyHead, ReplyPart, RunId, SessionId, Source, WorkerNote,
        },
        message_kinds,
        pieces::{Assembly, pieces},
        translate::{Naming, digest},
    },
    update,
};

proptest! {
    #[test]
    fn any_bytes_are_a_message_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        message_kinds(&bytes);
    }

    #[test]
    fn a_changed_or_cut_message_is_a_message_or_an_error(at in 0_usize..80, to in any::<u8>(), cut in 0_usize..80) {
        let mut message = Vec::new();
        let head = ReplyHead {
            run: RunId([1; 16]),
            session: SessionId([2; 16]),
            job: JobId(300),
            outcome: update(3, 2),
        };
        ReplyPart::Head(Box::new(head)).put(&mut message).unwrap();
        let at = at % message.len();
        message[at] = to;
        message_kinds(&message);
        message.truncate(cut);
        message_kinds(&message);
    }

    #[test]
    fn values_cut_into_pieces_come_together_again(lengths in proptest::collection::vec(0_usize..70_000, 0..6), extra in 0_usize..2) {
        let all: Vec<Vec<f32>> = lengths.iter().map(|&n| (0..n).map(|i| i as f32).collect()).collect();
        let sources = all.iter().map(|values| Source::Values(values.as_slice().into())).collect();
        let mut assembly = Assembly::new(lengths.clone());
        let mut names = vec![Naming::default(); lengths.len()];
        for piece in pieces(sources) {
            let mut bytes = Vec::new();
            piece.put(&mut bytes).unwrap();
            prop_assert!(bytes.len() <= limits::PIECE_BYTES);
            let piece = Piece::take(bytes.into()).unwrap();
            assembly.take(&piece, |part, values| names[part].add(values)).unwrap();
        }
        let over = Piece::Theirs(vec![0; 4 * extra].into());
        prop_assert_eq!(assembly.take(&over, |_, _| {}).is_ok(), extra == 0);
        for (name, values) in names.iter().zip(&all) {
            prop_assert_eq!(name.name(), digest(values));
        }
        prop_assert_eq!(assembly.finish().unwrap(), all);
    }
}

#[test]
fn a_claim_of_a_long_list_is_not_believed() {
    // A list of 2^60 strings, of which none follows.
    let mut bytes = vec![1, 253];
    bytes.extend((1_u64 << 60).to_le_bytes());
    assert!(Pulled::take(bytes.clone().into()).is_err());
    bytes[0] = 2;
    assert!(WorkerNote::take(bytes.into()).is_err());
}
