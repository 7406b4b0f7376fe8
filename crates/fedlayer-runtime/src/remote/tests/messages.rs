//! Any bytes are a message or an error, and values survive being cut into pieces.

use proptest::{collection::vec, prelude::*};

use super::{
    super::{
        message_kinds,
        protocol::{
            codec::Wire,
            digest::{ValueHasher, digest},
            limits,
            message::{
                JobId, Piece, Pulled, ReplyHead, ReplyPart, RunId, SessionId, ValueSource,
                WorkerNote,
            },
            pieces::{Assembly, pieces},
        },
    },
    fixture::update,
};

proptest! {
    #[test]
    fn any_bytes_are_a_message_or_an_error(bytes in vec(any::<u8>(), 0..300)) {
        message_kinds(&bytes);
    }

    #[test]
    fn a_changed_or_cut_message_is_a_message_or_an_error(
        at in 0_usize..80,
        to in any::<u8>(),
        cut in 0_usize..80,
    ) {
        let mut message = Vec::new();
        let head = ReplyHead {
            run: RunId([1; 16]),
            session: SessionId([2; 16]),
            job: JobId(300),
            outcome: update(3, 2),
        };
        ReplyPart::Head(Box::new(head)).write(&mut message).unwrap();
        let at = at % message.len();
        message[at] = to;
        message_kinds(&message);
        message.truncate(cut);
        message_kinds(&message);
    }

    #[test]
    fn values_survive_being_cut_into_pieces(
        lengths in vec(0_usize..70_000, 0..6),
        extra in 0_usize..2,
    ) {
        let count_up = |&length: &usize| (0..length).map(|i| i as f32).collect();
        let all: Vec<Vec<f32>> = lengths.iter().map(count_up).collect();
        let sources = all.iter().map(|values| ValueSource::Values(values.as_slice().into())).collect();
        let mut assembly = Assembly::new(lengths.clone());
        let mut hashers = vec![ValueHasher::default(); lengths.len()];
        for piece in pieces(sources) {
            let mut bytes = Vec::new();
            piece.write(&mut bytes).unwrap();
            prop_assert!(bytes.len() <= limits::PIECE_BYTES);
            let piece = Piece::read(bytes.into()).unwrap();
            assembly.append(&piece, |part, values| hashers[part].update(values)).unwrap();
        }
        let over = Piece::Incoming(vec![0; 4 * extra].into());
        prop_assert_eq!(assembly.append(&over, |_, _| {}).is_ok(), extra == 0);
        for (hasher, values) in hashers.iter().zip(&all) {
            prop_assert_eq!(hasher.digest(), digest(values));
        }
        prop_assert_eq!(assembly.finish().unwrap(), all);
    }
}

#[test]
fn derivatives_keep_every_bit_and_no_piece_ends_within_one() {
    let bits = [0, 1, f64::to_bits(-0.1), 0x7FF0_0000_0000_0001, 0xFFF8_0000_DEAD_BEEF];
    let long = (0..200_000_u64).map(|i| f64::from_bits(i.wrapping_mul(0x9E37_79B9_7F4A_7C15)));
    let all = [bits.map(f64::from_bits).to_vec(), vec![], long.collect()];
    let sources = all.iter().map(|values| ValueSource::Derivative(values.as_slice().into()));
    let mut assembly = Assembly::<f64>::new(all.iter().map(Vec::len).collect());
    for piece in pieces(sources.collect()) {
        let mut bytes = Vec::new();
        piece.write(&mut bytes).unwrap();
        assert!(bytes.len() <= limits::PIECE_BYTES);
        assembly.append(&Piece::read(bytes.into()).unwrap(), |_, _| {}).unwrap();
    }
    let half = Piece::Incoming(vec![0; 12].into());
    let error = assembly.append(&half, |_, _| {}).unwrap_err().0;
    assert_eq!(error, "found a piece of 12 bytes; values have 8 bytes each");
    let found = assembly.finish().unwrap();
    let to_bits = |parts: &[Vec<f64>]| -> Vec<Vec<u64>> {
        parts.iter().map(|part| part.iter().map(|value| value.to_bits()).collect()).collect()
    };
    assert_eq!(to_bits(&found), to_bits(&all));
}

#[test]
fn the_claimed_length_of_a_list_is_not_trusted() {
    // A list that claims 2^60 strings and contains none.
    let mut bytes = vec![1, 253];
    bytes.extend((1_u64 << 60).to_le_bytes());
    assert!(Pulled::read(bytes.clone().into()).is_err());
    bytes[0] = 2;
    assert!(WorkerNote::read(bytes.into()).is_err());
}
