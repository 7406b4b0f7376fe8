//! Model inputs: `data.scale` and `data.normalize` agree with PyTorch and NumPy
//! (`tests/oracle/fixtures/inputs.json` at the root).

use fedlayer_core::{
    Seed,
    data::{Affine, ClientId, ExampleValues, Examples, FederatedData, InputStats},
    spec::{
        Constants, DataSet, DataSpec, Files, Normalize, NormalizeWord, Partition, Scale, ScaleWord,
        Synthetic,
    },
};
use fedlayer_data::{DataError, Library, published};
use serde_json::Value;

use crate::{
    digits,
    encode::{cifar, f32s, i64s, idx_images, idx_labels, npy, safetensors},
    library, load,
    memory::{MemoryFiles, first},
    pool_of,
    tables::{files, spec},
};

const FIXTURE: &str = include_str!("../../../../tests/oracle/fixtures/inputs.json");

const UNIT: Option<Scale> = Some(Scale::Word(ScaleWord::Unit));
const RAW: Option<Scale> = Some(Scale::Word(ScaleWord::None));
const SET: Option<Normalize> = Some(Normalize::Word(NormalizeWord::Set));
const AS_SCALED: Option<Normalize> = Some(Normalize::Word(NormalizeWord::None));

fn constants(mean: &[f64], std: &[f64]) -> Option<Normalize> {
    Some(Normalize::Constants(Constants { mean: mean.to_vec(), std: std.to_vec() }))
}

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap()
}

/// The fixture's bytes as the user's own files, in both formats.
struct Bytes {
    fixture: Value,
    stored: MemoryFiles,
}

impl Bytes {
    fn new() -> Self {
        let fixture: Value = serde_json::from_str(FIXTURE).unwrap();
        let shape: Vec<usize> = read(&fixture["shape"]);
        let file = |part: &str| {
            let bytes: Vec<u8> = read(&fixture[part]);
            let count = bytes.len() / shape.iter().product::<usize>();
            let shape: Vec<usize> = [count].into_iter().chain(shape.clone()).collect();
            let labels = i64s(&(0..count as i64).map(|label| label % 2).collect::<Vec<_>>());
            (shape, bytes, count, labels)
        };
        let mut all = Vec::new();
        for part in ["train", "test"] {
            let (shape, bytes, count, labels) = file(part);
            let floats: Vec<f32> = bytes.iter().map(|&byte| byte.into()).collect();
            all.push((format!("{part}.npy"), npy(1, "|u1", &shape, &bytes)));
            all.push((format!("{part}-f32.npy"), npy(1, "<f4", &shape, &f32s(&floats))));
            all.push((format!("{part}-labels.npy"), npy(1, "<i8", &[count], &labels)));
            let tensors =
                [("features", "U8", &shape[..], bytes), ("labels", "I64", &[count][..], labels)];
            all.push((format!("{part}.safetensors"), safetensors(&tensors)));
        }
        Self { fixture, stored: MemoryFiles::of(all) }
    }

    fn spec(&self, ending: &str) -> DataSpec {
        let labels = |part: &str| (ending == "npy").then(|| format!("{part}-labels.npy"));
        spec(Files {
            test: Some(format!("test.{ending}")),
            train_labels: labels("train"),
            test_labels: labels("test"),
            ..files(&format!("train.{ending}"))
        })
    }

    #[track_caller]
    fn sees(&self, spec: &DataSpec, expected: &str) -> FederatedData {
        let data = self.stored.load(spec, 1).unwrap();
        let expected: Vec<f32> = read(&self.fixture[expected]);
        assert_eq!(pool_of(&data).all_values(), expected);
        data
    }
}

