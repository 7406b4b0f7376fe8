//! [`EventFile`]: an event file of TensorBoard, written round by round.

use std::io::Write;

use prost::Message;

use super::{
    framing::write_record,
    heat_map::{Colour, HeatPixels},
    messages::{BoardEvent, EventContent, EventSummary, SummaryValue},
    summaries,
};
use crate::{ExportError, ExportedRound, metrics};

/// The version of the format, in the first event.
const VERSION: &str = "brain.Event:2";

/// An event file of TensorBoard. A step is a round; its time is that of the run's beginning plus
/// the seconds of the rounds so far, as far as they are known.
pub struct EventFile<W> {
    out: W,
    /// Seconds since 1970 (UTC).
    time: f64,
    round: u32,
    heat: HeatPixels,
}

impl<W: Write> EventFile<W> {
    /// Begins a file: its version, the scenario as text, and the hyperparameters by name. `started`
    /// are the seconds since 1970 (UTC).
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn begin(
        out: W,
        started: f64,
        scenario: &str,
        parameters: &[(String, String)],
    ) -> Result<Self, ExportError> {
        let mut file = Self { out, time: started, round: 0, heat: HeatPixels::default() };
        file.write(EventContent::FileVersion(VERSION.to_owned()))?;
        file.values(vec![
            summaries::session_start(parameters, started),
            summaries::text("scenario", &indented(scenario)),
        ])?;
        Ok(file)
    }

    /// Adds a round: every number of its tables, and per layer a histogram of the norms ‖Δ_l‖₂
    /// over the bases.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add(&mut self, round: &ExportedRound) -> Result<(), ExportError> {
        self.round = round.record.round;
        let seconds = round.times.map_or(0.0, |times| times.total());
        self.time += if seconds.is_finite() { seconds.max(0.0) } else { 0.0 };
        let numbers = metrics(round).into_iter();
        let mut values: Vec<SummaryValue> =
            numbers.map(|number| summaries::scalar(number.name, number.value)).collect();
        for layer in round.record.bytes.iter().map(|bytes| &bytes.layer) {
            let tag = format!("layers/{layer}/movement_norm");
            values.extend(summaries::histogram(tag, &round.norms(layer)));
        }
        if !round.barriers.is_empty() {
            let layers = round.record.bytes.iter();
            self.heat.add(layers.map(|bytes| round.layer_barrier(&bytes.layer)).collect());
        }
        self.values(values)
    }

    /// Ends the file with the heat map of the barriers by layer (from the input, downwards) and
    /// measured round (to the right). `colour` gives the colour of a value, and of the magnitude at
    /// which the colours end.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self, colour: Colour) -> Result<(), ExportError> {
        let mut last = vec![summaries::session_end(self.time)];
        if let Some(picture) = self.heat.draw(colour)? {
            last.push(summaries::image("layers/barriers", picture.size, picture.png));
        }
        self.values(last)?;
        Ok(self.out.flush()?)
    }

    fn values(&mut self, value: Vec<SummaryValue>) -> Result<(), ExportError> {
        self.write(EventContent::Values(EventSummary { value }))
    }

    fn write(&mut self, content: EventContent) -> Result<(), ExportError> {
        let event =
            BoardEvent { wall_time: self.time, step: self.round.into(), content: Some(content) };
        Ok(write_record(&mut self.out, &event.encode_to_vec())?)
    }
}

/// Makes a text a block of code in Markdown.
fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}
