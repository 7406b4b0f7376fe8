//! Texts: their files, their tokens, the windows that are their examples.

use std::sync::Arc;

use fedlayer_core::{Examples, Values};

use super::{Parts, open_known, open_own, source};
use crate::{
    DataError,
    decode::text::{Tokens, Words, characters, speakers, utf8},
    shelf::Shelf,
};

/// WikiText-2 in the words of its training part. The part for validation is left aside.
pub(super) fn wikitext_2(shelf: &dyn Shelf, context: usize) -> Result<Parts, DataError> {
    let text = |file| utf8_of(shelf, "wikitext-2", file);
    let train = text("train.txt")?;
    let words = Words::of(&train);
    let part = |text: &str| examples(&words.articles(text), context, "wikitext-2").map(Arc::new);
    Ok(Parts { train: part(&train)?, test: Some(part(&text("test.txt")?)?) })
}

/// Tiny Shakespeare, an owner for each speaker.
pub(super) fn tiny_shakespeare(shelf: &dyn Shelf, context: usize) -> Result<Examples, DataError> {
    let text = utf8_of(shelf, "tiny-shakespeare", "input.txt")?;
    examples(&speakers(&text), context, "tiny-shakespeare")
}

/// A text of one's own, in characters.
pub(super) fn own(shelf: &dyn Shelf, file: &str, context: usize) -> Result<Examples, DataError> {
    let text = utf8(&mut source(open_own(shelf, file)?)?)?;
    let examples = examples(&characters(&text), context, file)?;
    Ok(Examples { groups: None, ..examples })
}

fn utf8_of(shelf: &dyn Shelf, set: &'static str, file: &str) -> Result<String, DataError> {
    Ok(utf8(&mut source(open_known(shelf, set, file)?)?)?)
}

fn examples(tokens: &Tokens, context: usize, set: &str) -> Result<Examples, DataError> {
    let windows = tokens.windows(context);
    if windows.groups.len() < 2 {
        let (tokens, context) = (tokens.len(), context as u32);
        return Err(DataError::ShortText { set: set.to_owned(), tokens, context });
    }
    Ok(Examples {
        shape: vec![context],
        classes: tokens.vocabulary,
        values: Values::Floats(windows.values),
        labels: windows.labels,
        targets: context,
        groups: Some(windows.groups),
    })
}
