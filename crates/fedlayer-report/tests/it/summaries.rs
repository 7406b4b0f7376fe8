//! Summaries of analyses.

use std::collections::BTreeSet;

use fedlayer_core::spec::Measurement;
use fedlayer_report::analysis_summary;

use crate::{distances, made_up, pictures::of};

#[test]
fn a_summary_of_barriers_names_the_largest_layers_and_flags_unequal_models() {
    let layers = made_up::large();
    let text = analysis_summary(&of("barriers"), &made_up::barriers(&layers, &[20, 60]), &layers);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "layers               into model 0 from 1  into model 1 from 0");
    assert!(lines[1].starts_with("full                        !1.816±0.044"), "{text}");
    assert!(lines[2].starts_with("layer2.1.conv2 "), "{text}");
    assert_eq!(lines.iter().position(|line| line.is_empty()), Some(7), "five layers: {text}");
    assert!(text.contains("test loss, after round 60; barriers at α = ½, baseline `mean`"));
    assert!(text.contains("the 5 largest of 21 layers"));
    assert!(text.contains("\n! the unmixed models' losses differ"));
}

#[test]
fn every_measurement_has_a_summary() {
    let layers = made_up::small();
    let shown = [
        ("barriers", made_up::barriers(&layers, &[20]), "full"),
        ("cumulative", made_up::cumulative(&layers), "from the output"),
        ("window", made_up::window(&layers, &[1, 2]), "fc1+fc2"),
        ("robustness", made_up::robustness(&layers), "random at ½"),
        ("subspace", made_up::subspace(&layers, false), "interpolation"),
        ("surface", made_up::two_layers(), "way of both sets together, highest              0.316"),
        ("criticality", made_up::criticality(&layers), "module criticality"),
        ("hessian", made_up::hessian(&layers), "residual"),
        ("flatness", made_up::flatness(&layers), "κ"),
        ("predict", made_up::predict(&layers), "0.930"),
        ("align", made_up::align(&layers), "before     2.100±0.050"),
        ("distance", distances::distances(&layers, &[20, 40]), "models 0 and 1  all"),
    ];
    let words: BTreeSet<&str> = shown.iter().map(|(measure, ..)| *measure).collect();
    assert_eq!(words, Measurement::all().map(|measure| measure.word()).collect());
    for (measure, rows, word) in shown {
        let text = analysis_summary(&of(measure), &rows, &layers);
        assert!(text.contains(word), "{measure}: {text}");
        assert!(text.ends_with('\n') && text.lines().count() > 3, "{measure}: {text}");
    }
    assert_eq!(analysis_summary(&of("barriers"), &[], &layers), "barriers: no values\n");
}

#[test]
fn a_summary_says_what_is_not_finite() {
    let layers = made_up::small();
    let mut rows = made_up::barriers(&layers, &[20]);
    rows.iter_mut().filter(|row| row.set == "out").for_each(|row| row.value = None);
    let text = analysis_summary(&of("barriers"), &rows, &layers);
    assert!(text.lines().nth(2).unwrap().starts_with("out              not finite"), "{text}");
}
