//! Made-up rows of analyses: smooth shapes and draws of a small generator give realistic pictures.
#![allow(dead_code, reason = "the tests and the gallery each use a part")]

use fedlayer_core::{
    model::LayerName,
    record::{AnalysisRow, Metric},
    spec::{Baseline, SplitSpec},
};

const SPLITS: [SplitSpec; 2] = [SplitSpec::Train, SplitSpec::Test];
const BASES: [&str; 2] = ["0<-1", "1<-0"];

/// Three layers with short names.
pub(crate) fn small() -> Vec<LayerName> {
    ["fc1", "fc2", "out"].map(LayerName::new).to_vec()
}

/// The 21 layers of a ResNet-18 without normalisation.
pub(crate) fn large() -> Vec<LayerName> {
    let mut names = vec!["conv1".to_owned()];
    for stage in 1..=4 {
        for block in 0..2 {
            for conv in 1..=2 {
                names.push(format!("layer{stage}.{block}.conv{conv}"));
            }
            if stage > 1 && block == 0 {
                names.push(format!("layer{stage}.0.shortcut.0"));
            }
        }
    }
    names.push("linear".to_owned());
    names.into_iter().map(LayerName::new).collect()
}

/// Returns a pseudo-random number in [0, 1) for an index (SplitMix64).
fn draw(number: u64) -> f64 {
    let mut z = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Returns the weight of a layer, which is largest in the middle of the network.
pub(crate) fn weight(layer: usize, layers: usize) -> f64 {
    let place = (layer as f64 + 0.5) / layers as f64;
    (-((place - 0.45) / 0.22).powi(2)).exp()
}

fn joined(layers: &[LayerName]) -> String {
    let names: Vec<&str> = layers.iter().map(LayerName::as_str).collect();
    names.join("+")
}

/// Returns the metrics loss and error, with the factor from a loss to the metric.
fn metrics() -> [(Metric, f64); 2] {
    [(Metric::Loss, 1.0), (Metric::Error, 31.0)]
}

pub(crate) fn row(kind: &str, set: &str, base: &str) -> AnalysisRow {
    AnalysisRow {
        kind: kind.to_owned(),
        set: set.to_owned(),
        base: base.to_owned(),
        ..AnalysisRow::default()
    }
}

/// The losses of the unmixed models.
fn ends(round: u32, splits: &[SplitSpec], losses: [f64; 2]) -> Vec<AnalysisRow> {
    let mut rows = Vec::new();
    for &split in splits {
        for (metric, unit) in metrics() {
            for (base, loss) in ["0", "1"].into_iter().zip(losses) {
                rows.push(AnalysisRow {
                    round,
                    split: Some(split),
                    metric: Some(metric),
                    value: Some(loss * unit),
                    std_error: Some(0.01 * unit),
                    ..row("end", "none", base)
                });
            }
        }
    }
    rows
}

/// A barrier under every split, metric and base, under two baselines.
fn barrier(kind: &str, set: &str, round: u32, value: f64, salt: u64) -> Vec<AnalysisRow> {
    let mut rows = Vec::new();
    for (s, split) in SPLITS.into_iter().enumerate() {
        for (metric, unit) in metrics() {
            for (b, base) in BASES.into_iter().enumerate() {
                let noise = 0.03 * (draw(salt * 31 + (s * 2 + b) as u64) - 0.5);
                let same = if kind == "full" { 0.0 } else { noise };
                for (baseline, shift) in [(Baseline::Mean, 0.0), (Baseline::Max, -0.01)] {
                    rows.push(AnalysisRow {
                        round,
                        split: Some(split),
                        metric: Some(metric),
                        alpha: Some(0.5),
                        baseline: Some(baseline),
                        value: Some((value + same + shift) * unit),
                        std_error: Some((0.004 + 0.01 * value.abs()) * unit),
                        ..row(kind, set, base)
                    });
                }
            }
        }
    }
    rows
}

/// Barriers of the full model and of each layer after some rounds.
pub(crate) fn barriers(layers: &[LayerName], rounds: &[u32]) -> Vec<AnalysisRow> {
    let mut rows = Vec::new();
    for &round in rounds {
        let far = 1.0 - (-f64::from(round) / 30.0).exp();
        rows.extend(ends(round, &SPLITS, [0.4, 0.43 + if round == 60 { 3.0 } else { 0.0 }]));
        rows.extend(barrier("full", "all", round, 2.1 * far, 1));
        for (index, layer) in layers.iter().enumerate() {
            let value = far * (0.14 * weight(index, layers.len()) - 0.01);
            rows.extend(barrier("layer", layer.as_str(), round, value, index as u64 + 7));
        }
    }
    rows
}

/// Barriers of sets that grow from the input and from the output.
pub(crate) fn cumulative(layers: &[LayerName]) -> Vec<AnalysisRow> {
    let mut rows = ends(20, &SPLITS, [0.4, 0.45]);
    let total: f64 = (0..layers.len()).map(|layer| weight(layer, layers.len())).sum();
    let name = |set: &[LayerName]| {
        if set.len() == layers.len() { "all".to_owned() } else { joined(set) }
    };
    for count in 1..=layers.len() {
        for (kind, from) in [("shallow", 0), ("deep", layers.len() - count)] {
            let inside = from..from + count;
            let part: f64 = inside.clone().map(|layer| weight(layer, layers.len())).sum();
            let over = if kind == "shallow" { 1.25 } else { 1.0 };
            let value = 1.35 * (part / total).powf(1.5) * over;
            let value = if count == layers.len() { 1.35 } else { value };
            rows.extend(barrier(kind, &name(&layers[inside]), 20, value, count as u64));
        }
    }
    rows.extend(barrier("full", "all", 20, 1.35, 1));
    rows
}

/// Barriers of neighbouring layers.
pub(crate) fn window(layers: &[LayerName], widths: &[usize]) -> Vec<AnalysisRow> {
    let mut rows = ends(20, &SPLITS, [0.4, 0.45]);
    for &width in widths {
        for (index, set) in layers.windows(width).enumerate() {
            let part: f64 = (index..index + width).map(|layer| weight(layer, layers.len())).sum();
            let name = if width == layers.len() { "all".to_owned() } else { joined(set) };
            rows.extend(barrier("window", &name, 20, 0.12 * part.powf(1.3), index as u64));
        }
    }
    rows.extend(barrier("full", "all", 20, 1.35, 1));
    rows
}

/// Random directions beside the direction to the other model.
pub(crate) fn robustness(layers: &[LayerName]) -> Vec<AnalysisRow> {
    let mut rows = ends(20, &SPLITS, [0.4, 0.46]);
    let names = layers.iter().map(LayerName::as_str).chain(["all"]);
    for (index, set) in names.enumerate() {
        let matters = if set == "all" { 1.4 } else { 0.5 * weight(index, layers.len()) };
        for (number, base) in ["0", "1"].into_iter().enumerate() {
            let salt = 10 * (index as u64 + 100 * number as u64);
            for alpha in [0.5, 1.0] {
                rows.extend(moved(&row("", set, base), matters, alpha, salt));
            }
        }
    }
    rows
}

/// The rows of one layer, base and α: the mix, five draws and their mean, and the differences of
/// mix and mean from the model itself.
fn moved(key: &AnalysisRow, matters: f64, alpha: f64, salt: u64) -> Vec<AnalysisRow> {
    let one = |number: u32| {
        0.43 + matters * alpha * alpha * (0.15 + 0.25 * draw(u64::from(number) + salt))
    };
    let mean = (0..5).map(one).sum::<f64>() / 5.0;
    let mut values = vec![
        ("mix", None, None, 0.41 + matters * alpha * alpha, 0.012),
        ("random", None, None, mean, 0.01 + 0.03 * matters * alpha),
    ];
    values.extend((0..5).map(|n| ("random", Some(n), None, one(n), 0.02)));
    let base = Some(Baseline::Base);
    values.push(("mix", None, base, 0.01 + matters * alpha * alpha, 0.003 + 0.01 * matters));
    values.push(("random", None, base, mean - 0.4, 0.01 + 0.03 * matters * alpha));
    let mut rows = Vec::new();
    for split in SPLITS {
        for (metric, unit) in metrics() {
            rows.extend(values.iter().map(|(kind, draw, baseline, value, error)| AnalysisRow {
                round: 20,
                kind: (*kind).to_owned(),
                split: Some(split),
                metric: Some(metric),
                alpha: Some(alpha),
                draw: *draw,
                baseline: *baseline,
                value: Some(value * unit),
                std_error: Some(error * unit),
                ..key.clone()
            }));
        }
    }
    rows
}

/// Noise in subspaces, in all layers and in each.
pub(crate) fn subspace(layers: &[LayerName], is_published: bool) -> Vec<AnalysisRow> {
    let mut rows: Vec<AnalysisRow> = ends(50, &SPLITS[1..], [0.62, 0.7]);
    rows.iter_mut().for_each(|row| row.kind = "clean".to_owned());
    let kinds = [("training", 1.0), ("null", 0.35), ("interpolation", 0.6), ("extrapolation", 0.2)];
    for (l, set) in layers.iter().map(LayerName::as_str).chain(["all"]).enumerate() {
        for (b, base) in ["0", "1"].into_iter().enumerate() {
            rows.push(AnalysisRow { round: 50, value: Some(99.0), ..row("rank", set, base) });
            for (k, (kind, steep)) in kinds.into_iter().enumerate() {
                let kind = if is_published { format!("published-{kind}") } else { kind.to_owned() };
                rows.extend(noise(&row(&kind, set, base), (l, b, k), steep));
            }
        }
    }
    rows
}

/// Sixty draws of one kind of noise in one layer of one model; `l`, `b` and `k` count these.
fn noise(key: &AnalysisRow, (l, b, k): (usize, usize, usize), steep: f64) -> Vec<AnalysisRow> {
    let most = if key.set == "all" { 10.0 } else { 5.0 };
    let mut rows = Vec::new();
    for number in 0..60_u32 {
        let salt = ((l * 2 + b) * 4 + k) as u64 * 1000 + u64::from(number);
        let sigma = 0.001 + most * draw(u64::from(number) + 77);
        let value =
            0.66 + steep * 0.05 * sigma * sigma * (0.5 + draw(salt)) / (1.0 + l as f64 / 3.0);
        let value = Some(value).filter(|_| number != 13 || k != 0);
        rows.extend(metrics().into_iter().map(|(metric, unit)| AnalysisRow {
            round: 50,
            split: Some(SplitSpec::Test),
            metric: Some(metric),
            sigma: Some(sigma),
            draw: Some(number),
            value: value.map(|value| value * unit),
            std_error: Some(0.02),
            ..key.clone()
        }));
    }
    rows
}

fn at(kind: &str, set: &str, base: &str, place: (f64, Option<f64>), loss: f64) -> AnalysisRow {
    AnalysisRow {
        split: Some(SplitSpec::Test),
        metric: Some(Metric::Loss),
        alpha: Some(place.0),
        beta: place.1,
        value: Some(loss).filter(|loss| loss.is_finite()),
        std_error: Some(0.02),
        ..row(kind, set, base)
    }
}

/// The loss on a segment.
pub(crate) fn segment() -> Vec<AnalysisRow> {
    let loss = |alpha: f64| 0.4 + 0.1 * alpha + 1.6 * (-((alpha - 0.5) / 0.22).powi(2)).exp();
    let points = (0..21).map(|point| -0.25 + 1.5 * f64::from(point) / 20.0);
    let line = points.map(|alpha| at("segment", "all", "0", (alpha, None), loss(alpha)));
    let models = [("0", 0.0), ("1", 1.0)];
    let models = models.map(|(name, alpha)| at("model", "none", name, (alpha, None), loss(alpha)));
    models.into_iter().chain(line).collect()
}

/// Fig. 4's kind of example: f = w₁w₂, loss (1 − w₁w₂)², models (1, 1) and (4, ¼), with both ways.
pub(crate) fn two_layers() -> Vec<AnalysisRow> {
    let loss = |alpha: f64, beta: f64| (1.0 - (1.0 + 3.0 * alpha) * (1.0 - 0.75 * beta)).powi(2);
    let point = |kind: &str, base: &str, alpha: f64, beta: f64| {
        at(kind, "first|second", base, (alpha, Some(beta)), loss(alpha, beta))
    };
    let axis = |from: f64, to: f64| (0..21).map(move |k| from + (to - from) * f64::from(k) / 20.0);
    let mut rows = vec![point("model", "0", 0.0, 0.0), point("model", "1", 1.0, 1.0)];
    for alpha in axis(-0.25, 1.25) {
        rows.extend(axis(-0.25, 1.25).map(|beta| point("plane", "0", alpha, beta)));
    }
    rows.extend(axis(0.0, 1.0).map(|share| point("path-full", "0", share, share)));
    rows.extend(axis(0.0, 1.0).map(|share| point("path-layers", "0", share, 0.0)));
    rows.extend(axis(0.0, 1.0).map(|share| point("path-layers", "0", 1.0, share)));
    rows
}

/// A plane through three models, with a corner where the loss is not finite.
pub(crate) fn three_models() -> Vec<AnalysisRow> {
    let places = [("0", 0.0, 0.0), ("1", 1.0, 0.0), ("initial", 0.45, 0.8)];
    let well = |x: f64, y: f64, (_, a, b): (&str, f64, f64)| {
        (-((x - a).powi(2) + (y - b).powi(2)) / 0.09).exp()
    };
    let loss = |x: f64, y: f64| {
        let steep = 0.3 * ((x - 0.5).powi(2) + (y - 0.3).powi(2)).powi(2);
        2.4 + 8.0 * steep - 2.0 * well(x, y, places[0]) - 1.9 * well(x, y, places[1])
    };
    let mut rows: Vec<AnalysisRow> = places
        .iter()
        .map(|(name, x, y)| at("model", "none", name, (*x, Some(*y)), loss(*x, *y)))
        .collect();
    for x in (0..21).map(|k| -0.25 + 1.5 * f64::from(k) / 20.0) {
        for y in (0..21).map(|k| -0.25 + 1.3 * f64::from(k) / 20.0) {
            let value = if x > 1.1 && y > 0.9 { f64::NAN } else { loss(x, y) };
            rows.push(at("plane", "all", "0", (x, Some(y)), value));
        }
    }
    rows
}

/// Layers put back and drawn anew after rounds 5 to 20.
pub(crate) fn criticality(layers: &[LayerName]) -> Vec<AnalysisRow> {
    let mut rows = ends(20, &SPLITS, [0.4, 0.46]);
    for (index, set) in layers.iter().enumerate() {
        let matters = 0.02 + 1.5 * weight(index, layers.len());
        for (b, base) in ["0", "1"].into_iter().enumerate() {
            for split in SPLITS {
                for (metric, unit) in metrics() {
                    let own = if b == 0 { 0.4 } else { 0.46 };
                    let at = |kind: &str, epoch: Option<u32>, draw: Option<u32>, increase: f64| {
                        AnalysisRow {
                            round: 20,
                            split: Some(split),
                            metric: Some(metric),
                            epoch,
                            draw,
                            value: Some((own + increase) * unit),
                            std_error: Some(0.02 * unit),
                            ..row(kind, set.as_str(), base)
                        }
                    };
                    rows.push(at("initial", Some(0), None, matters));
                    for epoch in [5, 10, 15, 20] {
                        let left = f64::from(20 - epoch) / 20.0;
                        rows.push(at(
                            "rewind",
                            Some(epoch),
                            None,
                            matters * left * left - 0.01 * left,
                        ));
                    }
                    rows.push(at("redrawn", None, None, 1.4 * matters));
                    rows.extend((0..3).map(|d| {
                        at("redrawn", None, Some(d), matters * (1.3 + 0.1 * f64::from(d)))
                    }));
                }
                rows.push(AnalysisRow {
                    round: 20,
                    split: Some(split),
                    metric: Some(Metric::Loss),
                    alpha: Some(0.5),
                    sigma: Some(0.01),
                    value: (index != 1)
                        .then(|| 30.0 * (8.0 * weight(index, layers.len()) + b as f64).exp()),
                    ..row("criticality", set.as_str(), base)
                });
            }
        }
    }
    rows
}

fn derivative(kind: &str, set: &str, base: &str, split: SplitSpec) -> AnalysisRow {
    AnalysisRow {
        round: 20,
        split: Some(split),
        metric: Some(Metric::Loss),
        ..row(kind, set, base)
    }
}

/// Traces, eigenvalues and their residuals.
pub(crate) fn hessian(layers: &[LayerName]) -> Vec<AnalysisRow> {
    let mut rows = Vec::new();
    for (b, base) in ["0", "1"].into_iter().enumerate() {
        for split in SPLITS {
            let names = layers.iter().map(LayerName::as_str).chain(["all"]);
            for (index, set) in names.enumerate() {
                let matters = if set == "all" { 5.0 } else { weight(index, layers.len()) };
                let sign = if index == 2 { -1.0 } else { 1.0 };
                let trace = 40.0 * matters * (1.0 + 0.2 * b as f64);
                rows.push(AnalysisRow {
                    value: Some(trace),
                    std_error: Some(1.0 + 0.05 * trace),
                    ..derivative("trace", set, base, split)
                });
                let top = sign * (1.0 + 9.0 * matters);
                rows.push(AnalysisRow { value: Some(top), ..derivative("top", set, base, split) });
                rows.push(AnalysisRow {
                    value: Some(0.3),
                    ..derivative("residual", set, base, split)
                });
            }
        }
    }
    rows
}

/// Relative flatness, over several powers of ten.
pub(crate) fn flatness(layers: &[LayerName]) -> Vec<AnalysisRow> {
    let mut rows = Vec::new();
    for (b, base) in ["0", "1"].into_iter().enumerate() {
        for split in SPLITS {
            for (index, set) in layers.iter().enumerate() {
                let value = 0.5 * (6.5 * weight(index, layers.len()) + 0.3 * b as f64).exp();
                rows.push(AnalysisRow {
                    value: Some(value),
                    std_error: Some(0.06 * value),
                    ..derivative("kappa", set.as_str(), base, split)
                });
            }
        }
    }
    rows
}

/// Predictions beside measured barriers.
pub(crate) fn predict(layers: &[LayerName]) -> Vec<AnalysisRow> {
    let mut rows = Vec::new();
    for (b, base) in ["0", "1"].into_iter().enumerate() {
        let salt = |index: usize, more: usize| draw((index * 7 + b * 3 + more * 1000) as u64);
        for (index, set) in layers.iter().enumerate() {
            let matters = weight(index, layers.len());
            for (kind, metric, value) in [
                ("norm", Metric::Norm, 1.0 + 4.0 * matters + salt(index, 1)),
                ("cosine", Metric::Cosine, 0.9 - 0.6 * matters + 0.1 * salt(index, 2)),
            ] {
                rows.push(AnalysisRow {
                    round: 20,
                    metric: Some(metric),
                    value: Some(value),
                    ..row(kind, set.as_str(), base)
                });
            }
        }
        for split in SPLITS {
            for (index, set) in layers.iter().enumerate() {
                let barrier = 0.14 * weight(index, layers.len()) + 0.02 * (salt(index, 3) - 0.5);
                let half = |kind: &str, value: f64| AnalysisRow {
                    alpha: Some(0.5),
                    baseline: Some(Baseline::Base),
                    value: Some(value),
                    ..derivative(kind, set.as_str(), base, split)
                };
                rows.push(half("expansion", barrier * (0.7 + 0.5 * salt(index, 4))));
                rows.push(AnalysisRow { std_error: Some(0.004), ..half("measured", barrier) });
            }
            for (kind, rho) in [("norm", 0.71), ("cosine", -0.64), ("expansion", 0.93)] {
                let kind = format!("spearman-{kind}");
                rows.push(AnalysisRow {
                    metric: None,
                    baseline: Some(Baseline::Base),
                    value: Some(rho),
                    ..derivative(&kind, "all", base, split)
                });
            }
        }
    }
    rows
}

/// Barriers before and after alignment.
pub(crate) fn align(layers: &[LayerName]) -> Vec<AnalysisRow> {
    let mut rows = Vec::new();
    for (variant, part) in [("before", 1.0), ("after", 0.3)] {
        let mut some = ends(20, &SPLITS, [0.4, 0.45]);
        some.extend(barrier("full", "all", 20, 2.1 * part, 1));
        for (index, layer) in layers.iter().enumerate() {
            let value = part * (0.5 * weight(index, layers.len()) - 0.01);
            some.extend(barrier("layer", layer.as_str(), 20, value, index as u64 + 7));
        }
        let with = |row| AnalysisRow { variant: Some(variant.to_owned()), ..row };
        rows.extend(some.into_iter().map(with));
    }
    rows
}
