//! A small file that unpacks to more than the free memory is an error, whatever its format.

use fedlayer_core::spec::{DataSet, DataSpec, Files, Text};
use fedlayer_data::{FileSource, Library, OpenError, OpenedFile};

use crate::{
    encode::{f32s, gzip, npy, safetensors},
    memory::MemoryFiles,
    tables::{files, spec},
};

/// A source with memory for files of `room` bytes.
#[derive(Debug)]
struct Small(MemoryFiles, u64);

impl FileSource for Small {
    fn open(&self, folder: Option<&str>, file: &str) -> Result<OpenedFile, OpenError> {
        self.0.open(folder, file)
    }

    fn room(&self) -> u64 {
        self.1
    }
}

/// Returns 2 MiB in every format of the user's own files, compressed to a few KiB, and the key that
/// names each.
fn bombs() -> Vec<(&'static str, Vec<u8>, DataSpec)> {
    const NUMBERS: usize = 1 << 19;
    let zeros = f32s(&vec![0.0; NUMBERS]);
    let table = "x,label\n".to_owned() + &"0,0\n".repeat(NUMBERS);
    let labels = ("labels", "U8", &[NUMBERS][..], vec![0; NUMBERS]);
    let tensors = safetensors(&[("features", "F32", &[NUMBERS, 1], zeros.clone()), labels]);
    let array = Files { train_labels: Some("y.npy".to_owned()), ..files("x.npy") };
    let text = DataSet::Text(Text { file: "t.txt".to_owned() });
    vec![
        ("x.csv.gz", gzip(table.as_bytes()), spec(files("x.csv"))),
        ("x.npy.gz", gzip(&npy(1, "<f4", &[NUMBERS, 1], &zeros)), spec(array)),
        ("x.safetensors.gz", gzip(&tensors), spec(files("x.safetensors"))),
        ("t.txt.gz", gzip("ab".repeat(NUMBERS).as_bytes()), DataSpec::new(text)),
    ]
}

#[test]
fn a_file_that_unpacks_to_more_than_the_memory_ended_the_program() {
    for (name, bytes, spec) in bombs() {
        assert!(bytes.len() < 1 << 15, "{name} is small");
        let stored = MemoryFiles::of([(name, bytes), ("y.npy", npy(1, "|u1", &[1], &[0]))]);
        let library = Library::new(Box::new(Small(stored, 1 << 20)));
        let error = library.facts(&spec).unwrap_err();
        assert!(error.is_absence(), "{error}");
        let message = error.to_string();
        let expected = "expected at most 1 MiB, half of the memory that is free";
        assert!(message.starts_with(&format!("`{name}`, byte ")), "{message}");
        assert!(message.ends_with(expected), "{message}");
        assert!(error.help().unwrap().contains("more free memory"));
    }
}

/// The text of a table may fit into memory when its numbers do not.
#[test]
fn the_examples_of_a_file_need_memory_too() {
    for (name, bytes, spec) in bombs() {
        let stored = MemoryFiles::of([(name, bytes), ("y.npy", npy(1, "|u1", &[1], &[0]))]);
        let library = Library::new(Box::new(Small(stored, 3 << 20)));
        let error = library.facts(&spec).unwrap_err().to_string();
        assert!(error.contains("found data that need "), "{error}");
    }
}

#[test]
fn a_file_with_room_enough_is_read() {
    let table = "x,label\n".to_owned() + &"0,0\n1,1\n".repeat(100);
    let stored = MemoryFiles::of([("x.csv.gz", gzip(table.as_bytes()))]);
    let library = Library::new(Box::new(Small(stored, 1 << 20)));
    assert_eq!(library.facts(&spec(files("x.csv"))).unwrap().classes, 2);
}
