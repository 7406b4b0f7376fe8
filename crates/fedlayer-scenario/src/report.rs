//! [`Diagnostics`]: everything that is wrong with a scenario, in the form of rustc's messages.

use std::{error::Error, fmt, ops::Range};

use annotate_snippets::{
    Annotation, AnnotationKind, Group, Level, Renderer, Snippet, normalize_untrusted_str,
};

use crate::limits::MOST_PROBLEMS;

/// The most problems that are written out.
const MOST: usize = 50;

/// What stands before a setting.
const SET: &str = "--set ";

/// Everything that is wrong with a scenario, in the order of its text, then the files that cannot be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostics {
    sources: Vec<Source>,
    problems: Vec<Placed>,
}

/// Whether a report has colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Color {
    /// Plain text.
    #[default]
    Plain,
    /// With the ANSI sequences of terminals.
    Ansi,
}

/// A text that problems point into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// A file.
    File {
        /// What messages call it.
        name: String,
        /// Its text.
        text: String,
    },
    /// A `--set`.
    Setting(String),
}

/// A problem whose places in the sources are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placed {
    /// Where it is.
    pub(crate) spot: Spot,
    /// What is wrong.
    pub(crate) title: String,
    /// Another place that has to do with it.
    pub(crate) also: Option<Spot>,
    /// What is allowed and what to do.
    pub(crate) help: Vec<String>,
    /// Whether the scenario is right and a file that it names cannot be had.
    pub(crate) is_absence: bool,
}

/// A place in a source, and what stands beside the caret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spot {
    /// The index of the source.
    pub(crate) source: usize,
    /// The bytes.
    pub(crate) span: Range<usize>,
    /// What stands beside the caret.
    pub(crate) label: Option<String>,
}

impl Diagnostics {
    /// Brings the problems into the order of the text; files that cannot be had come after everything else.
    pub(crate) fn new(sources: Vec<Source>, mut problems: Vec<Placed>) -> Self {
        problems.sort_by_key(|problem| {
            (problem.is_absence, problem.spot.source, problem.spot.span.start)
        });
        problems.dedup();
        Self { sources, problems }
    }

    /// The number of problems.
    pub fn len(&self) -> usize {
        self.problems.len()
    }

    /// Whether there is no problem; a report that [`read`](crate::read) gives has one at least.
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// Whether the scenario may be right: every problem is a file that cannot be had, such as a data set that is nowhere.
    pub fn is_absence(&self) -> bool {
        !self.is_empty() && self.problems.iter().all(|problem| problem.is_absence)
    }

    /// The report as text: per problem what is wrong, where, what was found, what is allowed and what to do.
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
        parts.join("\n\n") + "\n"
    }

    fn group<'r>(&'r self, problem: &'r Placed) -> Group<'r> {
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
            Source::File { name, text } => {
                group.element(Snippet::source(text).path(name).annotations(annotations))
            }
            Source::Setting(text) => {
                let text = format!("{SET}{text}");
                group.element(Snippet::source(text).line_numbering(false).annotations(annotations))
            }
        }
    }

    fn annotation<'r>(&'r self, kind: AnnotationKind, spot: &'r Spot) -> Annotation<'r> {
        let (text, before) = match &self.sources[spot.source] {
            Source::File { text, .. } => (text, 0),
            Source::Setting(text) => (text, SET.len()),
        };
        let span = on_one_line(text, &spot.span);
        kind.span(before + span.start..before + span.end).label(spot.label.as_deref())
    }
}

/// The part of a span that is on its first line, with its ends between characters.
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

/// The report in plain text.
impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Color::Plain))
    }
}

impl Error for Diagnostics {}