#[test]
fn bytes_of_ones_own_were_trained_raw() {
    let bytes = Bytes::new();
    for ending in ["npy", "safetensors"] {
        let data = bytes.sees(&bytes.spec(ending), "unit");
        assert_eq!(data.test.all_values(), read::<Vec<f32>>(&bytes.fixture["unit_test"]));
        bytes.sees(&DataSpec { scale: UNIT, ..bytes.spec(ending) }, "unit");
        bytes.sees(&DataSpec { scale: RAW, ..bytes.spec(ending) }, "raw");
        let half = Some(Scale::Factor(0.5));
        bytes.sees(&DataSpec { scale: half, normalize: AS_SCALED, ..bytes.spec(ending) }, "half");
    }
}

#[test]
fn constants_are_those_of_torchvisions_normalize() {
    let bytes = Bytes::new();
    let (mean, std): (Vec<f64>, Vec<f64>) =
        (read(&bytes.fixture["mean"]), read(&bytes.fixture["std"]));
    let by = |normalize| DataSpec { normalize, ..bytes.spec("npy") };
    bytes.sees(&by(constants(&mean, &std)), "constants");
    bytes.sees(&by(constants(&mean[..1], &std[..1])), "one_for_all");
}

/// Returns the example that the one client holds out as its own test.
fn held_out(data: &FederatedData) -> usize {
    let [own] = data.client(ClientId(0)).test[..] else { panic!("one is held out") };
    own as usize
}

#[test]
fn constants_of_the_data_are_those_of_the_training_examples_alone() {
    let bytes = Bytes::new();
    for seed in 0..4 {
        let spec = DataSpec { normalize: SET, ..bytes.spec("npy") };
        let data = bytes.stored.library().load(&spec, 1, Seed::new(seed)).unwrap();
        let expected: Vec<Vec<f32>> = read(&bytes.fixture["set"]);
        near(&pool_of(&data).all_values(), &expected[held_out(&data)]);
        // The test set is mapped by the same line.
        let (pool, raw): (Vec<f32>, Vec<f32>) =
            (pool_of(&data).all_values(), read(&bytes.fixture["unit"]));
        let slope = (pool[1] - pool[0]) / (raw[1] - raw[0]);
        let own = data.test.all_values();
        let unit: Vec<f32> = read(&bytes.fixture["unit_test"]);
        near(&[own[0]], &[pool[0] + slope * (unit[0] - raw[0])]);
    }
}

#[test]
fn a_table_is_normalised_column_by_column() {
    let fixture: Value = serde_json::from_str(FIXTURE).unwrap();
    let rows: Vec<f32> = read(&fixture["table"]);
    let line = |(at, row): (usize, &[f32])| {
        format!("{},{},{},{}\n", row[0], row[1], row[2], ["a", "b"][at % 2])
    };
    let text: String = rows.chunks(3).enumerate().map(line).collect();
    let train = format!("income,share,constant,class\n{text}");
    let stored = MemoryFiles::of([("a.csv", train.clone().into_bytes()), ("b.csv", train.into())]);
    let own = Files { test: Some("b.csv".to_owned()), ..files("a.csv") };
    let data = stored.load(&DataSpec { normalize: SET, ..spec(own) }, 1).unwrap();
    let expected: Vec<Vec<f32>> = read(&fixture["table_set"]);
    let expected = &expected[held_out(&data)];
    near(&pool_of(&data).all_values(), expected);
    near(&data.test.all_values(), expected);
    // A constant column becomes 0, not 0/0.
    assert!(pool_of(&data).all_values().iter().skip(2).step_by(3).all(|&value| value == 0.0));
}

#[track_caller]
fn near(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= 2e-6 * expected.abs().max(1.0), "{found} {expected}");
    }
}

