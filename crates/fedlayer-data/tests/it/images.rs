//! The image sets: the files that are opened, the bytes that are read, and the errors about damaged
//! files.

use std::sync::Arc;

use fedlayer_core::{
    Seed,
    data::{Affine, ExampleValues},
    spec::{DataSet, DataSpec},
};
use fedlayer_data::decode::DecodeFault;

use crate::{
    encode::{cifar, gzip, idx_images, idx_labels},
    memory::{MemoryFiles, first},
};

/// Returns the first three training images and the first two test images of a set like MNIST; the
/// headers claim that all follow.
pub(crate) fn few(folder: &str) -> Vec<(String, Vec<u8>)> {
    let images = |images: &[u8]| images.iter().flat_map(|&pixel| [pixel; 784]).collect::<Vec<_>>();
    vec![
        (
            format!("{folder}/train-images-idx3-ubyte"),
            idx_images([60_000, 28, 28], &images(&[7, 8, 9])),
        ),
        (format!("{folder}/train-labels-idx1-ubyte"), idx_labels(60_000, &[3, 1, 4])),
        (
            format!("{folder}/t10k-images-idx3-ubyte"),
            idx_images([10_000, 28, 28], &images(&[1, 2])),
        ),
        (format!("{folder}/t10k-labels-idx1-ubyte"), idx_labels(10_000, &[5, 9])),
    ]
}

#[test]
fn mnist_is_read_in_the_order_of_its_files() {
    let plain = few("mnist");
    let compressed = plain.iter().map(|(name, bytes)| (format!("{name}.gz"), gzip(bytes)));
    // The name does not matter: gzip is recognised by its first bytes.
    let misnamed = plain.iter().map(|(name, bytes)| (name.clone(), gzip(bytes)));
    for files in [plain.clone(), compressed.collect(), misnamed.collect()] {
        let stored = MemoryFiles::of(files);
        let spec = first(DataSet::Mnist, 3, 2);
        let facts = stored.facts(&spec).unwrap();
        assert_eq!(
            (facts.shape, facts.classes, facts.pool, facts.test),
            (vec![1, 28, 28], 10, 3, 2)
        );
        let data = stored.load(&spec, 3).unwrap();
        let pool = data.pool().unwrap();
        assert_eq!((&pool.labels[..], &data.test.labels[..]), (&[3, 1, 4][..], &[5, 9][..]));
        let ExampleValues::Bytes { bytes, channels } = &pool.values else {
            panic!("images are bytes")
        };
        assert_eq!(bytes.chunks(784).map(|image| image[783]).collect::<Vec<_>>(), [7, 8, 9]);
        let affine = Affine { factor: 1.0 / (255.0 * 0.3081), offset: -0.1307 / 0.3081 };
        assert_eq!(channels, &[affine]);
    }
}

#[test]
fn facts_open_the_files_and_read_nothing_of_them() {
    let stored = MemoryFiles::of(few("fashion-mnist").into_iter().map(|(name, _)| (name, vec![1])));
    let facts = stored.facts(&DataSpec::new(DataSet::FashionMnist)).unwrap();
    assert_eq!((facts.pool, facts.test), (60_000, 10_000));
    assert_eq!(stored.opened().len(), 4);
}

fn batch(label: u8) -> Vec<u8> {
    let labels = [label];
    cifar(&vec![(&labels[..], label); 10_000])
}

#[test]
fn cifar_10_opens_only_the_files_that_are_needed() {
    let one = |name: &str, label| (format!("cifar-10/{name}.bin"), batch(label));
    let files = [one("data_batch_1", 1), one("data_batch_2", 2), one("test_batch", 3)];
    let stored = MemoryFiles::of(files);
    let library = stored.library();
    let names = |names: &[&str]| -> Vec<String> {
        names.iter().map(|name| format!("cifar-10/{name}.bin")).collect()
    };
    let mut spec = first(DataSet::Cifar10, 20_000, 10_000);
    library.check(&spec, 10).unwrap();
    assert_eq!(stored.opened(), names(&["data_batch_1", "data_batch_2", "test_batch"]));
    let data = library.load(&spec, 10, Seed::new(1)).unwrap();
    let pool = data.pool().unwrap();
    assert_eq!((pool.len(), data.test.len()), (20_000, 10_000));
    assert_eq!((pool.labels[9_999], pool.labels[10_000], data.test.labels[0]), (1, 2, 3));
    let ExampleValues::Bytes { bytes, .. } = &pool.values else { panic!("images are bytes") };
    assert_eq!((bytes.len(), bytes[0], bytes[20_000 * 3072 - 1]), (20_000 * 3072, 1, 2));
    stored.opened();
    // Every seed and every plan shares the images that were read.
    let again = library.load(&spec, 7, Seed::new(2)).unwrap();
    assert!(Arc::ptr_eq(pool, again.pool().unwrap()) && Arc::ptr_eq(&data.test, &again.test));
    // `check` opens files and reads none, so a file that vanished is noticed.
    assert_eq!(stored.opened().len(), 3);
    spec.train = Some(1);
    library.check(&spec, 1).unwrap();
    assert_eq!(stored.opened(), names(&["data_batch_1", "test_batch"]));
    spec.train = Some(20_001);
    let error = library.check(&spec, 10).unwrap_err();
    assert_eq!(
        error.to_string(),
        "data set `cifar-10`: file `data_batch_3.bin`: not found in `cifar-10/data_batch_3.bin`"
    );
    assert_eq!(
        error.help().unwrap(),
        "get it: `fedlayer data fetch cifar-10`; or say where it is: `--data FOLDER`"
    );
}

