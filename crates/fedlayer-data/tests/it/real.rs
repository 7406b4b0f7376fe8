//! The real sets have their known properties. The tests run if the files are in the folder that
//! `FEDLAYER_TEST_DATA` names, or beside the repository.
#![allow(
    clippy::disallowed_methods,
    reason = "tests read files that the program would open through its own folders"
)]
#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

use std::{fs::File, path::PathBuf};

use fedlayer_core::{
    Seed,
    data::{Affine, ClientId, ExampleValues, Examples, FederatedData},
    spec::{DataSet, DataSpec, Partition},
};
use fedlayer_data::{
    FileSource, Library, OpenError, OpenedFile, catalogue,
    decode::{
        FileReader,
        text::{Words, speakers, utf8},
    },
};

use crate::memory::first;

/// A folder of real data.
#[derive(Debug, Clone)]
struct Folder(PathBuf);

impl FileSource for Folder {
    fn open(&self, folder: Option<&str>, file: &str) -> Result<OpenedFile, OpenError> {
        let path = self.0.join(folder.unwrap_or_default()).join(file);
        let shown = path.display().to_string();
        match File::open(path) {
            Ok(file) => Ok(OpenedFile { path: shown, reader: Box::new(file) }),
            Err(_) => Err(OpenError::Missing { looked: vec![shown] }),
        }
    }
}

/// Returns the folder of real data if it has all of `files`; otherwise prints the reason.
fn real(files: &[&str]) -> Option<Folder> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("FEDLAYER_TEST_DATA").map_or_else(beside, PathBuf::from);
    for file in files {
        let path = folder.join(file);
        if !path.exists() && !path.with_added_extension("gz").exists() {
            eprintln!(
                "skipped: there is no `{}`; name a folder of real data in FEDLAYER_TEST_DATA",
                path.display()
            );
            return None;
        }
    }
    Some(Folder(folder))
}

fn load(folder: &Folder, spec: &DataSpec, clients: u32) -> FederatedData {
    Library::new(Box::new(folder.clone())).load(spec, clients, Seed::new(1)).unwrap()
}

fn counts(examples: &Examples) -> Vec<usize> {
    let mut counts = vec![0; examples.classes];
    examples.labels.iter().for_each(|&label| counts[label as usize] += 1);
    counts
}

/// Returns the mean and the standard deviation of each channel, with bytes scaled to [0, 1], and
/// the constants that normalise the set.
fn channels(examples: &Examples) -> Vec<[(f64, f64); 2]> {
    let ExampleValues::Bytes { bytes, channels } = &examples.values else {
        panic!("images are bytes")
    };
    let area = examples.shape[1] * examples.shape[2];
    let of = |channel: usize| {
        let planes = bytes.chunks(area).skip(channel).step_by(channels.len());
        let (mut count, mut sum, mut squares) = (0_u64, 0_u64, 0_u64);
        for &byte in planes.flatten() {
            count += 1;
            sum += u64::from(byte);
            squares += u64::from(byte).pow(2);
        }
        let mean = sum as f64 / count as f64;
        let deviation = (squares as f64 / count as f64 - mean * mean).sqrt();
        let Affine { factor, offset } = channels[channel];
        let by_deviation = 1.0 / (255.0 * f64::from(factor));
        [(mean / 255.0, deviation / 255.0), (-f64::from(offset) * by_deviation, by_deviation)]
    };
    (0..channels.len()).map(of).collect()
}

fn near(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance
}

const IDX: [&str; 4] =
    ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"];

#[test]
fn fashion_mnist_has_its_counts_and_means() {
    let files = IDX.map(|name| format!("fashion-mnist/{name}-ubyte"));
    let Some(folder) = real(&files.each_ref().map(String::as_str)) else { return };
    let data = load(&folder, &DataSpec::new(DataSet::FashionMnist), 10);
    let pool = data.pool().unwrap();
    assert_eq!((counts(pool), counts(&data.test)), (vec![6000; 10], vec![1000; 10]));
    let [(mean, deviation), (by_mean, by_deviation)] = channels(pool)[0];
    assert!(near(mean, 0.286041, 5e-7), "{mean}");
    assert!(near(mean, by_mean, 1e-3) && near(deviation, by_deviation, 1e-3), "{deviation}");
    let test_mean = channels(&data.test)[0][0].0;
    assert!(near(test_mean, 0.286849, 5e-7), "{test_mean}");
    // Model inputs are normalised to a mean of 0 and a deviation of 1.
    let seen = pool.all_values();
    let seen_mean = seen.iter().map(|&value| f64::from(value)).sum::<f64>() / seen.len() as f64;
    let square = seen.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>();
    let seen_deviation = (square / seen.len() as f64 - seen_mean * seen_mean).sqrt();
    assert!(
        near(seen_mean, 0.0, 1e-3) && near(seen_deviation, 1.0, 1e-3),
        "{seen_mean} {seen_deviation}"
    );
}

#[test]
fn the_first_images_are_the_first_of_the_files() {
    let files = IDX.map(|name| format!("fashion-mnist/{name}-ubyte"));
    let Some(folder) = real(&files.each_ref().map(String::as_str)) else { return };
    let data = load(&folder, &first(DataSet::FashionMnist, 10, 5), 10);
    assert_eq!(data.pool().unwrap().labels, [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]);
    assert_eq!(data.test.labels, [9, 2, 1, 1, 6]);
}

