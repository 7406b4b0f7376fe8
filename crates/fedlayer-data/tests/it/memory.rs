//! [`MemoryFiles`]: files that a test makes, with a record of those that were opened.

use std::{
    collections::BTreeMap,
    io::Cursor,
    sync::{Arc, Mutex},
};

use fedlayer_core::{
    Seed,
    data::{DataFacts, FederatedData},
    spec::{DataSet, DataSpec},
};
use fedlayer_data::{DataError, FileSource, Library, OpenError, OpenedFile};

/// Files in memory, by their paths: `cifar-10/train.bin`, or the name in a scenario.
#[derive(Debug, Clone, Default)]
pub(crate) struct MemoryFiles {
    files: Arc<BTreeMap<String, Vec<u8>>>,
    opened: Arc<Mutex<Vec<String>>>,
}

impl MemoryFiles {
    pub(crate) fn of<N: Into<String>>(files: impl IntoIterator<Item = (N, Vec<u8>)>) -> Self {
        let files = files.into_iter().map(|(name, bytes)| (name.into(), bytes)).collect();
        Self { files: Arc::new(files), opened: Arc::default() }
    }

    /// Returns the files that were opened since the last call, in order.
    pub(crate) fn opened(&self) -> Vec<String> {
        std::mem::take(&mut self.opened.lock().unwrap())
    }

    pub(crate) fn library(&self) -> Library {
        Library::new(Box::new(self.clone()))
    }

    pub(crate) fn facts(&self, spec: &DataSpec) -> Result<DataFacts, DataError> {
        self.library().facts(spec)
    }

    pub(crate) fn load(&self, spec: &DataSpec, clients: u32) -> Result<FederatedData, DataError> {
        self.library().load(spec, clients, Seed::new(1))
    }
}

impl FileSource for MemoryFiles {
    fn open(&self, folder: Option<&str>, file: &str) -> Result<OpenedFile, OpenError> {
        let path = folder.map_or(file.to_owned(), |folder| format!("{folder}/{file}"));
        let bytes = self.files.get(&path).cloned();
        let bytes = bytes.ok_or_else(|| OpenError::Missing { looked: vec![path.clone()] })?;
        self.opened.lock().unwrap().push(path.clone());
        Ok(OpenedFile { path, reader: Box::new(Cursor::new(bytes)) })
    }
}

/// Returns the first `train` training and `test` test examples of a set.
pub(crate) fn first(set: DataSet, train: u32, test: u32) -> DataSpec {
    DataSpec { train: Some(train), test: Some(test), ..DataSpec::new(set) }
}