fn one_image(set: DataSet, pixels: &[u8]) -> MemoryFiles {
    match set {
        DataSet::Cifar10 => {
            let batch = cifar(&vec![(&[1_u8][..], pixels[0]); 10_000]);
            let names = ["data_batch_1.bin", "test_batch.bin"];
            MemoryFiles::of(names.map(|name| (format!("cifar-10/{name}"), batch.clone())))
        }
        _ => MemoryFiles::of([
            ("mnist/train-images-idx3-ubyte", idx_images([60_000, 28, 28], pixels)),
            ("mnist/train-labels-idx1-ubyte", idx_labels(60_000, &[3; 60_000])),
            ("mnist/t10k-images-idx3-ubyte", idx_images([10_000, 28, 28], pixels)),
            ("mnist/t10k-labels-idx1-ubyte", idx_labels(10_000, &[3; 10_000])),
        ]),
    }
}

#[test]
fn known_images_are_seen_as_before_the_keys_were_there_bit_for_bit() {
    let pixels: Vec<u8> = (0..784).map(|index| (index % 256) as u8).collect();
    let stored = one_image(DataSet::Mnist, &pixels);
    let (mean, std) = (0.1307_f32, 0.3081_f32);
    let before: Vec<f32> = pixels
        .iter()
        .map(|&byte| f32::from(byte).mul_add(1.0 / (255.0 * std), -mean / std))
        .collect();
    let plain = first(DataSet::Mnist, 1, 1);
    let same = [
        plain.clone(),
        DataSpec { scale: UNIT, normalize: SET, ..plain.clone() },
        DataSpec { normalize: constants(&[0.1307], &[0.3081]), ..plain.clone() },
    ];
    for spec in same {
        assert_eq!(pool_of(&stored.load(&spec, 1).unwrap()).all_values(), before);
    }
    let raw = DataSpec { scale: RAW, normalize: AS_SCALED, ..plain };
    let bytes: Vec<f32> = pixels.iter().map(|&byte| byte.into()).collect();
    assert_eq!(stored.load(&raw, 1).unwrap().test.all_values(), bytes);
}

#[test]
fn one_value_for_all_channels_of_a_known_set_becomes_one_for_each() {
    let spec = DataSpec { normalize: constants(&[0.5], &[0.25]), ..first(DataSet::Cifar10, 1, 1) };
    let data = one_image(DataSet::Cifar10, &[255]).load(&spec, 1).unwrap();
    let ExampleValues::Bytes { channels, .. } = &pool_of(&data).values else { panic!("bytes") };
    assert_eq!(channels[..], [Affine { factor: 1.0 / (255.0 * 0.25), offset: -2.0 }; 3]);
    assert!(pool_of(&data).all_values().iter().all(|&value| (value - 2.0).abs() < 1e-6));
}

#[test]
fn digits_and_drawn_sets_are_scaled_on_demand_and_as_before_otherwise() {
    let values = |spec: &DataSpec| pool_of(&load(spec, 2, Seed::new(1)).unwrap()).all_values();
    let plain = digits(Partition::Iid);
    let raw = DataSpec { scale: RAW, ..plain.clone() };
    let sixteenth: Vec<f32> = values(&raw).iter().map(|pixel| pixel / 16.0).collect();
    assert_eq!(values(&plain), sixteenth);
    let drawn = DataSpec::new(DataSet::Synthetic(Synthetic::default()));
    let twice = DataSpec { scale: Some(Scale::Factor(2.0)), ..drawn.clone() };
    let doubled: Vec<f32> = values(&drawn).iter().map(|value| 2.0 * value).collect();
    assert_eq!(values(&twice), doubled);
    let data = load(&DataSpec { normalize: SET, ..twice }, 2, Seed::new(1)).unwrap();
    let stats = InputStats::of(&pool_of(&data), &data.union_train()).unwrap();
    assert!(stats.mean.abs() < 1e-5 && (stats.std - 1.0).abs() < 1e-5, "{stats:?}");
}

