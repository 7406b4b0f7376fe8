//! `.npy` and safetensors files of the user.

use fedlayer_core::{
    data::FederatedData,
    spec::{DataSpec, Files, Partition, Scale, ScaleWord},
};
use fedlayer_data::{
    DataError,
    decode::{DecodeFault, FileReader, array::ElementType, npy},
};

use crate::{
    encode::{f32s, gzip, i64s, npy as encoded, safetensors},
    memory::MemoryFiles,
    tables::{files, spec},
};

fn two(features: Vec<u8>, labels: Vec<u8>) -> Result<FederatedData, DataError> {
    let own = Files { train_labels: Some("y.npy".to_owned()), ..files("x.npy") };
    let own =
        Files { test: Some("x.npy".to_owned()), test_labels: own.train_labels.clone(), ..own };
    MemoryFiles::of([("x.npy.gz", gzip(&features)), ("y.npy", labels)]).load(&spec(own), 1)
}

#[test]
fn features_and_labels_are_two_npy_files() {
    for version in [1, 2, 3] {
        let features = encoded(version, "<f4", &[2, 1, 2, 1], &f32s(&[1.0, 2.0, 3.5, -4.0]));
        let data = two(features, encoded(version, "<i8", &[2], &i64s(&[5, 0]))).unwrap();
        let pool = data.pool().unwrap();
        assert_eq!((&pool.shape, pool.classes, &pool.labels), (&vec![1, 2, 1], 2, &vec![1, 0]));
        assert_eq!(pool.class_names.as_deref(), Some(&["0".to_owned(), "5".to_owned()][..]));
        assert_eq!(pool.all_values(), [1.0, 2.0, 3.5, -4.0]);
    }
    let bytes = two(
        encoded(1, "|u1", &[2, 2], &[0, 255, 7, 8]),
        encoded(1, "<i4", &[2], &[1, 0, 0, 0, 0, 0, 0, 0]),
    );
    let seen = [0.0, 255.0, 7.0, 8.0].map(|byte: f32| byte / 255.0);
    assert_eq!(bytes.unwrap().pool().unwrap().all_values(), seen);
}

/// The array is the file that NumPy 2 writes for `numpy.save(…, numpy.array([[1.5, -2]]))`, padded
/// to 64 bytes.
#[test]
fn numpys_own_header_is_read() {
    let mut header =
        b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2), }"
            .to_vec();
    header.resize(127, b' ');
    header.push(b'\n');
    let bytes = [header, [1.5_f64, -2.0].map(f64::to_le_bytes).concat()].concat();
    let array = npy::array(&mut FileReader::new("a", &bytes[..]).unwrap()).unwrap();
    assert_eq!(
        (&array.shape[..], array.kind, array.start),
        (&[1, 2][..], ElementType::F64, Some(128))
    );
    assert_eq!(array.numbers().collect::<Vec<_>>(), [1.5, -2.0]);
}

#[track_caller]
fn refused(features: Vec<u8>, labels: Vec<u8>, fault: DecodeFault, message: &str) {
    let DataError::OwnFile(error) = two(features, labels).unwrap_err() else {
        panic!("not a fault of the file")
    };
    assert_eq!((error.to_string().as_str(), error.fault), (message, fault));
}

fn good_features() -> Vec<u8> {
    encoded(1, "<f4", &[2, 1], &f32s(&[1.0, 2.0]))
}

fn good_labels() -> Vec<u8> {
    encoded(1, "|u1", &[2], &[0, 1])
}

