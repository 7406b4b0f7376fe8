//! Texts: their files, their tokens, and the windows that are their examples.

use std::sync::Arc;

use fedlayer_core::data::{ExampleValues, Examples};

use super::{SetParts, open_known, open_own, reader};
use crate::{
    DataError,
    catalogue::{KnownFile, SHAKESPEARE_FILES, WIKITEXT_FILES},
    decode::text::{Tokens, Words, characters, speakers, utf8, with_plain_line_ends},
    file_source::FileSource,
    set_part::SetPart,
};

/// Reads WikiText-2 with the vocabulary of its training part and an owner for each article. The
/// validation part is not used.
pub(super) fn wikitext_2(source: &dyn FileSource, context: usize) -> Result<SetParts, DataError> {
    let [train, test] = &WIKITEXT_FILES;
    let set = "wikitext-2";
    let text = utf8_of(source, set, train)?;
    let words = Words::of(&text);
    let part = |text: &str, least| examples(&words.articles(text), context, least, set);
    let (train, text) = (part(&text, 1)?, utf8_of(source, set, test)?);
    let test = Some(SetPart::new(part(&text, 1)?));
    Ok(SetParts { train: SetPart::new(train), test, largest: None, lost: Arc::default() })
}

/// Reads tiny Shakespeare, with an owner for each speaker.
pub(super) fn tiny_shakespeare(
    source: &dyn FileSource,
    context: usize,
) -> Result<Examples, DataError> {
    let set = "tiny-shakespeare";
    let text = utf8_of(source, set, &SHAKESPEARE_FILES[0])?;
    examples(&speakers(&text), context, 2, set)
}

/// Reads the user's own text as characters.
pub(super) fn own(
    source: &dyn FileSource,
    file: &str,
    context: usize,
) -> Result<Examples, DataError> {
    let text = utf8(&mut reader(source, open_own(source, file)?)?, None);
    let text = text.map_err(|error| DataError::from(error).of_own_file())?;
    let text = with_plain_line_ends(text);
    let examples = examples(&characters(&text), context, 2, file)?;
    Ok(Examples { groups: None, ..examples })
}

fn utf8_of(
    source: &dyn FileSource,
    set: &'static str,
    file: &KnownFile,
) -> Result<String, DataError> {
    Ok(utf8(&mut reader(source, open_known(source, set, file.name)?)?, Some(file.bytes))?)
}

/// Cuts a text into windows; an error when there are fewer than `least`.
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
        values: ExampleValues::Floats(windows.values),
        labels: windows.labels,
        targets: context,
        groups: Some(windows.groups),
        class_names: None,
    })
}
