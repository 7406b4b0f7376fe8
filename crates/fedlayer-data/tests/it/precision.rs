//! Features with more digits than 32 bits hold keep them until they are normalised: the numbers of
//! `tests/oracle/fixtures/precision.json` at the root are NumPy's.

use fedlayer_core::{
    data::{ClientId, FederatedData},
    spec::{Constants, DataSpec, Files, Normalize, NormalizeWord, Scale},
};
use fedlayer_data::DataError;
use serde_json::Value;

use crate::{
    encode::{f32s, i64s, npy, safetensors},
    memory::MemoryFiles,
    pool_of,
    tables::{files, spec},
};

const SET: Option<Normalize> = Some(Normalize::Word(NormalizeWord::Set));

fn fixture(key: &str) -> Value {
    let text = include_str!("../../../../tests/oracle/fixtures/precision.json");
    serde_json::from_str::<Value>(text).unwrap()[key].take()
}

fn read<T: serde::de::DeserializeOwned>(key: &str) -> T {
    serde_json::from_value(fixture(key)).unwrap()
}

/// Returns the table of the fixture in every format, each with two classes.
fn stored() -> MemoryFiles {
    let (names, rows): (Vec<String>, Vec<Vec<f64>>) = (read("names"), read("table"));
    let line = |(at, row): (usize, &Vec<f64>)| {
        row.iter().map(|number| format!("{number},")).collect::<String>() + &format!("{}\n", at % 2)
    };
    let lines: String = rows.iter().enumerate().map(line).collect();
    let labels = i64s(&(0..rows.len() as i64).map(|at| at % 2).collect::<Vec<_>>());
    let doubles: Vec<u8> = rows.concat().into_iter().flat_map(f64::to_le_bytes).collect();
    let shape = [rows.len(), names.len()];
    let tensors = [
        ("features", "F64", &shape[..], doubles.clone()),
        ("labels", "I64", &[rows.len()][..], labels.clone()),
    ];
    let times: Vec<i64> = rows.iter().map(|row| row[0] as i64).collect();
    let singles: Vec<f32> = read::<Vec<f64>>("singles").iter().map(|&x| x as f32).collect();
    let column = [rows.len(), 1];
    MemoryFiles::of([
        ("t.csv", format!("{},label\n{lines}", names.join(",")).into_bytes()),
        ("t.npy", npy(1, "<f8", &shape, &doubles)),
        ("y.npy", npy(1, "<i8", &[rows.len()], &labels)),
        ("t.safetensors", safetensors(&tensors)),
        ("times.npy", npy(1, "<i8", &column, &i64s(&times))),
        ("singles.npy", npy(1, "<f4", &column, &f32s(&singles))),
    ])
}

/// Loads the same file for training and test.
fn load(file: &str, keys: DataSpec) -> Result<FederatedData, DataError> {
    let labels = file.ends_with("npy").then(|| "y.npy".to_owned());
    let own = Files {
        test: Some(file.to_owned()),
        train_labels: labels.clone(),
        test_labels: labels,
        ..files(file)
    };
    stored().load(&DataSpec { set: spec(own).set, ..keys }, 1)
}

fn keys() -> DataSpec {
    spec(files("t.csv"))
}

/// Returns the example that the one client holds out as its own test.
fn held_out(data: &FederatedData) -> usize {
    let [own] = data.client(ClientId(0)).test[..] else { panic!("one is held out") };
    own as usize
}

#[track_caller]
fn near(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        let allowed = 1e-6 * expected.abs().max(1.0);
        assert!((found - expected).abs() <= allowed, "{found} beside {expected}");
    }
}

#[test]
fn digits_beyond_32_bits_were_lost_before_they_were_normalised() {
    for file in ["t.csv", "t.npy", "t.safetensors"] {
        let data = load(file, DataSpec { normalize: SET, ..keys() }).unwrap();
        let expected: Vec<Vec<f32>> = read("set");
        let expected = &expected[held_out(&data)];
        near(&pool_of(&data).all_values(), expected);
        near(&data.test.all_values(), expected);
        // A constant that 32 bits do not hold becomes 0, not a difference of roundings.
        assert!(pool_of(&data).all_values().iter().skip(3).step_by(4).all(|&x| x == 0.0));
    }
}

#[test]
fn whole_numbers_beyond_two_to_the_24_keep_their_digits() {
    let data = load("times.npy", DataSpec { normalize: SET, ..keys() }).unwrap();
    let all: Vec<Vec<f32>> = read("set");
    let times: Vec<f32> = all[held_out(&data)].iter().step_by(4).copied().collect();
    near(&pool_of(&data).all_values(), &times);
}

#[test]
fn constants_of_the_scenario_keep_their_digits() {
    let constants = Constants { mean: read("mean"), std: read("std") };
    let normalize = Some(Normalize::Constants(constants));
    for file in ["t.csv", "t.npy"] {
        let data = load(file, DataSpec { normalize: normalize.clone(), ..keys() }).unwrap();
        near(&pool_of(&data).all_values(), &read::<Vec<f32>>("constants"));
    }
}

#[test]
fn numbers_are_scaled_before_they_are_rounded() {
    let scale = Some(Scale::Factor(1e-9));
    let data = load("t.csv", DataSpec { scale, ..keys() }).unwrap();
    assert_eq!(pool_of(&data).all_values(), read::<Vec<f32>>("scaled"));
}

#[test]
fn the_mean_of_large_32_bit_floats_is_not_rounded_to_one() {
    let data = load("singles.npy", DataSpec { normalize: SET, ..keys() }).unwrap();
    let expected: Vec<Vec<f32>> = read("singles_set");
    near(&pool_of(&data).all_values(), &expected[held_out(&data)]);
}

#[test]
fn first_examples_and_first_classes_keep_their_digits() {
    let text = |rows: &[(u64, u32)]| {
        let line = |(x, class): &(u64, u32)| format!("{x},{class}\n");
        "x,label\n".to_owned() + &rows.iter().map(line).collect::<String>()
    };
    let at = |step: u64| 1_700_000_000 + 7 * step;
    // Five rows have two classes; others are between and behind them.
    let few = [(at(0), 0), (at(1), 1), (at(2), 0), (at(3), 1), (at(4), 0)];
    let more = [few[0], few[1], (at(90), 2), few[2], few[3], few[4], (at(91), 1)];
    let stored = MemoryFiles::of([("a.csv", text(&few).into()), ("b.csv", text(&more).into())]);
    let plain = DataSpec { normalize: SET, ..spec(files("a.csv")) };
    let cut =
        DataSpec { train: Some(6), keep_classes: Some(2), normalize: SET, ..spec(files("b.csv")) };
    let of = |spec| pool_of(&stored.load(spec, 1).unwrap()).all_values();
    assert_eq!(of(&plain), of(&cut));
    assert!(of(&plain).iter().any(|value| value.abs() > 0.1));
}

#[test]
fn numbers_that_a_key_makes_too_large_are_refused() {
    for (keys, key) in [
        (DataSpec { scale: Some(Scale::Factor(1e32)), ..keys() }, "data.scale"),
        (
            DataSpec {
                normalize: Some(Normalize::Constants(Constants {
                    mean: vec![0.0],
                    std: vec![1e-35],
                })),
                ..keys()
            },
            "data.normalize",
        ),
    ] {
        let error = load("t.csv", keys).unwrap_err();
        assert_eq!(
            (error.key(), error.to_string()),
            (key, format!("`{key}` scales numbers of `t.csv` beyond the range of 32-bit floats"))
        );
    }
}
