//! Every decoder on every input: random bytes, truncated and changed files. The fuzz targets do the
//! same without end.

use std::io::Read;

use fedlayer_core::spec::{DataSet, DataSpec};
use fedlayer_data::{
    DecodeError,
    decode::{
        DecodeFault, FileReader, cifar, csv, idx,
        label::Label,
        npy, safetensors,
        text::{Words, characters, speakers, utf8},
    },
};
use proptest::prelude::*;

use crate::{
    encode::{self, f32s, gzip, i64s},
    memory::MemoryFiles,
};

/// Reads bytes in every format; returns how many formats accept them.
fn all(bytes: &[u8]) -> usize {
    type Decoder = fn(&mut FileReader<&[u8]>) -> Result<(), DecodeError>;
    let decoders: [Decoder; 8] = [
        |source| {
            let header = idx::ImageHeader::read(source)?;
            let pixels = header.pixels(source, u32::MAX)?;
            let [count, height, width] = [header.count, header.height, header.width].map(u64::from);
            assert_eq!(pixels.len() as u64, count * height * width);
            Ok(())
        },
        |source| {
            let wanted = idx::ExpectedLabels { classes: 10, count: None, first: u32::MAX };
            let labels = idx::labels(source, wanted)?;
            assert!(labels.iter().all(|&label| label < 10));
            Ok(())
        },
        |source| records(source, cifar::Labels::Ten),
        |source| records(source, cifar::Labels::Hundred),
        |source| {
            let table = csv::table(source, csv::Columns::default(), None)?;
            assert_eq!(table.values.len(), table.labels.len() * table.heading.features.len());
            assert!(table.values.iter().all(|value| value.is_finite()));
            Ok(())
        },
        |source| {
            let array = npy::array(source)?;
            let count = array.shape.iter().product::<usize>();
            assert_eq!(array.numbers().len(), count);
            array.features()?;
            Ok(())
        },
        |source| {
            let tensors = safetensors::tensors(source)?;
            let features = tensors.features.features()?;
            let count = tensors.features.shape[0];
            assert_eq!(features.len() % count, 0);
            tensors.labels.labels(count)?;
            Ok(())
        },
        |source| {
            let text = utf8(source, None)?;
            let words = Words::of(&text);
            for tokens in [characters(&text), speakers(&text), words.articles(&text)] {
                let windows = tokens.windows(3);
                let largest = windows.labels.iter().max().map_or(0, |&label| label as usize);
                assert!(largest < tokens.vocabulary);
            }
            Ok(())
        },
    ];
    let read =
        |decoder: &&Decoder| FileReader::new("a", bytes).and_then(|mut s| decoder(&mut s)).is_ok();
    decoders.iter().filter(read).count()
}

fn records<R: Read>(source: &mut FileReader<R>, labels: cifar::Labels) -> Result<(), DecodeError> {
    let mut records = cifar::CifarRecords::default();
    let read = cifar::append(source, labels, 2, 2, &mut records);
    assert_eq!(records.bytes.len(), records.labels.len() * cifar::PIXELS);
    assert!(records.labels.iter().all(|&label| (label as usize) < labels.classes()));
    read
}

/// Returns a valid file of each format.
fn good() -> [Vec<u8>; 8] {
    let tensors = [
        ("features", "F32", &[2, 1][..], f32s(&[1.0, 2.0])),
        ("labels", "I64", &[2][..], i64s(&[0, 1])),
    ];
    [
        encode::idx_images([2, 3, 4], &[9; 24]),
        encode::idx_labels(3, &[1, 2, 3]),
        encode::cifar(&[(&[9], 1), (&[0], 2)]),
        encode::cifar(&[(&[1, 99], 1), (&[0, 0], 2)]),
        b"x,z,label\n1,2,0\n3,4,1\n".to_vec(),
        encode::npy(1, "<f4", &[2, 2], &f32s(&[1.0, 2.0, 3.0, 4.0])),
        encode::safetensors(&tensors),
        "A:\nwörds and words\n\n = Title = \nB:\n".as_bytes().to_vec(),
    ]
}

