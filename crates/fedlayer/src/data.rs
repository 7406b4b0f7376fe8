//! [`Data`]: the files that a scenario names, and everything that was read from them: once in a process, whoever asks.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use fedlayer_core::{DataFacts, FederatedData, Layout, Params, Plan, spec::DataSpec};
use fedlayer_data::Library;
use fedlayer_scenario::{DataFault, Outside};

use crate::{
    files,
    folders::Folders,
    locator::{FileName, Locator},
    shelf::FolderShelf,
    values,
};

/// The files that a scenario names, and everything that was read from them.
#[derive(Debug)]
pub(crate) struct Data {
    library: Library,
    locator: Arc<Locator>,
}

impl Data {
    /// Looks in these folders.
    pub(crate) fn new(folders: Folders) -> Self {
        Self::with_known(folders, BTreeMap::new())
    }

    /// Looks in these folders, but for files that are known to be at a path.
    pub(crate) fn with_known(folders: Folders, known: BTreeMap<FileName, PathBuf>) -> Self {
        let locator = Arc::new(Locator::new(folders, known));
        Self { library: Library::new(Box::new(FolderShelf::new(locator.clone()))), locator }
    }

    /// Where files are, and which were used.
    pub(crate) fn locator(&self) -> &Locator {
        &self.locator
    }

    /// The examples of a plan, shared out among its clients.
    ///
    /// # Errors
    /// What is wrong with the data, and what to do.
    pub(crate) fn load(&self, plan: &Plan) -> Result<FederatedData, String> {
        self.library.load(&plan.data, plan.clients.count, plan.root_seed()).map_err(|error| {
            let hint = error.help().map_or(String::new(), |help| format!("\nhint: {help}"));
            format!("{error}{hint}")
        })
    }

    /// What the classes of a plan's own files are called; nothing where they are called by their numbers.
    ///
    /// # Errors
    /// What is wrong with the data.
    pub(crate) fn class_names(&self, plan: &Plan) -> Result<Option<Arc<[String]>>, String> {
        self.library.class_names(&plan.data).map_err(|error| error.to_string())
    }

    /// Where a file of the user's own is.
    ///
    /// # Errors
    /// Names the places that were looked in.
    pub(crate) fn find(&self, file: &str) -> Result<PathBuf, String> {
        let name = FileName::new(None, file);
        self.locator.find(&name).ok_or_else(|| {
            let names = self.locator.searched(&name);
            let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
            format!("`{file}`: not found in {}", names.join(", "))
        })
    }

    /// The values that a plan starts from, where it names a file.
    ///
    /// # Errors
    /// When the file is nowhere, or has not the values of the plan's model.
    pub(crate) fn initial(&self, plan: &Plan) -> Result<Option<Params>, String> {
        plan.initial.as_ref().map(|file| self.values_of(file, &plan.layout)).transpose()
    }

    /// The values of a model in a file.
    ///
    /// # Errors
    /// When the file is nowhere, or has not the values of these layers.
    pub(crate) fn values_of(&self, file: &str, layout: &Arc<Layout>) -> Result<Params, String> {
        values::read(&self.find(file)?, layout).map_err(|error| error.to_string())
    }
}

impl Outside for Data {
    fn check(&self, data: &DataSpec, clients: u32) -> Result<DataFacts, DataFault> {
        self.library.check(data, clients).map_err(|error| DataFault {
            key: error.key().to_owned(),
            message: error.to_string(),
            help: error.help(),
            is_absence: error.is_absence(),
        })
    }

    fn module(&self, file: &str) -> Result<Layout, String> {
        let path = self.find(file)?;
        fedlayer_torch::module_layout(&path).map_err(|error| error.to_string())
    }

    fn values(&self, file: &str, layout: &Layout) -> Result<(), String> {
        self.values_of(file, &Arc::new(layout.clone())).map(drop)
    }

    fn is_absent(&self, file: &str) -> bool {
        self.find(file).map_or(true, |path| !files::can_be_read(&path))
    }
}
