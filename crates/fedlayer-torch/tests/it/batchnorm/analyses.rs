//! Every analysis of trained models.

use fedlayer_analysis::analyze;
use fedlayer_core::{
    Seed,
    record::{AnalysisRow, Metric},
    spec::*,
};
use serde_json::Value;

use super::{Case, cases, read};

const LOSS: f64 = 1e-5;

/// The tolerance for results of second derivatives, relative to their size.
const CURVATURE: f64 = 1e-3;

impl Case {
    fn analyze(&mut self, measurement: Measurement) -> Vec<AnalysisRow> {
        let subject = self.subject();
        let splits = [SplitSpec::Test];
        analyze(&measurement, &subject, &splits, Seed::new(1), &mut self.trainer).unwrap()
    }

    /// PyTorch's loss of a model.
    fn end(&self, client: usize) -> f64 {
        self.expected["ends"][client][0].as_f64().unwrap()
    }

    /// PyTorch's loss of the mix of one model into another.
    fn mix(&self, [base, other]: [usize; 2], set: &str, alpha: f64) -> Value {
        self.barrier("pairs", &format!("{base}<-{other}"), set, alpha)
            .as_f64()
            .map_or(Value::Null, |barrier| {
                (barrier + 0.5 * (self.end(base) + self.end(other))).into()
            })
    }

    /// PyTorch's barrier under the baseline `mean`.
    fn barrier(&self, between: &str, base: &str, set: &str, alpha: f64) -> Value {
        let studies = self.expected["studies"].as_array().unwrap();
        let study = studies.iter().find(|study| study["between"] == between).unwrap();
        let bases: Vec<String> = read(&study["bases"]);
        let at = bases.iter().position(|other| other == base).unwrap();
        let row = study["barriers"].as_array().unwrap().iter().find(|row| {
            row["set"] == set
                && row["alpha"].as_f64() == Some(alpha)
                && row["baseline"] == "mean"
                && row["metric"] == "loss"
        });
        row.unwrap_or_else(|| panic!("no barrier of {set} at {alpha}"))["values"][at][0].clone()
    }

    fn layers(&self) -> Vec<String> {
        let layers = self.plan.layout.names();
        layers.map(|name| name.as_str().to_owned()).collect()
    }
}

/// The rows of a kind, a set and a base, in losses or without a unit.
fn of<'a>(rows: &'a [AnalysisRow], kind: &str, set: &str, base: &str) -> Vec<&'a AnalysisRow> {
    let rows = rows.iter().filter(|row| row.metric != Some(Metric::Error));
    rows.filter(|row| (row.kind.as_str(), row.set.as_str(), row.base.as_str()) == (kind, set, base))
        .collect()
}

#[track_caller]
fn one<'a>(rows: &'a [AnalysisRow], kind: &str, set: &str, base: &str) -> &'a AnalysisRow {
    let found = of(rows, kind, set, base);
    let [row] = found[..] else { panic!("{} rows of {kind} {set} {base}", found.len()) };
    row
}

#[track_caller]
fn all_finite<'a>(rows: impl IntoIterator<Item = &'a AnalysisRow>, least: usize) {
    let mut count = 0;
    for row in rows {
        assert!(row.value.is_some(), "{row:?}");
        count += 1;
    }
    assert!(count >= least, "{count} rows");
}

#[test]
fn barriers_cumulative_and_window_are_pytorchs() {
    for mut case in cases() {
        let mean = vec![Baseline::Mean];
        let cohort = Barriers {
            between: Between::Cohort,
            alpha: vec![0.5, 1.0],
            baselines: mean.clone(),
            ..Barriers::default()
        };
        let rows = case.analyze(Measurement::Barriers(cohort));
        for (base, alpha) in ["0", "1", "2"].into_iter().flat_map(|base| [(base, 0.5), (base, 1.0)])
        {
            let found = of(&rows, "full", "all", base);
            let row = found.iter().find(|row| row.alpha == Some(alpha)).unwrap();
            case.near(row.value, &case.barrier("cohort", base, "all", alpha), LOSS, "full");
        }
        let orders =
            Cumulative { orders: vec![Order::Shallow, Order::Deep], baselines: mean.clone() };
        let rows = case.analyze(Measurement::Cumulative(orders));
        for (kind, set) in [("shallow", "fc1+norm1+fc2"), ("deep", "norm2+fc3"), ("deep", "all")] {
            for base in ["0<-1", "2<-0"] {
                let expected = case.barrier("pairs", base, set, 0.5);
                case.near(one(&rows, kind, set, base).value, &expected, LOSS, kind);
            }
        }
        let window = Window { widths: vec![2], baselines: mean };
        let rows = case.analyze(Measurement::Window(window));
        let expected = case.barrier("pairs", "1<-2", "fc1+norm1", 0.5);
        case.near(one(&rows, "window", "fc1+norm1", "1<-2").value, &expected, LOSS, "window");
    }
}