#[test]
fn good_files_are_read_plain_and_compressed() {
    for file in good() {
        assert!(all(&file) >= 1, "{file:?}");
        assert_eq!(all(&gzip(&file)), all(&file));
        // Several compressed pieces are one file.
        let (begin, end) = file.split_at(file.len() / 2);
        assert_eq!(all(&[gzip(begin), gzip(end)].concat()), all(&file));
    }
}

/// A byte less or more is noticed in every format with a length in the file.
#[test]
fn every_cut_of_a_binary_file_is_noticed() {
    for file in &good()[..4] {
        for cut in (0..file.len()).step_by(if file.len() > 1000 { 97 } else { 1 }) {
            assert_eq!(all(&file[..cut]) - text(&file[..cut]), 0, "{cut} of {}", file.len());
        }
        let longer = [file.as_slice(), &[0]].concat();
        assert_eq!(all(&longer) - text(&longer), 0);
    }
}

/// Tells whether bytes are a text.
fn text(bytes: &[u8]) -> usize {
    FileReader::new("a", bytes).and_then(|mut source| utf8(&mut source, None)).is_ok().into()
}

#[test]
fn a_gzip_file_that_is_cut_or_damaged_is_its_own_fault() {
    let file = gzip(&good()[0]);
    for cut in 2..file.len() {
        let read = |mut source: FileReader<&[u8]>| source.rest();
        let error = FileReader::new("a", &file[..cut]).and_then(read).unwrap_err();
        assert_eq!(error.fault, DecodeFault::Gzip, "{cut}: {error}");
    }
    let mut damaged = file.clone();
    let checksum = file.len() - 8;
    damaged[checksum] ^= 1;
    let error = FileReader::new("a", &damaged[..]).unwrap().rest().unwrap_err();
    assert_eq!((error.fault, error.file.as_str()), (DecodeFault::Gzip, "a"));
}

/// 16 MiB of zeros in a few KiB.
#[test]
fn what_a_small_file_decompresses_to_is_not_taken_beyond_its_limit() {
    let bomb = gzip(&vec![0; 16 << 20]);
    assert!(bomb.len() < 100_000);
    let mut source = FileReader::new("a", &bomb[..]).unwrap();
    let error = source.rest_up_to(1 << 20).unwrap_err();
    assert_eq!(
        (error.fault, error.to_string().as_str()),
        (DecodeFault::TooLong, "`a`, byte 1048576: found more data; expected the end of the file")
    );
    assert_eq!(source.offset(), (1 << 20) + 1);
    // A known file is read only up to its size.
    let stored = MemoryFiles::of([("tiny-shakespeare/input.txt.gz", bomb)]);
    let error = stored.facts(&DataSpec::new(DataSet::TinyShakespeare)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`tiny-shakespeare/input.txt.gz`, byte 1115394: found more data; expected the end of the file"
    );
}

/// A file that fails in the middle.
#[derive(Debug)]
struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::Error::other("the disk is gone"))
    }
}

