//! The words of pictures: units, bases, sets.

use fedlayer_core::{
    Metric,
    spec::{Baseline, SplitSpec},
};

/// What a loss is, with its unit.
pub(crate) fn unit(metric: Metric) -> &'static str {
    match metric {
        Metric::Loss => "loss",
        Metric::Error => "error (%)",
        Metric::Norm => "‖Δ‖₂",
        Metric::Cosine => "cosine",
        Metric::Parameters => "parameters",
    }
}

/// What a difference of losses is, with its unit.
pub(crate) fn difference(metric: Metric) -> &'static str {
    match metric {
        Metric::Error => "% points",
        other => unit(other),
    }
}

/// Of which data: `test loss`; the metric alone where no data is needed.
pub(crate) fn measured(split: Option<SplitSpec>, metric: Metric) -> String {
    let what = if metric == Metric::Error { "error" } else { unit(metric) };
    split.map_or_else(|| what.to_owned(), |split| format!("{split} {what}"))
}

/// A base as a panel's title names it.
pub(crate) fn base(base: &str) -> String {
    match (base, base.split_once("<-")) {
        ("mean", _) => "mean over the models".to_owned(),
        ("max", _) => "largest over the models".to_owned(),
        (_, Some((into, from))) => format!("into model {into} from {from}"),
        _ if base.chars().all(|digit| digit.is_ascii_digit()) => format!("model {base}"),
        _ => format!("{base} model"),
    }
}

/// The model that a base is: the first of a pair.
pub(crate) fn own(base: &str) -> &str {
    base.split_once("<-").map_or(base, |(into, _)| into)
}

/// What barriers were compared with.
pub(crate) fn baseline(baseline: Baseline) -> &'static str {
    match baseline {
        Baseline::Mean => "`mean`: the mean loss of the unmixed models",
        Baseline::Linear => "`linear`: the line between the losses of the unmixed models",
        Baseline::Max => "`max`: the largest loss of the unmixed models",
        Baseline::Base => "`base`: the loss of the base",
        Baseline::Chord => "`chord`: the line between the base and the swap of the same layers",
    }
}

/// Which round a picture is of; nothing for models that come from files or values.
pub(crate) fn after(round: u32) -> String {
    if round == 0 { String::new() } else { format!("after round {round}") }
}

/// A warning for panels that are marked `!`.
pub(crate) const UNEQUAL: &str = "! The losses of the unmixed models differ by more than the full barrier: against their mean, a mix can look good and still be \
    much worse than the better model. See the other baselines in the table of values.";

/// What hatching says.
pub(crate) const UNCERTAIN: &str = "within 2 standard errors of 0";

/// What a cross says.
pub(crate) const LOST: &str = "not finite";

/// What error bars say.
pub(crate) const ERRORS: &str = "Error bars: 2 standard errors of the mean over the examples.";
