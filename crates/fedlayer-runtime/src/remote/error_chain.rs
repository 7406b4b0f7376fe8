//! [`error_chain`]: an error together with its causes, on one line.

use std::error::Error;

/// Joins an error's message with those of its causes. A cause that the message ends with already is
/// left out.
pub(crate) fn error_chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}
