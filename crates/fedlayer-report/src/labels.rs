//! Words of pictures and summaries: units, splits, bases, baselines.

use fedlayer_core::{
    record::Metric,
    spec::{Baseline, SplitSpec},
};

/// Returns a metric's name with its unit.
pub(crate) fn unit(metric: Metric) -> &'static str {
    match metric {
        Metric::Loss => "loss",
        Metric::Error => "error (%)",
        Metric::Norm => "‖Δ‖₂",
        Metric::Cosine => "cosine",
        Metric::Parameters => "parameters",
    }
}

/// Returns the unit of a difference between two values of a metric.
pub(crate) fn difference(metric: Metric) -> &'static str {
    match metric {
        Metric::Error => "% points",
        other => unit(other),
    }
}

/// Returns split and metric, such as `test loss`; the metric alone if it needs no data.
pub(crate) fn measured(split: Option<SplitSpec>, metric: Metric) -> String {
    let what = if metric == Metric::Error { "error" } else { unit(metric) };
    split.map_or_else(|| what.to_owned(), |split| format!("{split} {what}"))
}

/// Returns a base as titles of panels name it.
pub(crate) fn base(base: &str) -> String {
    match (base, base.split_once("<-")) {
        ("mean", _) => "mean over the models".to_owned(),
        ("max", _) => "largest over the models".to_owned(),
        (_, Some((into, from))) => format!("into model {into} from {from}"),
        _ if base.chars().all(|digit| digit.is_ascii_digit()) => format!("model {base}"),
        _ => format!("{base} model"),
    }
}

/// Returns the model of a base: in `0<-1`, model 0.
pub(crate) fn base_model(base: &str) -> &str {
    base.split_once("<-").map_or(base, |(into, _)| into)
}

/// Returns a baseline and what it is.
pub(crate) fn baseline(baseline: Baseline) -> &'static str {
    match baseline {
        Baseline::Mean => "`mean`: the mean loss of the unmixed models",
        Baseline::Linear => "`linear`: the line between the losses of the unmixed models",
        Baseline::Max => "`max`: the largest loss of the unmixed models",
        Baseline::Base => "`base`: the loss of the base",
        Baseline::Chord => "`chord`: the line between the base and the swap of the same layers",
    }
}

/// Returns the round after which the models were taken; empty for models from files or values.
pub(crate) fn after(round: u32) -> String {
    if round == 0 { String::new() } else { format!("after round {round}") }
}

/// Returns a sentence on the round after which the models were taken, with a space before it; empty
/// for models from files or values.
pub(crate) fn models_after(round: u32) -> String {
    match after(round) {
        after if after.is_empty() => String::new(),
        after => format!(" Models {after}."),
    }
}

/// The warning below panels that are marked `!`.
pub(crate) const UNEQUAL: &str = "! The losses of the unmixed models differ by more than the full \
    barrier: against their mean, a mix can look good and still be much worse than the better model. \
    See the other baselines in the table of values.";

/// The meaning of hatching.
pub(crate) const UNCERTAIN: &str = "within 2 standard errors of 0";

/// The meaning of a cross.
pub(crate) const NOT_FINITE: &str = "not finite";

/// The meaning of error bars.
pub(crate) const ERRORS: &str = "Error bars: 2 standard errors of the mean over the examples.";
