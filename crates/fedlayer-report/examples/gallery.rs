//! Writes all kinds of pictures of made-up rows into a folder:
//! `cargo run -p fedlayer-report --example gallery -- FOLDER`.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "it is no part of the program: it writes pictures into a folder for whoever works on them"
)]

#[path = "../tests/it/distances.rs"]
mod distances;
#[path = "../tests/it/made_up.rs"]
mod made_up;

use std::{env, error::Error, fs, path::PathBuf};

use fedlayer_core::{model::LayerName, record::AnalysisRow};
use fedlayer_report::{analysis_summary, pictures};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(env::args().nth(1).ok_or("say which folder")?);
    fs::create_dir_all(&folder)?;
    let (small, large) = (made_up::small(), made_up::large());
    let many: Vec<u32> = (0..=10).map(|step| 20 * step).collect();
    let all = |layers: &[LayerName]| -> Vec<(&str, Vec<AnalysisRow>)> {
        vec![
            ("barriers", made_up::barriers(layers, &many)),
            ("cumulative", made_up::cumulative(layers)),
            ("window", made_up::window(layers, &[1, 2, 3])),
            ("robustness", made_up::robustness(layers)),
            ("subspace", made_up::subspace(layers, false)),
            ("criticality", made_up::criticality(layers)),
            ("hessian", made_up::hessian(layers)),
            ("flatness", made_up::flatness(layers)),
            ("predict", made_up::predict(layers)),
            ("align", made_up::align(layers)),
            ("distance", distances::distances(layers, &many[1..])),
        ]
    };
    let mut sheets: Vec<(String, &str, Vec<AnalysisRow>, &[LayerName])> = Vec::new();
    for (size, layers) in [("small", &small), ("large", &large)] {
        sheets.extend(all(layers).into_iter().map(|(measure, rows)| {
            (format!("{measure}-{size}"), measure, rows, layers.as_slice())
        }));
    }
    sheets.extend([
        ("barriers-last".to_owned(), "barriers", made_up::barriers(&large, &[200]), &large[..]),
        (
            "barriers-long".to_owned(),
            "barriers",
            made_up::barriers(&small, &(1..=60).collect::<Vec<_>>()),
            &small,
        ),
        ("distance-last".to_owned(), "distance", distances::distances(&large, &[200]), &large),
        ("published".to_owned(), "subspace", made_up::subspace(&small, true), &small),
        ("segment".to_owned(), "surface", made_up::segment(), &small),
        ("two-layers".to_owned(), "surface", made_up::two_layers(), &small),
        ("three-models".to_owned(), "surface", made_up::three_models(), &small),
    ]);
    for (name, measure, rows, layers) in &sheets {
        println!("\n{name}\n{}", analysis_summary(&measure.parse()?, rows, layers));
        for picture in pictures(&measure.parse()?, &format!("{measure}: made up"), rows, layers) {
            let path = folder.join(picture.file_name(name));
            fs::write(&path, &picture.svg)?;
            println!("{} {}", path.display(), picture.svg.len());
        }
    }
    Ok(())
}