#[test]
fn mixes_are_pytorchs_and_random_directions_have_a_loss() {
    for mut case in cases() {
        let spec = Robustness { draws: 4, alpha: vec![0.25, 0.5, 1.0] };
        let rows = case.analyze(Measurement::Robustness(spec));
        for (pair, base) in [([0, 1], "0"), ([1, 0], "1")] {
            for set in case.layers().iter().map(String::as_str).chain(["all"]) {
                let mixes = of(&rows, "mix", set, base);
                let mixes = mixes.iter().filter(|row| row.baseline.is_none());
                let mixes: Vec<_> = mixes.collect();
                assert_eq!(mixes.len(), 3);
                for row in mixes {
                    let expected = case.mix(pair, set, row.alpha.unwrap());
                    case.near(row.value, &expected, LOSS, &format!("{row:?}"));
                }
            }
        }
        all_finite(rows.iter().filter(|row| row.kind == "random"), 2 * 6 * 3 * 5);
    }
}

/// Every point has a loss, because noise changes no running statistic (see the tests of
/// `fedlayer-core`).
#[test]
fn noise_in_subspaces_has_a_loss() {
    for mut case in cases() {
        let spec = Subspace { draws: 3, as_published: true, ..Subspace::default() };
        let rows = case.analyze(Measurement::Subspace(spec));
        all_finite(&rows, 100);
        let clean = one(&rows, "clean", "none", "1").value;
        case.near(clean, &case.end(1).into(), LOSS, "clean");
    }
}

#[test]
fn criticality_puts_a_layer_back_as_pytorch_does() {
    for mut case in cases() {
        let spec = Criticality { draws: 2, epsilon: 10.0, sigma: vec![0.5], alpha: vec![0.5, 1.0] };
        let rows = case.analyze(Measurement::Criticality(spec));
        for expected in read::<Vec<Value>>(&case.expected["criticality"]) {
            let base = expected["base"].to_string();
            let set = expected["set"].as_str().unwrap();
            case.near(one(&rows, "initial", set, &base).value, &expected["initial"], LOSS, set);
            // The ε is so large that the smaller α is within it: μ = (α·‖θ^F − θ^0‖/σ)² over the
            // trained values.
            let number = |key: &str| expected[key].as_f64().unwrap();
            let row = one(&rows, "criticality", set, &base);
            let sigma = 0.5 * number("rms");
            let mu = (0.5 * number("distance") / sigma).powi(2);
            case.near(row.sigma, &sigma.into(), 1e-5 * sigma, "σ");
            case.near(row.value, &mu.into(), 1e-5 * mu, "μ");
        }
        all_finite(rows.iter().filter(|row| row.kind == "redrawn"), 2 * 5 * 3);
    }
}

#[test]
fn curvature_is_pytorchs_with_statistics_held() {
    for mut case in cases() {
        let hessian = Hessian { draws: 100, steps: 300, tolerance: 1e-8 };
        let hessian = case.analyze(Measurement::Hessian(hessian));
        let flatness = case.analyze(Measurement::Flatness(Flatness { draws: 30 }));
        for expected in read::<Vec<Value>>(&case.expected["derived"]) {
            let (base, set) = (expected["base"].to_string(), expected["set"].as_str().unwrap());
            let top = expected["top"].as_f64().unwrap().abs();
            let trace = one(&hessian, "trace", set, &base).value;
            case.near(
                trace,
                &expected["trace"],
                CURVATURE * top.max(1.0),
                &format!("trace of {set}"),
            );
            let found = one(&hessian, "top", set, &base).value;
            case.near(found, &expected["top"], CURVATURE * top, &format!("top of {set}"));
            if let Some(kappa) = expected["kappa"].as_f64() {
                let found = one(&flatness, "kappa", set, &base).value;
                case.near(
                    found,
                    &expected["kappa"],
                    CURVATURE * kappa.abs(),
                    &format!("κ of {set}"),
                );
            }
        }
        assert!(of(&flatness, "kappa", "norm1", "0").is_empty(), "a normalisation has no matrix");
    }
}

