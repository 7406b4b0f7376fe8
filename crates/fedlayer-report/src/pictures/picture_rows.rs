//! [`page_per_round_and_metric`]: the rows of an analysis, divided among its pictures.

use fedlayer_core::record::Metric;

use super::SuffixedPage;
use crate::{analysis_rows::AnalysisRows, labels, plot::page::Page};

/// The rows of one picture.
pub(crate) struct PictureRows<'a> {
    /// The part of the file name that distinguishes the pictures of an analysis; empty if there is
    /// only one.
    pub(crate) suffix: String,
    pub(crate) round: u32,
    pub(crate) metric: Metric,
    pub(crate) rows: AnalysisRows<'a>,
}

/// Draws a page for every round and metric (loss or error) of an analysis.
pub(crate) fn page_per_round_and_metric(
    rows: &AnalysisRows<'_>,
    page: impl Fn(&PictureRows<'_>) -> Option<Page>,
) -> Vec<SuffixedPage> {
    let pictures = by_round_and_metric(rows).into_iter();
    pictures.filter_map(|picture| Some((picture.suffix.clone(), page(&picture)?))).collect()
}

/// Divides rows by round and metric; of the metrics, only loss and error have pictures.
pub(crate) fn by_round_and_metric<'a>(rows: &AnalysisRows<'a>) -> Vec<PictureRows<'a>> {
    let (rounds, metrics) = (rows.rounds(), rows.losses());
    let mut pictures = Vec::new();
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
            pictures.push(PictureRows { suffix: parts.join("-"), round, metric, rows });
        }
    }
    pictures
}

impl PictureRows<'_> {
    /// Returns a subtitle: the given sentence, and the round after which the models were taken.
    pub(crate) fn about(&self, sentence: &str) -> String {
        format!("{sentence}.{}", labels::models_after(self.round))
    }

    /// Returns the suffix with a word before it.
    pub(crate) fn suffix_with(&self, word: &str) -> String {
        if self.suffix.is_empty() { word.to_owned() } else { format!("{word}-{}", self.suffix) }
    }
}
