//! Properties of all pictures, and the content of single ones.

use std::{collections::BTreeSet, sync::LazyLock};

use fedlayer_core::{
    model::LayerName,
    record::{AnalysisRow, Metric},
    spec::{Baseline, Measurement, SplitSpec},
};
use fedlayer_report::{Picture, analysis_summary, pictures};
use roxmltree::{Document, Node};

use crate::{distances, made_up};

/// Returns every kind of analysis, of a small and of a large model.
fn all() -> Vec<(&'static str, Vec<AnalysisRow>, Vec<LayerName>)> {
    let mut all = Vec::new();
    for layers in [made_up::small(), made_up::large()] {
        for (measure, rows) in [
            ("barriers", made_up::barriers(&layers, &[0, 20, 60])),
            ("barriers", made_up::barriers(&layers, &[20])),
            ("cumulative", made_up::cumulative(&layers)),
            ("window", made_up::window(&layers, &[1, 2])),
            ("robustness", made_up::robustness(&layers)),
            ("subspace", made_up::subspace(&layers, false)),
            ("subspace", made_up::subspace(&layers, true)),
            ("surface", made_up::segment()),
            ("surface", made_up::two_layers()),
            ("surface", made_up::three_models()),
            ("criticality", made_up::criticality(&layers)),
            ("hessian", made_up::hessian(&layers)),
            ("flatness", made_up::flatness(&layers)),
            ("predict", made_up::predict(&layers)),
            ("align", made_up::align(&layers)),
            ("distance", distances::distances(&layers, &[20])),
            ("distance", distances::distances(&layers, &[20, 40, 60])),
        ] {
            all.push((measure, rows, layers.clone()));
        }
    }
    all
}

/// Returns their pictures, which are drawn once for all tests.
static DRAWN: LazyLock<Vec<(&str, Vec<Picture>)>> = LazyLock::new(draw);

fn draw() -> Vec<(&'static str, Vec<Picture>)> {
    let drawn = |(measure, rows, layers): (&'static str, Vec<AnalysisRow>, Vec<LayerName>)| {
        (measure, pictures(&of(measure), "a <title> & more", &rows, &layers))
    };
    all().into_iter().map(drawn).collect()
}

/// Returns the measurement of a word, with its defaults.
pub(crate) fn of(word: &str) -> Measurement {
    word.parse().unwrap()
}

fn size(node: Node<'_, '_>, name: &str) -> f64 {
    node.attribute(name).unwrap().parse().unwrap()
}

/// Returns the texts that viewers show for the elements of a class.
fn hints(svg: &str, class: &str) -> Vec<String> {
    let document = Document::parse(svg).unwrap();
    let groups = document.descendants().filter(|node| node.attribute("class") == Some(class));
    let title = |group: Node<'_, '_>| {
        let title = group.children().find(|child| child.has_tag_name("title"));
        title.and_then(|title| title.text()).unwrap_or_default().to_owned()
    };
    groups.map(title).collect()
}

#[test]
fn every_measurement_has_a_picture() {
    let drawn: BTreeSet<&str> = DRAWN.iter().map(|(measure, _)| *measure).collect();
    let all: BTreeSet<&str> = Measurement::all().map(|measure| measure.word()).collect();
    assert_eq!(drawn, all, "`all` above has made-up rows of every measurement");
    for (measure, pictures) in DRAWN.iter() {
        assert!(!pictures.is_empty(), "{measure}");
    }
}

#[test]
fn pictures_are_xml_of_their_own_names() {
    for (measure, pictures) in DRAWN.iter() {
        let names: BTreeSet<String> = pictures.iter().map(|p| p.file_name("name")).collect();
        assert_eq!(names.len(), pictures.len(), "{measure}: {names:?}");
        for Picture { svg, .. } in pictures {
            let document = Document::parse(svg).unwrap();
            let root = document.root_element();
            assert!(root.has_tag_name(("http://www.w3.org/2000/svg", "svg")));
            let title = root.children().find(|child| child.has_tag_name("title")).unwrap();
            assert!(title.text().unwrap().starts_with("a <title> & more"));
        }
    }
}

#[test]
fn the_same_rows_give_the_same_bytes() {
    assert!(draw() == *DRAWN);
}

