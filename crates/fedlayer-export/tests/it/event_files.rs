//! An event file, taken apart by hand: frames, then the tags and numbers of known bytes.

use fedlayer_export::{EventFile, metrics};

use crate::memory::{MemoryFile, measured, round};

/// A grey that says the share of the limit.
fn grey(value: f64, limit: f64) -> [u8; 3] {
    [(255.0 * value.abs() / limit) as u8; 3]
}

fn written(rounds: u32) -> Vec<u8> {
    let file = MemoryFile::default();
    let parameters = [("seed".to_owned(), "1".to_owned()), ("a".to_owned(), "b".to_owned())];
    let mut events = EventFile::begin(file.clone(), 1000.0, "rounds = 2", &parameters).unwrap();
    (1..=rounds).for_each(|number| events.add(&measured(round(number))).unwrap());
    events.finish(grey).unwrap();
    file.bytes()
}

/// Splits a file into its messages, by their lengths.
fn messages(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        found.push(&bytes[12..12 + length]);
        bytes = &bytes[12 + length + 4..];
    }
    found
}

/// Returns whether a message has these bytes in it.
fn has(message: &[u8], bytes: &[u8]) -> bool {
    message.windows(bytes.len()).any(|window| window == bytes)
}

#[test]
fn a_file_has_its_version_the_scenario_the_rounds_and_the_picture() {
    let bytes = written(2);
    let messages = messages(&bytes);
    assert_eq!(messages.len(), 5);
    assert!(messages[0].ends_with(b"brain.Event:2"));
    assert!(
        has(messages[1], b"    rounds = 2\n") && has(messages[1], b"_hparams_/session_start_info")
    );
    assert!(has(messages[4], b"\x89PNG") && has(messages[4], b"_hparams_/session_end_info"));
    // Field 1, a double: the beginning and the seconds of the rounds so far; field 2: the round.
    for (index, (time, step)) in [(1000.0_f64, 0), (1001.0, 1), (1002.0, 2)].iter().enumerate() {
        let message = messages[index + 1];
        assert_eq!(message[..9], [&[0x09][..], &time.to_le_bytes()].concat());
        assert!(*step == 0 || message[9..11] == [0x10, *step]);
    }
    // Field 1, a tag, then field 2, a float.
    let scalar = [&b"\x0a\x14rounds/test_accuracy\x15"[..], &0.5_f32.to_le_bytes()].concat();
    assert!(has(messages[2], &scalar));
    assert!(!has(messages[2], b"rounds/test_loss"), "it was NaN");
    assert!(has(messages[2], b"layers/fc1/movement_norm"));
    assert!(!has(messages[2], b"layers/out/movement_norm"));
}

#[test]
fn the_same_rounds_give_the_same_bytes() {
    assert_eq!(written(3), written(3));
}

#[test]
fn every_number_of_a_round_has_a_name() {
    let found = metrics(&measured(round(2)));
    let value = |name: &str| found.iter().find(|number| number.name == name).map(|n| n.value);
    assert_eq!(value("rounds/train_loss"), Some(2.1));
    assert_eq!(value("timings/train"), Some(0.5));
    assert_eq!(value("layers/fc1/barrier"), Some(-0.25));
    assert_eq!(value("layers/out/bytes_down"), Some(0.0));
    assert_eq!((value("rounds/test_loss"), value("rounds/round")), (None, None));
}