#[test]
fn clients_that_are_drawn_one_by_one_are_scaled_too() {
    let synthetic = Synthetic { per_client: Some(4), ..Synthetic::default() };
    let plain = DataSpec { test: Some(3), ..DataSpec::new(DataSet::Synthetic(synthetic)) };
    let by = DataSpec {
        scale: Some(Scale::Factor(2.0)),
        normalize: constants(&[1.0], &[4.0]),
        ..plain.clone()
    };
    let (plain, by) = (load(&plain, 3, Seed::new(1)).unwrap(), load(&by, 3, Seed::new(1)).unwrap());
    let line = |values: Vec<f32>| values.iter().map(|x| (2.0 * x - 1.0) / 4.0).collect::<Vec<_>>();
    let own = |data: &FederatedData| data.client(ClientId(2)).examples.all_values();
    assert_eq!(own(&by), line(own(&plain)));
    assert_eq!(by.test.all_values(), line(plain.test.all_values()));
}

#[track_caller]
fn refused(library: &Library, spec: &DataSpec, key: &str, message: &str) -> DataError {
    let error = library.check(spec, 1).unwrap_err();
    assert_eq!((error.key(), error.to_string().as_str()), (key, message));
    error
}

#[test]
fn scales_and_constants_that_do_not_fit_are_refused_with_their_key() {
    let bytes = Bytes::new();
    let own = bytes.stored.library();
    let channels = DataSpec { normalize: constants(&[0.5; 3], &[1.0]), ..bytes.spec("npy") };
    let error = refused(
        &own,
        &channels,
        "data.normalize.mean",
        "`data.normalize.mean` has 3 values; an example of shape [2, 3, 2] has 2 channels",
    );
    assert_eq!(error.help().unwrap(), "give one value for all, or 2: one for each");
    let std = DataSpec { normalize: constants(&[0.5], &[1.0, -1.0]), ..bytes.spec("npy") };
    let message = "`data.normalize.std` is -1; it must be above 0, and 32-bit numbers";
    refused(&own, &std, "data.normalize.std", message);
    let floats = Files {
        train: "train-f32.npy".to_owned(),
        test: None,
        test_labels: None,
        ..match bytes.spec("npy").set {
            DataSet::Files(files) => files,
            _ => unreachable!(),
        }
    };
    let unit = DataSpec { scale: UNIT, ..spec(floats.clone()) };
    let message = "the format of `train-f32.npy` has no largest number, so \"unit\" is not defined";
    refused(&own, &unit, "data.scale", message);
    let test = Some("test.npy".to_owned());
    let mixed = Files { test, test_labels: Some("test-labels.npy".to_owned()), ..floats };
    let message = "`test.npy` holds bytes, which are divided by 255, and `train-f32.npy` other numbers, which are not";
    refused(&own, &spec(mixed.clone()), "data.set.files", message);
    own.check(&DataSpec { scale: Some(Scale::Factor(0.1)), ..spec(mixed) }, 1).unwrap();
    let text = DataSpec { normalize: SET, ..DataSpec::new(DataSet::TinyShakespeare) };
    let message = "`data.normalize` would have no effect: the tokens of a text are not quantities";
    refused(&library(), &text, "data.normalize", message);
    let drawn = Synthetic { per_client: Some(4), ..Synthetic::default() };
    let drawn = DataSpec { normalize: SET, ..DataSpec::new(DataSet::Synthetic(drawn)) };
    let message = "the constants of clients that are drawn one by one cannot be computed";
    refused(&library(), &drawn, "data.normalize", message);
}