#[test]
fn mnist_has_the_means_that_it_is_normalised_by() {
    let files = IDX.map(|name| format!("mnist/{name}-ubyte"));
    let Some(folder) = real(&files.each_ref().map(String::as_str)) else { return };
    let data = load(&folder, &DataSpec::new(DataSet::Mnist), 10);
    let [(mean, deviation), (by_mean, by_deviation)] = channels(data.pool().unwrap())[0];
    assert!(near(mean, by_mean, 1e-3) && near(deviation, by_deviation, 1e-3), "{mean} {deviation}");
}

#[test]
fn cifar_10_has_its_counts_and_means() {
    let files =
        ["cifar-10/data_batch_1.bin", "cifar-10/data_batch_2.bin", "cifar-10/test_batch.bin"];
    let Some(folder) = real(&files) else { return };
    let data = load(&folder, &first(DataSet::Cifar10, 20_000, 10_000), 10);
    let pool = data.pool().unwrap();
    let batch = Examples { labels: pool.labels[..10_000].to_vec(), ..Examples::clone(pool) };
    assert_eq!(counts(&batch), [1005, 974, 1032, 1016, 999, 937, 1030, 1001, 1025, 981]);
    assert_eq!(counts(&data.test), [1000; 10]);
    // The constants are the means over two files of five.
    for [(mean, deviation), (by_mean, by_deviation)] in channels(pool) {
        assert!(near(mean, by_mean, 2e-3), "{mean} {by_mean}");
        assert!(near(deviation, by_deviation, 2e-3), "{deviation} {by_deviation}");
    }
}

#[test]
fn wikitext_2_has_its_tokens_and_articles() {
    let Some(folder) = real(&["wikitext-2/train.txt", "wikitext-2/test.txt"]) else { return };
    let text = |file: &str| {
        let opened = folder.open(Some("wikitext-2"), file).unwrap();
        utf8(&mut FileReader::new(file, opened.reader).unwrap(), None).unwrap()
    };
    let (train, valid, test) = (text("train.txt"), text("valid.txt"), text("test.txt"));
    let words = Words::of(&train);
    assert_eq!(words.len(), 33_278);
    let tokens = [&train, &valid, &test].map(|text| words.articles(text));
    assert_eq!(tokens.each_ref().map(|tokens| tokens.len()), [2_088_628, 217_646, 245_569]);
    // There is one group more than articles: the empty line before the first.
    assert_eq!(tokens.each_ref().map(|tokens| tokens.groups.len()), [601, 61, 61]);
    let spec = DataSpec { partition: Partition::Natural, ..DataSpec::new(DataSet::Wikitext2) };
    let data = load(&folder, &spec, 600);
    let facts = data.facts();
    assert_eq!((facts.shape, facts.classes, facts.targets), (vec![64], 33_278, 64));
    let windows = |tokens: &fedlayer_data::decode::text::Tokens| tokens.windows(64).groups.len();
    assert_eq!((facts.pool, facts.test), (windows(&tokens[0]), windows(&tokens[2])));
}

#[test]
fn tiny_shakespeare_has_its_characters_and_speakers() {
    let Some(folder) = real(&["tiny-shakespeare/input.txt"]) else { return };
    let opened = folder.open(Some("tiny-shakespeare"), "input.txt").unwrap();
    let text = utf8(&mut FileReader::new("input.txt", opened.reader).unwrap(), None).unwrap();
    let tokens = speakers(&text);
    assert_eq!((tokens.len(), tokens.vocabulary, tokens.groups.len()), (1_115_394, 65, 299));
    // The speeches, without the speakers' names and the empty lines between them.
    let mut alphabet: Vec<char> = text.chars().collect();
    alphabet.sort_unstable();
    alphabet.dedup();
    let said = |group: &Vec<u32>| -> usize {
        let own: String = group.iter().map(|&token| alphabet[token as usize]).collect();
        own.split("\n\n").filter_map(|block| Some(block.split_once('\n')?.1.len())).sum()
    };
    assert_eq!(tokens.groups.iter().filter(|group| said(group) >= 1000).count(), 141);
    let spec =
        DataSpec { partition: Partition::Natural, ..DataSpec::new(DataSet::TinyShakespeare) };
    let windows = tokens.windows(64);
    let owners = windows.groups.last().unwrap() + 1;
    let data = load(&folder, &spec, owners);
    let facts = data.facts();
    assert_eq!((facts.shape, facts.classes, facts.targets), (vec![64], 65, 64));
    assert_eq!(facts.pool + facts.test, windows.groups.len());
    // With as many clients as speakers, each client is a speaker.
    let groups = data.pool().unwrap().groups.as_ref().unwrap();
    for client in (0..owners).map(ClientId) {
        let own = data.client(client);
        let owner = groups[own.train[0] as usize];
        assert!(own.train.iter().chain(&own.test).all(|&e| groups[e as usize] == owner));
    }
}

/// The sizes in the catalogue are those of the files.
#[test]
fn files_are_as_long_as_the_catalogue_says() {
    let Some(folder) = real(&[]) else { return };
    for set in catalogue() {
        for file in set.files {
            let gz = format!("{}.gz", file.name);
            let found = [file.name, &gz]
                .into_iter()
                .find_map(|name| folder.open(Some(set.name), name).ok());
            let Some(opened) = found else {
                eprintln!("skipped: there is no `{}` of `{}`", file.name, set.name);
                continue;
            };
            FileReader::new(&opened.path, opened.reader).unwrap().whole(file.bytes).unwrap();
        }
    }
}
