//! Fuzzes the reader of texts: characters, speakers and articles, and the windows of each.
#![no_main]

use fedlayer_data::{
    DecodeError,
    decode::{
        FileReader,
        text::{Words, characters, speakers, utf8},
    },
};
use libfuzzer_sys::fuzz_target;

/// The number of tokens of an example.
const CONTEXT: usize = 3;

fuzz_target!(|bytes: &[u8]| {
    let _is_text = read(bytes);
});

fn read(bytes: &[u8]) -> Result<(), DecodeError> {
    let text = utf8(&mut FileReader::new("text", bytes)?, None)?;
    let all = [characters(&text), speakers(&text), Words::of(&text).articles(&text)];
    assert_eq!(all[0].len(), text.chars().count());
    assert_eq!(all[1].len(), all[0].len());
    for tokens in all {
        let windows = tokens.windows(CONTEXT);
        assert_eq!(windows.values.len(), windows.groups.len() * CONTEXT);
        assert_eq!(windows.labels.len(), windows.values.len());
        assert!(windows.labels.iter().all(|&label| (label as usize) < tokens.vocabulary));
        assert!(windows.groups.is_sorted());
    }
    Ok(())
}
