//! [`changed`]: random changes of valid bytes.

use fedlayer_core::Generator;
use rand::{Rng, RngExt};

/// Byte sequences that readers of texts and headers often get wrong.
const PIECES: [&[u8]; 16] = [
    b"-1",
    b"0",
    b"1e999",
    b"18446744073709551616",
    b"null",
    b"\"\"",
    b"{}",
    b"[[[[[[[[[[[[[[[[",
    b"\n",
    b"\r\n",
    b"\xff\xfe",
    b"\x00",
    b"../",
    b":",
    b"\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"\x00\x00\x00\x80\x00\x00\x00\x00",
];

/// Returns the bytes with one to four changes.
pub(super) fn changed(good: &[u8], random: &mut Generator) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for _ in 0..random.random_range(1..5) {
        change(&mut bytes, random);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, random: &mut Generator) {
    let at = position(bytes.len(), random);
    let to = (at + random.random_range(0..64)).min(bytes.len());
    match random.random_range(0..8) {
        0 if at < bytes.len() => bytes[at] ^= 1 << random.random_range(0..8),
        1 if at < bytes.len() => bytes[at] = random.next_u32() as u8,
        2 => bytes.truncate(at),
        3 => drop(bytes.drain(at..to)),
        4 => {
            let repeated = bytes[at..to].to_vec();
            bytes.splice(at..at, repeated);
        }
        5 => bytes[at..to].fill(0),
        6 => drop(bytes.splice(at..at, piece(random))),
        _ => {
            let piece = piece(random);
            let end = (at + piece.len()).min(bytes.len());
            bytes.splice(at..end, piece);
        }
    }
}

/// Draws a position in `length` bytes. Headers are short, so half of the positions are in the first
/// 200.
fn position(length: usize, random: &mut Generator) -> usize {
    let length = if random.random_bool(0.5) { length.min(200) } else { length };
    random.random_range(0..=length)
}

fn piece(random: &mut Generator) -> Vec<u8> {
    PIECES[random.random_range(0..PIECES.len())].to_vec()
}