/// The page `docs/data.md` gives the formula of every set as the code has it.
#[test]
fn the_documented_scaling_of_every_set_is_the_one_in_code() {
    let page = include_str!("../../../../docs/data.md");
    let (_, page) = page.split_once("## What the model sees").unwrap();
    let row = |set: &str| {
        let begin = format!("| `{set}` |");
        let row = page.lines().find(|line| line.starts_with(&begin));
        row.unwrap_or_else(|| panic!("no row of `{set}` in docs/data.md")).to_owned()
    };
    let images = [
        ("\"mnist\"", DataSet::Mnist),
        ("\"fashion-mnist\"", DataSet::FashionMnist),
        ("\"cifar-10\"", DataSet::Cifar10),
        ("\"cifar-100\"", DataSet::Cifar100),
    ];
    for (name, set) in images {
        // The formula of a known set is known without reading files.
        let words = library().inputs(&DataSpec::new(set.clone())).unwrap().unwrap();
        assert!(row(name).contains(&format!("`{words}`")), "{} lacks `{words}`", row(name));
        for (mean, std) in published(&set).unwrap() {
            assert!(words.contains(&mean.to_string()) && words.contains(&std.to_string()));
        }
    }
    let words = |spec: &DataSpec| library().inputs(spec).unwrap().unwrap();
    let drawn = DataSpec::new(DataSet::Synthetic(Synthetic::default()));
    for (name, spec) in [("\"digits\"", digits(Partition::Iid)), ("{ synthetic = { … } }", drawn)]
    {
        assert!(row(name).contains(&format!("`{}`", words(&spec))), "{}", row(name));
    }
    let own = Bytes::new();
    let words = own.stored.library().inputs(&own.spec("npy")).unwrap().unwrap();
    assert_eq!(words, "x / 255");
    assert!(row("{ files = { … } }").contains("`x / 255`"));
}

#[test]
fn the_words_of_a_scaling_say_its_constants() {
    let words = |scale, normalize| {
        let spec = DataSpec { scale, normalize, ..digits(Partition::Iid) };
        library().inputs(&spec).unwrap().unwrap()
    };
    assert_eq!(words(None, None), "x / 16");
    assert_eq!(
        words(Some(Scale::Factor(0.25)), SET),
        "(x · 0.25 − mean) / std of the training examples"
    );
    assert_eq!(words(RAW, constants(&[1.0], &[2.0, 3.0])), "(x − 1) / [2, 3]");
}

#[test]
fn examples_of_a_set_have_the_range_that_the_model_sees() {
    let data = load(&digits(Partition::Iid), 2, Seed::new(1)).unwrap();
    let rows: Vec<u32> = (0..data.test.len() as u32).collect();
    let stats = InputStats::of(&data.test, &rows).unwrap();
    assert_eq!((stats.min, stats.max, stats.examples), (0.0, 1.0, 359));
    let none: &Examples = &data.test;
    assert_eq!(InputStats::of(none, &[]), None);
}

#[test]
fn channels_that_come_last_got_constants_per_row_of_the_image() {
    let labels = npy(1, "|u1", &[4], &[0, 1, 0, 1]);
    let stored =
        MemoryFiles::of([("x.npy", npy(1, "|u1", &[4, 6, 5, 3], &[7; 4 * 90])), ("y.npy", labels)]);
    let of = |shape: Option<&[u32]>, normalize| {
        let train_labels = Some("y.npy".to_owned());
        let own = Files { train_labels, shape: shape.map(<[u32]>::to_vec), ..files("x.npy") };
        stored.facts(&DataSpec { normalize, ..spec(own) })
    };
    for normalize in [SET, constants(&[0.5, 0.4, 0.3], &[0.2]), constants(&[0.5; 6], &[0.2; 6])] {
        let error = of(None, normalize).unwrap_err();
        assert_eq!(error.key(), "data.normalize");
        assert_eq!(
            error.to_string(),
            "an example of `x.npy` has shape [6, 5, 3]; one constant per channel means one per index of the first axis, which looks like the height"
        );
        assert!(error.help().unwrap().contains("`x = x.transpose(0, 3, 1, 2)`"));
    }
    // A single constant for an image, and a confirmed shape, are accepted.
    for good in [of(None, None), of(None, constants(&[0.5], &[0.2])), of(Some(&[6, 5, 3]), SET)] {
        assert_eq!(good.unwrap().shape, [6, 5, 3]);
    }
}
