//! [`parse`]: reads the command line, and shows its errors.

use std::ffi::OsString;

use clap::{Parser, error::ErrorKind};
use fedlayer_core::text::printable;

use super::Cli;
use crate::screen::{self, Colours, clean, without_long_lines};

/// The exit code of a wrong command line.
const WRONG: i32 = 2;

/// Reads the command line. On an error it prints the message and returns the exit code.
pub(crate) fn parse() -> Result<Cli, i32> {
    if let Some(broken) = broken(std::env::args_os().skip(1)) {
        let text = format!(
            "error: the argument `{}` has a line break in it\nhint: rename the file or the folder",
            printable(&broken)
        );
        screen::raw_error(&clean(&text, Colours::Escaped));
        return Err(WRONG);
    }
    Cli::try_parse().map_err(|error| {
        if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
            error.exit();
        }
        let (words, colours) = match screen::stderr_is_coloured() {
            true => (error.render().ansi().to_string(), Colours::Kept),
            false => (error.render().to_string(), Colours::Escaped),
        };
        screen::raw_error(&clean(&without_long_lines(&words), colours));
        error.exit_code()
    })
}

/// Returns the first argument with a line break. Settings may have several lines, as TOML may.
fn broken(arguments: impl Iterator<Item = OsString>) -> Option<String> {
    let mut before = String::new();
    for argument in arguments {
        let argument = argument.to_string_lossy().into_owned();
        let is_setting = before == "--set" || argument.starts_with("--set=");
        if !is_setting && argument.chars().any(breaks) {
            return Some(argument);
        }
        before = argument;
    }
    None
}

fn breaks(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_settings_go_over_several_lines() {
        let first = |arguments: &[&str]| broken(arguments.iter().map(OsString::from));
        assert_eq!(first(&["run", "a.toml", "--set", "seeds=[\n1,\n]"]), None);
        assert_eq!(first(&["run", "a.toml", "--set=seeds=[\n1]"]), None);
        assert_eq!(first(&["run", "a\nb.toml"]), Some("a\nb.toml".to_owned()));
        assert_eq!(first(&["run", "--out", "a\rb"]), Some("a\rb".to_owned()));
    }
}
