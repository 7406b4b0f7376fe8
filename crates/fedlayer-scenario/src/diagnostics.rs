//! [`Diagnostics`]: all problems of a scenario, written in the form of rustc's messages.

use std::{error::Error, fmt, ops::Range};

use annotate_snippets::{
    Annotation, AnnotationKind, Group, Level, Renderer, Snippet, normalize_untrusted_str,
};

use crate::limits::MOST_PROBLEMS;

/// The largest number of problems that are written out.
const MOST: usize = 50;

/// The text before a setting.
const SET: &str = "--set ";

/// All problems of a scenario in the order of its text; problems of missing files come last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostics {
    sources: Vec<DiagnosticSource>,
    problems: Vec<LocatedProblem>,
}

/// The use of colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Color {
    /// Plain text, without colour.
    #[default]
    Plain,
    /// Colour by the ANSI sequences of terminals.
    Ansi,
}

/// A text that problems point to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DiagnosticSource {
    /// A file.
    File {
        /// Its name in messages.
        name: String,
        /// Its text.
        text: String,
    },
    /// The text of a `--set`.
    Setting(String),
}

/// A problem with its positions in the sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LocatedProblem {
    /// Its position.
    pub(crate) spot: SourceSpan,
    /// The fault in one line.
    pub(crate) title: String,
    /// Another position that is involved.
    pub(crate) also: Option<SourceSpan>,
    /// Lines on what is allowed and what to do.
    pub(crate) help: Vec<String>,
    /// True if a file is missing or cannot be opened; the scenario itself may be right.
    pub(crate) is_absence: bool,
}

/// A part of a source with the text beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SourceSpan {
    /// The index of the source.
    pub(crate) source: usize,
    /// The bytes.
    pub(crate) span: Range<usize>,
    /// The text beside the caret.
    pub(crate) label: Option<String>,
}

impl Diagnostics {
    /// Sorts the problems in the order of the text; those of missing files come last.
    pub(crate) fn new(sources: Vec<DiagnosticSource>, mut problems: Vec<LocatedProblem>) -> Self {
        problems.sort_by_key(|problem| {
            (problem.is_absence, problem.spot.source, problem.spot.span.start)
        });
        problems.dedup();
        Self { sources, problems }
    }

    /// Returns the number of problems.
    pub fn len(&self) -> usize {
        self.problems.len()
    }

    /// Returns whether there is no problem. Diagnostics from [`read`](crate::read) have at least
    /// one.
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// Returns whether the scenario itself may be right: every problem is a missing file, such as a
    /// data set that is in no data folder.
    pub fn is_absence(&self) -> bool {
        !self.is_empty() && self.problems.iter().all(|problem| problem.is_absence)
    }

    /// Writes the problems as text: what is wrong, where, what was found, what is allowed and what
    /// to do.
    pub fn render(&self, color: Color) -> String {
        let renderer = match color {
            Color::Plain => Renderer::plain(),
            Color::Ansi => Renderer::styled(),
        };
        let shown = self.problems.iter().take(MOST);
        let mut parts: Vec<String> =
            shown.map(|problem| renderer.render(&[self.group(problem)])).collect();
        let more = self.problems.len().saturating_sub(MOST);
        match self.problems.len() {
            0..=MOST => {}
            MOST_PROBLEMS.. => parts.push(format!("… and at least {more} more problems")),
            _ => parts.push(format!("… and {more} more problems")),
        }
        without_c1_controls(parts.join("\n\n") + "\n")
    }

    fn group<'r>(&'r self, problem: &'r LocatedProblem) -> Group<'r> {
        let mut group = Group::with_title(Level::ERROR.primary_title(&problem.title));
        let spot = &problem.spot;
        let beside = problem.also.as_ref().filter(|also| also.source == spot.source);
        let elsewhere = problem.also.as_ref().filter(|also| also.source != spot.source);
        let annotations = std::iter::once(self.annotation(AnnotationKind::Primary, spot))
            .chain(beside.map(|also| self.annotation(AnnotationKind::Context, also)));
        group = self.snippet(group, spot.source, annotations.collect());
        if let Some(also) = elsewhere {
            let annotation = self.annotation(AnnotationKind::Context, also);
            group = self.snippet(group, also.source, vec![annotation]);
        }
        let help =
            problem.help.iter().map(|line| Level::HELP.message(normalize_untrusted_str(line)));
        group.elements(help)
    }

    fn snippet<'r>(
        &'r self,
        group: Group<'r>,
        source: usize,
        annotations: Vec<Annotation<'r>>,
    ) -> Group<'r> {
        match &self.sources[source] {
            DiagnosticSource::File { name, text } => {
                group.element(Snippet::source(text).path(name).annotations(annotations))
            }
            DiagnosticSource::Setting(text) => {
                let text = format!("{SET}{text}");
                group.element(Snippet::source(text).line_numbering(false).annotations(annotations))
            }
        }
    }

    fn annotation<'r>(&'r self, kind: AnnotationKind, spot: &'r SourceSpan) -> Annotation<'r> {
        let (text, before) = match &self.sources[spot.source] {
            DiagnosticSource::File { text, .. } => (text, 0),
            DiagnosticSource::Setting(text) => (text, SET.len()),
        };
        let span = on_one_line(text, &spot.span);
        kind.span(before + span.start..before + span.end).label(spot.label.as_deref())
    }
}

/// Replaces Unicode's C1 control characters, which the renderer shows as they are; some terminals
/// take U+009B for the beginning of an escape sequence. TOML allows them in comments and strings.
fn without_c1_controls(rendered: String) -> String {
    let is_c1 = |c: char| matches!(c, '\u{80}'..='\u{9f}');
    match rendered.contains(is_c1) {
        true => rendered.replace(is_c1, "\u{fffd}"),
        false => rendered,
    }
}

/// Returns the part of a span that is on its first line, with its ends between characters.
fn on_one_line(text: &str, span: &Range<usize>) -> Range<usize> {
    let floor = |mut byte: usize| {
        byte = byte.min(text.len());
        while !text.is_char_boundary(byte) {
            byte -= 1;
        }
        byte
    };
    let start = floor(span.start);
    let end = floor(span.end).max(start);
    let line = text[start..end].find(['\n', '\r']).map_or(end, |length| start + length);
    start..line
}

/// Writes the problems as plain text.
impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Color::Plain))
    }
}

impl Error for Diagnostics {}