#[test]
fn a_failing_disk_is_reported() {
    let error = FileReader::new("a", Broken).unwrap_err();
    assert_eq!(error.to_string(), "`a`, byte 0: found `the disk is gone`; expected readable data");
    let mut source = FileReader::new("a", (&b"abc"[..]).chain(Broken)).unwrap();
    let error = source.rest().unwrap_err();
    assert_eq!(
        (error.fault, error.position.to_string().as_str()),
        (DecodeFault::Unreadable, "byte 3")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn random_bytes_are_never_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        all(&bytes);
    }

    #[test]
    fn random_bytes_behind_a_good_beginning_are_never_a_panic(
        which in 0_usize..8,
        cut: proptest::sample::Index,
        bytes in proptest::collection::vec(any::<u8>(), 0..50),
    ) {
        let file = &good()[which];
        all(&[&file[..cut.index(file.len())], &bytes].concat());
    }

    #[test]
    fn changed_bytes_are_never_a_panic(
        which in 0_usize..8,
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..5),
        compressed: bool,
    ) {
        let mut file = good()[which].clone();
        if compressed {
            file = gzip(&file);
        }
        for (position, byte) in changes {
            // Headers are short, so half of the changes are made to them.
            let length = if byte & 1 == 0 { file.len().min(80) } else { file.len() };
            file[position.index(length)] = byte;
        }
        all(&file);
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        (height, width) in (1_u32..6, 1_u32..6),
        count in 0_u32..6,
        bytes in proptest::collection::vec(0_u8..10, 125),
        first in 0_u32..8,
    ) {
        let pixels = &bytes[..(count * height * width) as usize];
        let file = encode::idx_images([count, height, width], pixels);
        let mut source = FileReader::new("a", &file[..]).unwrap();
        let header = idx::ImageHeader::read(&mut source).unwrap();
        prop_assert_eq!(header, idx::ImageHeader { count, height, width });
        let read = header.pixels(&mut source, first).unwrap();
        prop_assert_eq!(&read, &pixels[..(count.min(first) * height * width) as usize]);
        let file = encode::idx_labels(count, &bytes[..count as usize]);
        let wanted = idx::ExpectedLabels { classes: 10, count: Some(count), first };
        let read = idx::labels(&mut FileReader::new("a", &file[..]).unwrap(), wanted).unwrap();
        let expected = bytes[..count.min(first) as usize].iter().map(|&label| u32::from(label));
        prop_assert!(read.into_iter().eq(expected));
    }

    #[test]
    fn arrays_are_read_as_they_were_written(
        values in proptest::collection::vec(-1e30_f32..1e30, 1..40),
        version in 1_u8..4,
    ) {
        let shape = [values.len(), 1];
        let file = encode::npy(version, "<f4", &shape, &f32s(&values));
        let array = npy::array(&mut FileReader::new("a", &file[..]).unwrap()).unwrap();
        prop_assert_eq!(&array.shape, &shape);
        prop_assert_eq!(array.features().unwrap().rounded(), values.clone());
        let labels: Vec<i64> = (0..values.len() as i64).collect();
        let file = encode::safetensors(&[
            ("labels", "I64", &[labels.len()], i64s(&labels)),
            ("features", "F32", &shape, f32s(&values)),
        ]);
        let tensors = safetensors::tensors(&mut FileReader::new("a", &file[..]).unwrap()).unwrap();
        prop_assert_eq!(tensors.features.features().unwrap().rounded(), values);
        let read = tensors.labels.labels(labels.len()).unwrap();
        prop_assert!(read.into_iter().eq(labels.into_iter().map(Label::Number)));
    }

    #[test]
    fn tables_are_read_as_they_were_written(
        rows in proptest::collection::vec((any::<(i16, i16)>(), 0_u32..9), 1..20),
    ) {
        let lines = rows.iter().map(|((a, b), label)| format!("{a},{label},{b}\n"));
        let text = format!("a,label,b\n{}", lines.collect::<String>());
        let columns = csv::Columns { group: Some("b"), ..csv::Columns::default() };
        let mut source = FileReader::new("a", text.as_bytes()).unwrap();
        let table = csv::table(&mut source, columns, None).unwrap();
        prop_assert!(table.values.iter().eq(rows.iter().map(|((a, _), _)| f64::from(*a))));
        let labels = rows.iter().map(|(_, label)| Label::Number((*label).into()));
        prop_assert!(table.labels.iter().cloned().eq(labels));
        let groups = table.groups.unwrap();
        for (one, own) in rows.iter().zip(&groups) {
            for (other, others) in rows.iter().zip(&groups) {
                prop_assert_eq!(one.0.1 == other.0.1, own == others);
            }
        }
    }

    #[test]
    fn a_play_is_all_its_speakers_say(play in "([AB]:\n|\n|[a-c:]{0,4}\n){0,20}") {
        let tokens = speakers(&play);
        prop_assert_eq!(tokens.len(), play.chars().count());
        let mut said: Vec<u32> = tokens.groups.concat();
        let mut all = characters(&play).groups.concat();
        said.sort_unstable();
        all.sort_unstable();
        prop_assert_eq!(said, all);
    }
}

#[test]
fn a_message_shows_the_beginning_of_what_was_found() {
    let text = format!("x,y\n{},1\n", "é".repeat(10_000));
    let mut source = FileReader::new("a", text.as_bytes()).unwrap();
    let error = csv::table(&mut source, csv::Columns::default(), None).unwrap_err();
    assert_eq!(error.found, format!("`{}…`", "é".repeat(80)));
}
