//! [`geometry_rows`]: the records of a round that need no data: norms, cosines, numbers of
//! parameters.

use crate::{
    barrier::BarrierStudy,
    record::{BarrierKind, BarrierRow, Metric},
};

/// Makes one row per value: norms and cosines of every layer and of the whole model, per base and
/// as mean and maximum over the bases; then the number of parameters of every target set.
pub(super) fn geometry_rows(study: &BarrierStudy) -> Vec<BarrierRow> {
    let geometry = &study.geometry;
    let mut rows = Vec::new();
    for (index, set) in geometry.sets.iter().enumerate() {
        let norms = geometry.norms.iter().map(|norms| Some(norms[index])).collect();
        let cosines = geometry.cosines.iter().map(|cosines| cosines[index]).collect();
        rows.extend(over_directions(study, Metric::Norm, set, norms));
        rows.extend(over_directions(study, Metric::Cosine, set, cosines));
    }
    let mut seen = Vec::new();
    for target in &study.targets {
        if !seen.contains(&&target.set) {
            seen.push(&target.set);
            let parameters = Some(target.set.parameters() as f64);
            let set = target.set.to_string();
            rows.push(row(study, Metric::Parameters, &set, "mean", parameters));
        }
    }
    rows
}

/// Makes the rows of one value per direction, then those of their weighted mean and of their
/// maximum.
fn over_directions(
    study: &BarrierStudy,
    metric: Metric,
    set: &str,
    values: Vec<Option<f64>>,
) -> Vec<BarrierRow> {
    let directions = study.directions.iter().zip(&values);
    let mut rows: Vec<BarrierRow> = directions
        .map(|(direction, &value)| row(study, metric, set, &direction.label, value))
        .collect();
    let shares = study.directions.iter().map(|direction| direction.share);
    let present = values.iter().zip(shares).filter_map(|(value, share)| Some(((*value)?, share)));
    let (sum, total) = present
        .fold((0.0, 0.0), |(sum, total), (value, share)| (sum + share * value, total + share));
    rows.push(row(study, metric, set, "mean", Some(sum / total)));
    rows.push(row(study, metric, set, "max", values.into_iter().flatten().reduce(f64::max)));
    rows
}

fn row(
    study: &BarrierStudy,
    metric: Metric,
    set: &str,
    base: &str,
    value: Option<f64>,
) -> BarrierRow {
    BarrierRow {
        round: study.round,
        split: None,
        metric,
        kind: BarrierKind::Geometry,
        set: set.to_owned(),
        base: base.to_owned(),
        alpha: None,
        baseline: None,
        value: value.filter(|value| value.is_finite()),
        std_error: None,
    }
}
