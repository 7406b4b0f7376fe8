//! Distances and cosines between the models of a cohort, compared with computations in the tests.

use std::sync::Arc;

use fedlayer_core::{
    model::Params,
    record::{BarrierKind, Metric},
    spec::{BarrierSpec, SetSpec, Weighting},
};

use crate::support::{At, Measured, at, cohort, ends, layout, measure, near, pairs, params};

const LAYERS: [(&str, usize); 2] = [("a", 2), ("b", 1)];

fn geometry(spec: &BarrierSpec, models: &[(&[f32], u64)]) -> Measured {
    let ends = ends(&layout(&LAYERS), models);
    measure(spec, Weighting::Examples, &ends, |_| vec![(0.0, true)])
}

fn row<'a>(metric: Metric, set: &'a str, base: &'a str) -> At<'a> {
    At { metric, alpha: None, baseline: None, ..at(BarrierKind::Geometry, set, base) }
}

fn check(measured: &Measured, metric: Metric, expected: &[(&str, &str, Option<f64>)]) {
    for &(set, base, value) in expected {
        let found = measured.row(row(metric, set, base)).value;
        assert_eq!(found.is_some(), value.is_some(), "{metric:?} {set} {base}: {found:?}");
        near(found.unwrap_or(0.0), value.unwrap_or(0.0), 1e-12, (metric, set, base));
    }
}

#[test]
fn norms_and_cosines_of_a_pair() {
    // All models start at 0, so each model is its own movement.
    let measured = geometry(&pairs(), &[(&[3.0, 0.0, 1.0], 1), (&[0.0, 4.0, -1.0], 9)]);
    for base in ["0<-1", "1<-0", "mean", "max"] {
        check(
            &measured,
            Metric::Norm,
            &[("a", base, Some(5.0)), ("b", base, Some(2.0)), ("all", base, Some(29.0_f64.sqrt()))],
        );
        check(
            &measured,
            Metric::Cosine,
            &[
                ("a", base, Some(0.0)),
                ("b", base, Some(-1.0)),
                ("all", base, Some(-1.0 / (10.0_f64 * 17.0).sqrt())),
            ],
        );
    }
}

/// ‖Δ‖ is twice the distance to the mean, so ‖Δ‖·α is the step at α. The cosine is taken with the
/// weighted movement of the others.
#[test]
fn norms_and_cosines_of_a_weighted_cohort() {
    let models: [(&[f32], u64); 3] =
        [(&[4.0, 0.0, 1.0], 2), (&[0.0, 4.0, 0.0], 1), (&[0.0, 8.0, -4.0], 1)];
    let measured = geometry(&cohort(), &models);
    // The mean is (2, 3, −½).
    check(
        &measured,
        Metric::Norm,
        &[
            ("a", "0", Some(2.0 * 13.0_f64.sqrt())),
            ("a", "1", Some(2.0 * 5.0_f64.sqrt())),
            ("b", "0", Some(3.0)),
            ("b", "1", Some(1.0)),
            ("b", "2", Some(7.0)),
            ("b", "mean", Some(3.5)),
            ("b", "max", Some(7.0)),
        ],
    );
    // The others of client 1: ½·(4, 0, 1) + ¼·(0, 8, −4) = (2, 2, −½).
    check(
        &measured,
        Metric::Cosine,
        &[
            ("a", "1", Some(0.5_f64.sqrt())),
            ("a", "0", Some(0.0)),
            ("all", "1", Some(2.0 / 8.25_f64.sqrt())),
            ("b", "0", Some(-1.0)),
            // Client 1 did not move `b`; the others of client 2 moved it up. The mean is over the
            // clients with a cosine.
            ("b", "1", None),
            ("b", "2", Some(-1.0)),
            ("b", "mean", Some(-1.0)),
            ("b", "max", Some(-1.0)),
        ],
    );
}

/// A movement begins at the model that the client's round began with. Under partial averaging this
/// model differs from client to client.
#[test]
fn movements_begin_at_each_clients_own_start() {
    let layout = layout(&LAYERS);
    let mut both = ends(&layout, &[(&[1.0, 0.0, 0.0], 1), (&[5.0, 1.0, 0.0], 1)]);
    both[1].start = params(&layout, &[5.0, 0.0, 0.0]);
    let measured = measure(&pairs(), Weighting::Equal, &both, |_| vec![(0.0, true)]);
    check(&measured, Metric::Cosine, &[("a", "0<-1", Some(0.0)), ("b", "0<-1", None)]);
    both[1].start = Arc::new(Params::zeros(layout));
    let measured = measure(&pairs(), Weighting::Equal, &both, |_| vec![(0.0, true)]);
    check(&measured, Metric::Cosine, &[("a", "0<-1", Some(5.0 / 26.0_f64.sqrt()))]);
}

#[test]
fn parameters_are_counted_once_for_each_set() {
    let sets = vec![SetSpec::Full, SetSpec::Layers, SetSpec::Shallow, SetSpec::Deep];
    let spec = BarrierSpec { sets, ..cohort() };
    let measured = geometry(&spec, &[(&[1.0; 3], 1), (&[2.0; 3], 1)]);
    check(
        &measured,
        Metric::Parameters,
        &[("all", "mean", Some(3.0)), ("a", "mean", Some(2.0)), ("b", "mean", Some(1.0))],
    );
}
