//! Texts: their files, their tokens, the windows that are their examples.

use std::sync::Arc;

use fedlayer_core::{Examples, Values};

use super::{Part, Parts, open_known, open_own, source};
use crate::{
    DataError,
    catalogue::{KnownFile, SHAKESPEARE_FILES, WIKITEXT_FILES},
    decode::text::{Tokens, Words, characters, speakers, utf8, with_plain_line_ends},
    shelf::Shelf,
};

/// WikiText-2 in the words of its training part, an owner for each article. The part for validation is not used.
pub(super) fn wikitext_2(shelf: &dyn Shelf, context: usize) -> Result<Parts, DataError> {
    let [train, test] = &WIKITEXT_FILES;
    let set = "wikitext-2";
    let text = utf8_of(shelf, set, train)?;
    let words = Words::of(&text);
    let part = |text: &str, least| examples(&words.articles(text), context, least, set);
    let (train, text) = (part(&text, 1)?, utf8_of(shelf, set, test)?);
    let test = Some(Part::new(part(&text, 1)?));
    Ok(Parts { train: Part::new(train), test, largest: None, lost: Arc::default() })
}

/// Tiny Shakespeare, an owner for each speaker.
pub(super) fn tiny_shakespeare(shelf: &dyn Shelf, context: usize) -> Result<Examples, DataError> {
    let set = "tiny-shakespeare";
    let text = utf8_of(shelf, set, &SHAKESPEARE_FILES[0])?;
    examples(&speakers(&text), context, 2, set)
}

/// A text of one's own, in characters.
pub(super) fn own(shelf: &dyn Shelf, file: &str, context: usize) -> Result<Examples, DataError> {
    let text = utf8(&mut source(shelf, open_own(shelf, file)?)?, None);
    let text = text.map_err(|error| DataError::from(error).of_own_file())?;
    let text = with_plain_line_ends(text);
    let examples = examples(&characters(&text), context, 2, file)?;
    Ok(Examples { groups: None, ..examples })
}

fn utf8_of(shelf: &dyn Shelf, set: &'static str, file: &KnownFile) -> Result<String, DataError> {
    Ok(utf8(&mut source(shelf, open_known(shelf, set, file.name)?)?, Some(file.bytes))?)
}

/// The windows of a text, of which there must be at `least` so many.
fn examples(
    tokens: &Tokens,
    context: usize,
    least: usize,
    set: &str,
) -> Result<Examples, DataError> {
    let windows = tokens.windows(context);
    if windows.groups.len() < least {
        let (set, windows) = (set.to_owned(), windows.groups.len());
        return Err(DataError::ShortText { set, tokens: tokens.len(), context, windows, least });
    }
    Ok(Examples {
        shape: vec![context],
        classes: tokens.vocabulary,
        values: Values::Floats(windows.values),
        labels: windows.labels,
        targets: context,
        groups: Some(windows.groups),
        class_names: None,
    })
}