#[test]
fn cifar_100_has_fine_labels() {
    let records = [(&[19_u8, 99][..], 5), (&[0, 7][..], 6)];
    let stored = MemoryFiles::of([
        ("cifar-100/train.bin", cifar(&records)),
        ("cifar-100/test.bin", cifar(&records[1..])),
    ]);
    let data = stored.load(&first(DataSet::Cifar100, 2, 1), 2).unwrap();
    assert_eq!((&data.pool().unwrap().labels[..], &data.test.labels[..]), (&[99, 7][..], &[7][..]));
    assert_eq!((data.facts().classes, data.facts().shape), (100, vec![3, 32, 32]));
}

/// Checks the error about a set like MNIST with one wrong file.
#[track_caller]
fn refused(file: &str, bytes: Vec<u8>, fault: DecodeFault, message: &str) {
    let files = few("mnist").into_iter().map(|(name, own)| {
        let bytes = if name.ends_with(file) { bytes.clone() } else { own };
        (name, bytes)
    });
    let spec = first(DataSet::Mnist, 3, 2);
    let error = MemoryFiles::of(files).load(&spec, 3).unwrap_err();
    assert_eq!((error.key(), error.to_string()), ("data.set", message.to_owned()));
    assert!(
        matches!(&error, fedlayer_data::DataError::Decode(error) if error.fault == fault),
        "{error:?}"
    );
}

#[test]
fn a_file_that_is_not_what_it_should_be_is_named_with_its_byte() {
    let images = "train-images-idx3-ubyte";
    let path = "`mnist/train-images-idx3-ubyte`, byte";
    refused(
        images,
        idx_labels(60_000, &[1]),
        DecodeFault::Magic,
        &format!("{path} 0: found 2049; expected the magic number 2051 of IDX images"),
    );
    refused(
        images,
        idx_images([60_000, 32, 28], &[]),
        DecodeFault::Shape,
        &format!("{path} 4: found 60000 images of 32×28; expected 60000 images of 28×28"),
    );
    // A length in a header allocates nothing.
    refused(
        images,
        idx_images([u32::MAX, 65_536, 65_536], &[]),
        DecodeFault::Shape,
        &format!(
            "{path} 4: found 4294967295 images of 65536×65536; expected 60000 images of 28×28"
        ),
    );
    refused(
        images,
        idx_images([60_000, 28, 28], &[0; 800]),
        DecodeFault::Truncated,
        &format!(
            "{path} 816: found the end after 800 of 2352 bytes; expected the pixels of the images"
        ),
    );
    refused(
        "train-labels-idx1-ubyte",
        idx_labels(59_999, &[1, 2, 3]),
        DecodeFault::Shape,
        "`mnist/train-labels-idx1-ubyte`, byte 4: found 59999 labels; expected 60000, one for each image",
    );
    refused(
        "train-labels-idx1-ubyte",
        idx_labels(60_000, &[1, 10, 3]),
        DecodeFault::Label,
        "`mnist/train-labels-idx1-ubyte`, byte 9: found 10; expected a label below 10",
    );
}

#[test]
fn a_whole_file_must_end_where_it_should() {
    let mut batch = batch(0);
    batch.push(0);
    let files = [("cifar-10/data_batch_1.bin", batch.clone()), ("cifar-10/test_batch.bin", batch)];
    let error = MemoryFiles::of(files).load(&first(DataSet::Cifar10, 10_000, 1), 1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`cifar-10/data_batch_1.bin`, byte 30730000: found more data; expected the end of the file"
    );
}