#[test]
fn no_text_is_smaller_than_ten_pixels_and_every_number_is_finite() {
    for (measure, pictures) in DRAWN.iter() {
        for Picture { svg, .. } in pictures {
            let document = Document::parse(svg).unwrap();
            for node in document.descendants().filter(|node| node.has_tag_name("text")) {
                assert!(size(node, "font-size") >= 10.0, "{measure}: {:?}", node.text());
            }
            let attributes = document.descendants().flat_map(|node| node.attributes());
            for value in attributes.map(|attribute| attribute.value()) {
                assert!(!value.contains("NaN") && !value.contains("inf"), "{measure}: {value}");
            }
        }
    }
}

/// Assumes letters half as wide as high, as in a wide font on average.
#[test]
fn plain_text_stays_inside_the_picture() {
    for (measure, pictures) in DRAWN.iter() {
        for Picture { svg, suffix } in pictures {
            let document = Document::parse(svg).unwrap();
            let (width, height) =
                (size(document.root_element(), "width"), size(document.root_element(), "height"));
            let texts = document.descendants().filter(|node| node.has_tag_name("text"));
            for node in texts.filter(|node| node.attribute("transform").is_none()) {
                let text = node.text().unwrap_or_default();
                let long = 0.5 * size(node, "font-size") * text.chars().count() as f64;
                let x = size(node, "x");
                let (left, right) = match node.attribute("text-anchor") {
                    Some("end") => (x - long, x),
                    Some("middle") => (x - long / 2.0, x + long / 2.0),
                    _ => (x, x + long),
                };
                let y = size(node, "y");
                assert!(
                    left >= 0.0 && right <= width && (8.0..height).contains(&y),
                    "{measure} {suffix}: `{text}` from {left} to {right} of {width}, at {y} of {height}"
                );
            }
        }
    }
}

#[test]
fn no_rows_give_no_picture_and_rows_of_another_analysis_do_not_panic() {
    for (measure, rows, layers) in all().into_iter().filter(|(.., layers)| layers.len() < 5) {
        assert_eq!(pictures(&of(measure), "t", &[], &layers), []);
        for other in Measurement::all() {
            pictures(&other, "t", &rows, &layers);
            analysis_summary(&other, &rows, &layers);
        }
    }
}

/// Returns barriers of three layers after one round in one base: value and standard error of the
/// full model, then of each layer.
fn three(values: [(Option<f64>, f64); 4]) -> Vec<AnalysisRow> {
    let sets = [("full", "all"), ("layer", "fc1"), ("layer", "fc2"), ("layer", "out")];
    let row = |((kind, set), (value, error)): ((&str, &str), (Option<f64>, f64))| AnalysisRow {
        round: 3,
        split: Some(SplitSpec::Test),
        metric: Some(Metric::Loss),
        kind: kind.to_owned(),
        set: set.to_owned(),
        base: "0<-1".to_owned(),
        alpha: Some(0.5),
        baseline: Some(Baseline::Mean),
        value,
        std_error: Some(error),
        ..AnalysisRow::default()
    };
    sets.into_iter().zip(values).map(row).collect()
}

fn only(rows: &[AnalysisRow]) -> String {
    let pictures = pictures(&of("barriers"), "t", rows, &made_up::small());
    let [picture] = <[Picture; 1]>::try_from(pictures).unwrap();
    picture.svg
}

/// Returns the cells of a heat map: text for the reader, colour, hatching, and written number.
fn cells(svg: &str) -> Vec<(String, String, bool, Option<String>)> {
    let document = Document::parse(svg).unwrap();
    let groups = document.descendants().filter(|node| node.attribute("class") == Some("cell"));
    let cell = |group: Node<'_, '_>| {
        let children = || group.children();
        let title = children().find(|child| child.has_tag_name("title")).unwrap();
        let fill = children().find_map(|child| child.attribute("fill")).unwrap();
        let is_hatched = children().any(|child| child.attribute("class") == Some("hatch"));
        let text = children().find(|child| child.has_tag_name("text"));
        let text = text.and_then(|text| text.text()).map(str::to_owned);
        (title.text().unwrap().to_owned(), fill.to_owned(), is_hatched, text)
    };
    groups.map(cell).collect()
}

#[test]
fn cells_are_hatched_exactly_within_two_standard_errors_and_zero_is_neutral() {
    let svg = only(&three([
        (Some(0.5), 0.1),
        (Some(0.02), 0.01),
        (Some(-0.021), 0.01),
        (Some(0.0), 0.0),
    ]));
    let found = cells(&svg);
    let hatched: Vec<bool> = found.iter().map(|cell| cell.2).collect();
    assert_eq!(hatched, [false, true, false, true]);
    let written: Vec<&str> = found.iter().map(|cell| cell.3.as_deref().unwrap()).collect();
    assert_eq!(written, ["0.500", "0.020", "−0.021", "0"]);
    assert_eq!(found[0].0, "full, round 3: 0.500 ± 0.100");
    assert_eq!(found[3].1, "#f8f8f6");
    assert!(svg.contains("within 2 standard errors of 0"));
    let calm = only(&three([
        (Some(0.5), 0.1),
        (Some(0.03), 0.01),
        (Some(-0.03), 0.01),
        (Some(0.1), 0.01),
    ]));
    assert!(!calm.contains("within 2 standard errors of 0") && !calm.contains("url(#hatch)"));
}