#[test]
fn predictors_are_those_of_trained_values() {
    for mut case in cases() {
        let rows = case.analyze(Measurement::Predict(Predict {}));
        for (pair, base) in [([0, 1], "0"), ([1, 0], "1")] {
            for set in &case.layers() {
                let geometry: Vec<Value> = read(&case.fixture["geometry"]["pairs"]);
                let way = format!("{}<-{}", pair[0], pair[1]);
                let geometry =
                    geometry.iter().find(|row| row["base"] == *way && row["set"] == **set);
                let geometry = geometry.unwrap();
                for kind in ["norm", "cosine"] {
                    case.near(one(&rows, kind, set, base).value, &geometry[kind], 1e-5, kind);
                }
                let mixed = case.mix(pair, set, 0.5).as_f64().unwrap();
                let measured = one(&rows, "measured", set, base).value;
                case.near(measured, &(mixed - case.end(pair[0])).into(), 2.0 * LOSS, "measured");
            }
        }
        for expected in read::<Vec<Value>>(&case.expected["derived"]) {
            let (base, set) = (expected["base"].to_string(), expected["set"].as_str().unwrap());
            if set == "all" {
                let found = one(&rows, "spearman-norm", "all", &base).value;
                case.near(found, &expected["spearman-norm"], 1e-6, "spearman-norm");
            } else {
                let found = one(&rows, "expansion", set, &base).value;
                case.near(found, &expected["expansion"], 1e-4, &format!("expansion of {set}"));
            }
        }
    }
}

#[test]
fn surfaces_are_pytorchs() {
    for mut case in cases() {
        let of_plane =
            |through, points, beyond| Measurement::Surface(Surface { through, points, beyond });
        let rows = case.analyze(of_plane(Through::Segment, 5, 0.5));
        let segment: Vec<Value> = read(&case.expected["segment"]);
        for (row, expected) in of(&rows, "segment", "all", "0").iter().zip(&segment) {
            case.near(row.alpha, &expected[0], 1e-12, "α");
            case.near(row.value, &expected[1], LOSS, &format!("segment at {expected}"));
        }
        // Lengths and angles of the plane are those of trained values.
        let rows = case.analyze(of_plane(Through::Models, 3, 0.0));
        let third = one(&rows, "model", "none", "2");
        case.near(third.alpha, &case.expected["third"][0], 1e-5, "α of the third model");
        case.near(third.beta, &case.expected["third"][1], 1e-5, "β of the third model");
        let plane: Vec<Value> = read(&case.expected["plane"]);
        let found = of(&rows, "plane", "all", "0");
        assert_eq!(found.len(), plane.len());
        for (row, expected) in found.iter().zip(&plane) {
            case.near(row.alpha, &expected[0], 1e-5, "α");
            case.near(row.beta, &expected[1], 1e-5, "β");
            case.near(row.value, &expected[2], LOSS, &format!("plane at {expected}"));
        }
        all_finite(&case.analyze(of_plane(Through::Filters, 3, 0.0)), 18);
        let lists = [vec!["fc1".into(), "norm1".into()], vec!["norm2".into()]];
        all_finite(&case.analyze(of_plane(Through::Layers(lists), 3, 0.0)), 30);
    }
}

/// Running statistics are permuted with their units: the permuted model is the same function, and
/// its trained values come closer.
#[test]
fn alignment_takes_statistics_along_and_measures_trained_values() {
    for mut case in cases() {
        let rows = case.analyze(Measurement::Align(Align { sets: vec![SetSpec::Full] }));
        let drift = one(&rows, "drift", "all", "1").value.unwrap();
        assert!(drift < 1e-5, "{:?}: {drift}", case.statistics);
        let norm = |variant: &str, set: &str| {
            let row = rows.iter().find(|row| {
                row.metric == Some(Metric::Norm)
                    && row.base == "0<-1"
                    && row.set == set
                    && row.variant.as_deref() == Some(variant)
            });
            row.unwrap().value
        };
        for expected in read::<Vec<Value>>(&case.fixture["geometry"]["pairs"]) {
            if expected["base"] == "0<-1" {
                let set = expected["set"].as_str().unwrap();
                case.near(norm("before", set), &expected["norm"], 1e-5, set);
            }
        }
        assert!(norm("after", "all") <= norm("before", "all"));
        let full = |variant: &str| {
            let of_pair = of(&rows, "full", "all", "0<-1");
            let row = of_pair.into_iter().find(|row| {
                row.variant.as_deref() == Some(variant) && row.baseline == Some(Baseline::Mean)
            });
            row.unwrap().value
        };
        case.near(full("before"), &case.barrier("pairs", "0<-1", "all", 0.5), LOSS, "before");
        assert!(full("after").is_some());
    }
}
