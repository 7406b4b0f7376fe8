//! [`scenes`]: one picture a round and metric.

use fedlayer_core::Metric;

use crate::{rows::Rows, wording};

/// The rows of one picture.
pub(crate) struct Scene<'a> {
    /// What tells its file from those of the other scenes; empty where there is one alone.
    pub(crate) suffix: String,
    pub(crate) round: u32,
    pub(crate) metric: Metric,
    pub(crate) rows: Rows<'a>,
}

/// One scene a round and, of loss and error, a metric.
pub(crate) fn scenes<'a>(rows: &Rows<'a>) -> Vec<Scene<'a>> {
    let (rounds, metrics) = (rows.rounds(), rows.losses());
    let mut scenes = Vec::new();
    for &round in &rounds {
        for &metric in &metrics {
            let mut parts = Vec::new();
            if rounds.len() > 1 {
                parts.push(format!("round-{round}"));
            }
            if metrics.len() > 1 {
                parts.push(if metric == Metric::Loss { "loss" } else { "error" }.to_owned());
            }
            let rows = rows.round(round).metric(metric);
            scenes.push(Scene { suffix: parts.join("-"), round, metric, rows });
        }
    }
    scenes
}

impl Scene<'_> {
    /// A sentence on the models: which round, and how it was measured.
    pub(crate) fn about(&self, what: &str) -> String {
        match wording::after(self.round) {
            after if after.is_empty() => format!("{what}."),
            after => format!("{what}. Models {after}."),
        }
    }

    /// Its suffix with a word before it.
    pub(crate) fn suffix_with(&self, word: &str) -> String {
        if self.suffix.is_empty() { word.to_owned() } else { format!("{word}-{}", self.suffix) }
    }
}