#[test]
fn values_that_are_not_finite_are_marked_and_keep_their_place() {
    let svg = only(&three([
        (None, 0.1),
        (Some(0.3), 0.01),
        (Some(f64::NAN), 0.01),
        (Some(0.004), 0.001),
    ]));
    let names: Vec<String> = cells(&svg).into_iter().map(|cell| cell.0).collect();
    assert_eq!(
        names,
        [
            "full, round 3: not finite",
            "fc1, round 3: 0.300 ± 0.010",
            "fc2, round 3: not finite",
            "out, round 3: 0.004 ± 0.001"
        ]
    );
    assert!(svg.contains(">not finite</text>"));
}

#[test]
fn the_colours_of_a_value_and_its_negative_are_as_far_from_neutral() {
    let colours = |sign: f64| -> Vec<String> {
        let values = [0.5, 0.05, 0.2, 0.01].map(|value| (Some(sign * value), 1e-6));
        cells(&only(&three(values))).into_iter().map(|cell| cell.1).collect()
    };
    let (above, below) = (colours(1.0), colours(-1.0));
    for (a, b) in above.iter().zip(&below) {
        let channel =
            |colour: &str, at: usize| i64::from_str_radix(&colour[at..at + 2], 16).unwrap();
        assert!(channel(a, 1) > channel(a, 5), "brown above 0: {a}");
        assert!(channel(b, 1) < channel(b, 5), "blue below 0: {b}");
    }
    let ticks = hint_free_texts(&only(&three([
        (Some(2.1), 0.1),
        (Some(0.0), 0.0),
        (Some(-0.1), 0.0),
        (None, 0.0),
    ])));
    for tick in ["2.50", "−2.50", "0.625", "−0.625"] {
        assert!(ticks.contains(tick), "{ticks:?}");
    }
}

fn hint_free_texts(svg: &str) -> BTreeSet<String> {
    let document = Document::parse(svg).unwrap();
    let texts = document.descendants().filter(|node| node.has_tag_name("text"));
    texts.filter_map(|node| node.text().map(str::to_owned)).collect()
}

#[test]
fn every_barrier_of_the_shown_baseline_has_its_cell() {
    let layers = made_up::large();
    let rows = made_up::barriers(&layers, &[20, 40]);
    let svg = only_large(&rows, &layers);
    // Full model and layers, two rounds, two bases, two splits, loss and error.
    assert_eq!(cells(&svg).len(), (1 + layers.len()) * 2 * 2 * 2 * 2);
    let texts = hint_free_texts(&svg);
    for layer in &layers {
        assert!(texts.contains(layer.as_str()), "{layer}");
    }
}

fn only_large(rows: &[AnalysisRow], layers: &[LayerName]) -> String {
    let pictures = pictures(&of("barriers"), "t", rows, layers);
    assert_eq!(pictures.len(), 1);
    pictures[0].svg.clone()
}

#[test]
fn unmixed_models_farther_apart_than_the_barrier_are_flagged() {
    let flags = |apart: f64| {
        let mut rows =
            three([(Some(0.5), 0.1), (Some(0.3), 0.01), (Some(0.2), 0.01), (Some(0.1), 0.01)]);
        for (base, value) in [("0", 0.3), ("1", 0.3 + apart)] {
            rows.push(AnalysisRow {
                kind: "end".to_owned(),
                set: "none".to_owned(),
                base: base.to_owned(),
                alpha: None,
                baseline: None,
                value: Some(value),
                ..rows[0].clone()
            });
        }
        let svg = only(&rows);
        (hint_free_texts(&svg).contains("!"), svg.contains("differ by more than the full barrier"))
    };
    assert_eq!(flags(0.51), (true, true));
    assert_eq!(flags(0.49), (false, false));
}

