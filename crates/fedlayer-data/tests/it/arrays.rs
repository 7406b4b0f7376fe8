//! `.npy` and safetensors files of one's own.

use fedlayer_core::{
    FederatedData,
    spec::{DataSpec, Files, Partition},
};
use fedlayer_data::{
    DataError,
    decode::{Fault, Source, array::Kind, npy},
};

use crate::{
    encode::{f32s, gzip, i64s, npy as encoded, safetensors},
    memory::MemoryShelf,
    tables::{files, spec},
};

fn two(features: Vec<u8>, labels: Vec<u8>) -> Result<FederatedData, DataError> {
    let own = Files { train_labels: Some("y.npy".to_owned()), ..files("x.npy") };
    let own =
        Files { test: Some("x.npy".to_owned()), test_labels: own.train_labels.clone(), ..own };
    MemoryShelf::of([("x.npy.gz", gzip(&features)), ("y.npy", labels)]).load(&spec(own), 1)
}

#[test]
fn features_and_labels_are_two_npy_files() {
    for version in [1, 2, 3] {
        let features = encoded(version, "<f4", &[2, 1, 2, 1], &f32s(&[1.0, 2.0, 3.5, -4.0]));
        let data = two(features, encoded(version, "<i8", &[2], &i64s(&[5, 0]))).unwrap();
        let pool = data.pool().unwrap();
        assert_eq!((&pool.shape, pool.classes, &pool.labels), (&vec![1, 2, 1], 6, &vec![5, 0]));
        assert_eq!(pool.all_values(), [1.0, 2.0, 3.5, -4.0]);
    }
    let bytes = two(
        encoded(1, "|u1", &[2, 2], &[0, 255, 7, 8]),
        encoded(1, "<i4", &[2], &[1, 0, 0, 0, 0, 0, 0, 0]),
    );
    let seen = [0.0, 255.0, 7.0, 8.0].map(|byte: f32| byte / 255.0);
    assert_eq!(bytes.unwrap().pool().unwrap().all_values(), seen);
}

/// What NumPy 2 writes for `numpy.save(…, numpy.array([[1.5, -2]]))`, padded to 64 bytes.
#[test]
fn numpys_own_header_is_read() {
    let mut header =
        b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2), }"
            .to_vec();
    header.resize(127, b' ');
    header.push(b'\n');
    let bytes = [header, [1.5_f64, -2.0].map(f64::to_le_bytes).concat()].concat();
    let array = npy::array(&mut Source::new("a", &bytes[..]).unwrap()).unwrap();
    assert_eq!((&array.shape[..], array.kind, array.start), (&[1, 2][..], Kind::F64, 128));
    assert_eq!(array.numbers().collect::<Vec<_>>(), [1.5, -2.0]);
}

#[track_caller]
fn refused(features: Vec<u8>, labels: Vec<u8>, fault: Fault, message: &str) {
    let DataError::Decode(error) = two(features, labels).unwrap_err() else {
        panic!("not a fault of the file")
    };
    assert_eq!((error.to_string().as_str(), error.fault), (message, fault));
}