/// The bytes of a file of features, the fault, and the message that names it.
type Case = (Vec<u8>, DecodeFault, &'static str);

#[test]
fn every_fault_of_the_values_of_an_array_is_named_with_its_byte() {
    refused(
        good_labels(),
        good_labels(),
        DecodeFault::Shape,
        "`x.npy.gz`, byte 68: found an array of shape [2]; expected features [N, …], at least one",
    );
    refused(
        good_features(),
        encoded(1, "|u1", &[3], &[0, 1, 2]),
        DecodeFault::Shape,
        "`y.npy`, byte 68: found an array of shape [3]; expected [2], one for each example",
    );
    refused(
        encoded(1, "<f4", &[2, 1], &f32s(&[1.0, f32::NAN])),
        good_labels(),
        DecodeFault::Value,
        "`x.npy.gz`, byte 75: found NaN; expected a finite number",
    );
    refused(
        good_features(),
        encoded(1, "<f4", &[2], &f32s(&[0.0, 0.5])),
        DecodeFault::Label,
        "`y.npy`, byte 72: found 0.5; expected a class: a whole number or a name",
    );
}

#[test]
fn every_fault_of_the_header_of_an_array_is_named_with_its_byte() {
    let long = [&b"\x93NUMPY\x02\x00"[..], &u32::MAX.to_le_bytes()].concat();
    let cases: [Case; 5] = [
        (
            b"\x93NUMPX\x01\x00".to_vec(),
            DecodeFault::Magic,
            "`x.npy.gz`, byte 0: found `\\x93NUMPX\\x01\\x00`; expected `\\x93NUMPY` and version 1, 2 or 3",
        ),
        (
            encoded(4, "<f4", &[2, 1], &[]),
            DecodeFault::Magic,
            "`x.npy.gz`, byte 0: found `\\x93NUMPY\\x04\\x00`; expected `\\x93NUMPY` and version 1, 2 or 3",
        ),
        (
            encoded(1, "<c8", &[1], &[]),
            DecodeFault::Shape,
            "`x.npy.gz`, byte 10: found the header `{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }`; expected 'descr' of floats (f2, f4, f8), whole numbers (i1 to i8, u1 to u8) or bool (b1)",
        ),
        (
            encoded(1, "<f4", &[1 << 40, 1 << 40], &[]),
            DecodeFault::Shape,
            "`x.npy.gz`, byte 10: found the header `{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776, 1099511627776,), }`; expected at most 8 GiB of numbers",
        ),
        (
            long,
            DecodeFault::Shape,
            "`x.npy.gz`, byte 8: found one of 4294967295; expected a header of at most 65536 bytes",
        ),
    ];
    for (features, fault, message) in cases {
        refused(features, good_labels(), fault, message);
    }
}

#[test]
fn an_array_that_is_shorter_or_longer_than_its_header_says_is_refused() {
    // The header promises 4 GiB and 8 bytes follow: no memory is allocated for missing data.
    refused(
        encoded(1, "<f4", &[1 << 20, 1 << 10], &f32s(&[1.0, 2.0])),
        good_labels(),
        DecodeFault::Truncated,
        "`x.npy.gz`, byte 88: found the end after 8 of 4294967296 bytes; expected the numbers of the array",
    );
    refused(
        [good_features(), vec![0]].concat(),
        good_labels(),
        DecodeFault::TooLong,
        "`x.npy.gz`, byte 79: found more data; expected the end of the file",
    );
}

#[test]
fn an_array_without_a_file_of_labels_is_refused() {
    let stored = MemoryFiles::of([("x.npy", good_features())]);
    let error = stored.facts(&spec(files("x.npy"))).unwrap_err();
    assert_eq!(
        (error.key(), error.to_string().as_str()),
        ("data.set.files", "`x.npy` has no labels; a `.npy` file holds one array")
    );
}

/// Every type of array and tensor that NumPy and PyTorch write, in either byte order and in C and
/// Fortran order, is read as they read it.
#[test]
fn arrays_of_every_kind_and_order_are_read_as_numpy_and_pytorch_read_them() {
    let oracle = crate::columns::oracle();
    for case in oracle["arrays"].as_array().unwrap() {
        let file = crate::columns::bytes(&case["file"]);
        let array = npy::array(&mut FileReader::new("a", &file[..]).unwrap()).unwrap();
        assert_eq!(array.shape, [2, 3, 4]);
        let expected: Vec<f64> = serde_json::from_value(case["values"].clone()).unwrap();
        assert_eq!(array.numbers().collect::<Vec<_>>(), expected, "{case}");
    }
    for case in oracle["tensors"].as_array().unwrap() {
        let stored = MemoryFiles::of([("t.safetensors", crate::columns::bytes(&case["file"]))]);
        let test = Some("t.safetensors".to_owned());
        let own = Files { test, ..files("t.safetensors") };
        let raw = DataSpec { scale: Some(Scale::Word(ScaleWord::None)), ..spec(own) };
        let pool = stored.load(&raw, 1).unwrap().pool().unwrap().clone();
        let expected: Vec<f32> = serde_json::from_value(case["values"].clone()).unwrap();
        assert_eq!(pool.all_values(), expected, "{case}");
        let expected: Vec<u32> = serde_json::from_value(case["labels"].clone()).unwrap();
        assert_eq!(pool.labels, expected, "{case}");
    }
}

#[test]
fn an_array_in_fortran_order_names_the_example_of_a_fault() {
    let numbers = [1.0, 2.0, 3.0, f32::NAN].map(f32::to_be_bytes).concat();
    let mut file = encoded(1, ">f4", &[2, 2], &numbers);
    let at = file.windows(5).position(|bytes| bytes == b"False").unwrap();
    file[at..at + 5].copy_from_slice(b"True ");
    let error = two(file, encoded(1, "|u1", &[2], &[0, 1])).unwrap_err();
    assert_eq!(error.to_string(), "`x.npy.gz`, example 1: found NaN; expected a finite number");
}

/// Permuted tensors are read; renamed, missing, further, repeated and nameless ones are refused.
#[test]
fn tensors_are_found_by_name() {
    let (features, labels) = (f32s(&[1.0, 2.0, 3.0, 4.0]), i64s(&[1, 0]));
    let of = |names: &[&str]| {
        let mut tensors = Vec::new();
        for name in names {
            tensors.push(match name.starts_with('f') || name.is_empty() {
                true => (*name, "F32", &[2, 2][..], features.clone()),
                false => (*name, "I64", &[2][..], labels.clone()),
            });
        }
        let stored = MemoryFiles::of([("t.safetensors", safetensors(&tensors))]);
        let test = Some("t.safetensors".to_owned());
        let data = stored.load(&spec(Files { test, ..files("t.safetensors") }), 1);
        data.map(|data| data.test.all_values()).map_err(|error| error.to_string())
    };
    assert_eq!(of(&["features", "labels"]).unwrap(), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(of(&["labels", "features"]).unwrap(), [1.0, 2.0, 3.0, 4.0]);
    let refused = |names: &[&str], found: &str, expected: &str| {
        let words =
            format!("`t.safetensors`, byte 0: found the tensors {found}; expected {expected}");
        assert_eq!(of(names).unwrap_err(), words);
    };
    let only = "`features`, `labels`, perhaps `groups`, and no others";
    refused(&["features", "targets"], "`features`, `targets`", only);
    refused(&["features", "labels", "weights"], "`features`, `labels`, `weights`", only);
    refused(&["", "features", "labels"], "``, `features`, `labels`", only);
    refused(&["features"], "`features`", "a tensor `labels`");
    refused(&["labels"], "`labels`", "a tensor `features`");
    let twice = of(&["features", "features", "labels"]).unwrap_err();
    assert!(twice.contains("expected a safetensors file"), "{twice}");
}

fn tensors(labels: &[i64], groups: &[i64]) -> Vec<u8> {
    let values: Vec<f32> = (0..2 * labels.len()).map(|value| value as f32).collect();
    safetensors(&[
        ("features", "F32", &[labels.len(), 1, 2], f32s(&values)),
        ("groups", "I64", &[groups.len()], i64s(groups)),
        ("labels", "I64", &[labels.len()], i64s(labels)),
    ])
}

#[test]
fn safetensors_hold_features_labels_and_owners() {
    let own = Files { test: Some("t.safetensors".to_owned()), ..files("t.safetensors") };
    let natural = DataSpec { partition: Partition::Natural, ..spec(own) };
    let file = tensors(&[2, 0, 1, 1], &[4_000_000_000, 7, 7, 4_000_000_000]);
    let data = MemoryFiles::of([("t.safetensors", file)]).load(&natural, 2).unwrap();
    let pool = data.pool().unwrap();
    assert_eq!((&pool.shape, &pool.labels, pool.classes), (&vec![1, 2], &vec![2, 0, 1, 1], 3));
    assert_eq!(pool.all_values(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
    // Owners are renumbered, whatever their names.
    assert_eq!(pool.groups.as_deref(), Some(&[0, 1, 1, 0][..]));
}

#[test]
fn what_is_missing_in_safetensors_is_named() {
    let of = |file: Vec<u8>| {
        let stored = MemoryFiles::of([("t.safetensors", file)]);
        let DataError::OwnFile(error) = stored.facts(&spec(files("t.safetensors"))).unwrap_err()
        else {
            panic!("not a fault of the file")
        };
        (error.fault, error.to_string())
    };
    let named = |name, dtype, size: usize| safetensors(&[(name, dtype, &[1, 1], vec![0; size])]);
    assert_eq!(
        of(named("features", "F8_E5M2", 1)),
        (DecodeFault::Shape, "`t.safetensors`, byte 0: found `features` of F8_E5M2; expected floats of 16, 32 or 64 bits, whole numbers or BOOL".to_owned())
    );
    assert_eq!(of(b"not one of these".to_vec()).0, DecodeFault::Magic);
    let whole = tensors(&[0, 1, 0], &[0, 0, 0]);
    assert_eq!(of(whole[..whole.len() - 1].to_vec()).0, DecodeFault::Magic);
    // The labels are the last tensor, 8 bytes each.
    let at = whole.len() - 8;
    let mut wrong = whole;
    wrong[at..].copy_from_slice(&(1_i64 << 60).to_le_bytes());
    assert_eq!(
        of(wrong),
        (
            DecodeFault::Label,
            format!(
                "`t.safetensors: labels`, byte {at}: found 1.152921504606847e18; expected a class: a whole number from -9007199254740991 to 9007199254740991"
            )
        )
    );
    assert_eq!(of(tensors(&[0, 1, 0], &[0, 0])).0, DecodeFault::Shape);
}