#[test]
fn many_models_are_shown_by_their_mean_and_largest() {
    let mut rows = Vec::new();
    for base in ["0<-1", "1<-0", "0<-2", "mean", "max"] {
        let one =
            three([(Some(0.5), 0.1), (Some(0.3), 0.01), (Some(0.2), 0.01), (Some(0.1), 0.01)]);
        rows.extend(one.into_iter().map(|row| AnalysisRow { base: base.to_owned(), ..row }));
    }
    let texts = hint_free_texts(&only(&rows));
    let titles: Vec<&String> = texts.iter().filter(|text| text.starts_with("test loss")).collect();
    assert_eq!(titles, ["test loss, largest over the models", "test loss, mean over the models"]);
}

#[test]
fn names_of_layers_cannot_break_a_picture() {
    let layers = ["a<b>&\"c\"", "é\u{1}中", "]]>"].map(LayerName::new);
    for (measure, rows) in [
        ("barriers", made_up::barriers(&layers, &[1])),
        ("robustness", made_up::robustness(&layers)),
        ("predict", made_up::predict(&layers)),
        ("cumulative", made_up::cumulative(&layers)),
    ] {
        for Picture { svg, .. } in pictures(&of(measure), "t", &rows, &layers) {
            assert!(
                hint_free_texts(&svg).iter().any(|text| text.contains("a<b>&\"c\"")),
                "{measure}"
            );
        }
    }
}

#[test]
fn a_cumulative_curve_has_a_point_for_each_step_and_base() {
    let layers = made_up::large();
    let pictures = pictures(&of("cumulative"), "t", &made_up::cumulative(&layers), &layers);
    let suffixes: Vec<&str> = pictures.iter().map(|picture| picture.suffix.as_str()).collect();
    assert_eq!(suffixes, ["loss", "error"]);
    // Two orders, two bases, two splits.
    assert_eq!(hints(&pictures[0].svg, "point").len(), layers.len() * 8);
    let texts = hint_free_texts(&pictures[0].svg);
    for step in ["1 conv1", "2 layer1.0.conv1", "1 linear", "21 conv1", "21 linear"] {
        assert!(texts.contains(step), "{step}");
    }
}

#[test]
fn each_random_direction_is_a_mark() {
    let layers = made_up::small();
    let pictures = pictures(&of("robustness"), "t", &made_up::robustness(&layers), &layers);
    let hints = hints(&pictures[0].svg, "point");
    // Three layers and the whole, two shares, two models, two splits; five draws, their mean and
    // the mix.
    assert_eq!(hints.len(), 4 * 2 * 2 * 2 * 7);
    assert_eq!(hints.iter().filter(|hint| hint.contains("draw")).count(), 4 * 2 * 2 * 2 * 5);
    assert!(hints.iter().any(|hint| hint.starts_with("fc2, mix, α = ½: ")), "{hints:?}");
}

#[test]
fn noise_that_breaks_a_model_is_marked() {
    let layers = made_up::small();
    let drawn = pictures(&of("subspace"), "t", &made_up::subspace(&layers, false), &layers);
    let suffixes: Vec<&str> = drawn.iter().map(|picture| picture.suffix.as_str()).collect();
    assert_eq!(suffixes, ["loss", "layers-test-loss", "error", "layers-test-error"]);
    assert_eq!(hints(&drawn[0].svg, "lost").len(), 2, "one of each model");
    let published = pictures(&of("subspace"), "t", &made_up::subspace(&layers, true), &layers);
    assert_eq!(published[0].suffix, "published-loss");
}

#[test]
fn a_plane_shows_its_models_ways_and_lost_points() {
    let drawn = pictures(&of("surface"), "t", &made_up::two_layers(), &made_up::small());
    let models = hints(&drawn[0].svg, "model");
    assert_eq!(models, ["model 0: 0 ± 0.020", "model 1: 0 ± 0.020"]);
    assert!(drawn[0].svg.contains("the first set, then the second"));
    let drawn = pictures(&of("surface"), "t", &made_up::three_models(), &made_up::small());
    assert_eq!(hints(&drawn[0].svg, "model").len(), 3);
    assert!(drawn[0].svg.contains(">not finite</text>"));
}

#[test]
fn a_round_of_several_has_a_picture_of_its_own() {
    let layers = made_up::small();
    let mut rows = made_up::hessian(&layers);
    rows.extend(made_up::hessian(&layers).into_iter().map(|row| AnalysisRow { round: 40, ..row }));
    let names: Vec<String> = pictures(&of("hessian"), "t", &rows, &layers)
        .iter()
        .map(|p| p.file_name("curvature"))
        .collect();
    assert_eq!(names, ["curvature-round-20.svg", "curvature-round-40.svg"]);
}