#[test]
fn every_fault_of_an_array_is_named_with_its_byte() {
    let features = || encoded(1, "<f4", &[2, 1], &f32s(&[1.0, 2.0]));
    let labels = || encoded(1, "|u1", &[2], &[0, 1]);
    refused(
        labels(),
        labels(),
        Fault::Shape,
        "`x.npy.gz`, byte 68: found an array of shape [2]; expected features [N, …], at least one",
    );
    refused(
        features(),
        encoded(1, "|u1", &[3], &[0, 1, 2]),
        Fault::Shape,
        "`y.npy`, byte 68: found an array of shape [3]; expected [2], one for each example",
    );
    refused(
        encoded(1, "<f4", &[2, 1], &f32s(&[1.0, f32::NAN])),
        labels(),
        Fault::Value,
        "`x.npy.gz`, byte 75: found NaN; expected a finite 32-bit number",
    );
    refused(
        features(),
        encoded(1, "|i1", &[2], &[0, 255]),
        Fault::Label,
        "`y.npy`, byte 69: found -1; expected a label: a whole number from 0 to 999999",
    );
    refused(
        b"\x93NUMPX\x01\x00".to_vec(),
        labels(),
        Fault::Magic,
        "`x.npy.gz`, byte 0: found `\\x93NUMPX\\x01\\x00`; expected `\\x93NUMPY` and version 1, 2 or 3",
    );
    refused(
        encoded(4, "<f4", &[2, 1], &[]),
        labels(),
        Fault::Magic,
        "`x.npy.gz`, byte 0: found `\\x93NUMPY\\x04\\x00`; expected `\\x93NUMPY` and version 1, 2 or 3",
    );
    refused(
        encoded(1, ">f4", &[1], &[]),
        labels(),
        Fault::Shape,
        "`x.npy.gz`, byte 10: found the header `{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }`; expected 'descr' <f4, <f8, |u1, |i1, <u2, <i2, <u4, <i4 or <i8",
    );
    refused(
        encoded(1, "<f4", &[1 << 40, 1 << 40], &[]),
        labels(),
        Fault::Shape,
        "`x.npy.gz`, byte 10: found the header `{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776, 1099511627776,), }`; expected at most 8 GiB of numbers",
    );
    // 4 GiB by its header, and 8 bytes long: nothing is allocated for what is not there.
    refused(
        encoded(1, "<f4", &[1 << 20, 1 << 10], &f32s(&[1.0, 2.0])),
        labels(),
        Fault::Truncated,
        "`x.npy.gz`, byte 88: found the end after 8 of 4294967296 bytes; expected the numbers of the array",
    );
    refused(
        [features(), vec![0]].concat(),
        labels(),
        Fault::TooLong,
        "`x.npy.gz`, byte 79: found more data; expected the end of the file",
    );
    let mut long = b"\x93NUMPY\x02\x00".to_vec();
    long.extend(u32::MAX.to_le_bytes());
    refused(
        long,
        labels(),
        Fault::Shape,
        "`x.npy.gz`, byte 8: found one of 4294967295; expected a header of at most 65536 bytes",
    );
    let alone = MemoryShelf::of([("x.npy", features())]).facts(&spec(files("x.npy"))).unwrap_err();
    assert_eq!(
        (alone.key(), alone.to_string().as_str()),
        ("data.set.files", "`x.npy` has no labels; a `.npy` file holds one array")
    );
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
    let data = MemoryShelf::of([("t.safetensors", file)]).load(&natural, 2).unwrap();
    let pool = data.pool().unwrap();
    assert_eq!((&pool.shape, &pool.labels, pool.classes), (&vec![1, 2], &vec![2, 0, 1, 1], 3));
    assert_eq!(pool.all_values(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
    // Owners are numbered anew, whatever they are called.
    assert_eq!(pool.groups.as_deref(), Some(&[0, 1, 1, 0][..]));
}

#[test]
fn what_is_missing_in_safetensors_is_named() {
    let of = |file: Vec<u8>| {
        let shelf = MemoryShelf::of([("t.safetensors", file)]);
        let DataError::Decode(error) = shelf.facts(&spec(files("t.safetensors"))).unwrap_err()
        else {
            panic!("not a fault of the file")
        };
        (error.fault, error.to_string())
    };
    let named = |name, dtype, size: usize| safetensors(&[(name, dtype, &[1, 1], vec![0; size])]);
    assert_eq!(
        of(named("inputs", "F32", 4)),
        (
            Fault::Shape,
            "`t.safetensors`, byte 0: found the tensors inputs; expected a tensor `features`"
                .to_owned()
        )
    );
    assert_eq!(
        of(named("features", "F16", 2)),
        (Fault::Shape, "`t.safetensors`, byte 0: found `features` of F16; expected F32, F64, U8, I8, U16, I16, U32, I32 or I64".to_owned())
    );
    assert_eq!(of(b"not one of these".to_vec()).0, Fault::Magic);
    let whole = tensors(&[0, 1, 0], &[0, 0, 0]);
    assert_eq!(of(whole[..whole.len() - 1].to_vec()).0, Fault::Magic);
    // The labels stand last, 8 bytes each.
    let at = whole.len() - 8;
    let wrong = tensors(&[0, 1, -3], &[0, 0, 0]);
    assert_eq!(
        of(wrong),
        (
            Fault::Label,
            format!(
                "`t.safetensors: labels`, byte {at}: found -3; expected a label: a whole number from 0 to 999999"
            )
        )
    );
    assert_eq!(of(tensors(&[0, 1, 0], &[0, 0])).0, Fault::Shape);
}
