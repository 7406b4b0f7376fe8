//! [`Data`]: the files that a scenario names. Each is read once per process and shared by all.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use fedlayer_core::{
    Plan, Seed,
    data::{ClientId, DataFacts, FederatedData},
    model::{Layout, Params},
    spec::{DataSpec, Loss},
    text::in_backticks,
};
use fedlayer_data::{DataError, Library};
use fedlayer_scenario::{ClientSizes, DataFault, Environment, FileFault};
use fedlayer_torch::{Module, TorchError, Trial, try_module};

use crate::{
    files,
    folders::{
        Folders,
        file_source::FolderSource,
        locator::{FileName, Locator},
    },
    values::{FileKind, ModelValues, ValuesError, ValuesSource},
};

/// The files that a scenario names, with the contents that were read.
#[derive(Debug)]
pub(crate) struct Data {
    library: Library,
    locator: Arc<Locator>,
    /// Notes about changed values that are not printed yet.
    notes: Mutex<Vec<String>>,
    /// The modules that were read, by their paths.
    modules: Mutex<BTreeMap<PathBuf, Arc<Module>>>,
    /// The results of trying modules.
    tried: Mutex<BTreeMap<String, Result<(), FileFault>>>,
}

impl Data {
    /// Searches these folders.
    pub(crate) fn new(folders: Folders) -> Self {
        Self::with_known(folders, BTreeMap::new())
    }

    /// Searches these folders, except for files at a `known` path.
    pub(crate) fn with_known(folders: Folders, known: BTreeMap<FileName, PathBuf>) -> Self {
        let locator = Arc::new(Locator::new(folders, known));
        let library = Library::new(Box::new(FolderSource::new(locator.clone())));
        Self {
            library,
            locator,
            notes: Mutex::default(),
            modules: Mutex::default(),
            tried: Mutex::default(),
        }
    }

    /// Returns the locator, which knows the paths of files and the files that were used.
    pub(crate) fn locator(&self) -> &Locator {
        &self.locator
    }

    /// Returns the examples of a plan, shared out among its clients.
    ///
    /// # Errors
    /// When the data cannot be loaded.
    pub(crate) fn load(&self, plan: &Plan) -> Result<FederatedData, DataError> {
        self.library.load(&plan.data, plan.clients.count, plan.root_seed())
    }

    /// Returns the names of the classes in a plan's own files; `None` if they are numbers.
    ///
    /// # Errors
    /// When the data cannot be read.
    pub(crate) fn class_names(&self, plan: &Plan) -> Result<Option<Arc<[String]>>, DataError> {
        self.library.class_names(&plan.data)
    }

    /// Describes how a number of a plan's data is scaled and normalised; `None` for texts.
    pub(crate) fn inputs(&self, plan: &Plan) -> Option<String> {
        // The data were loaded before, and their errors were reported then.
        self.library.inputs(&plan.data).ok()?
    }

    /// Returns sentences on columns of a plan's own files that lose their differences in 32 bits.
    pub(crate) fn lost_digits(&self, plan: &Plan) -> Arc<[String]> {
        // The data was loaded before; its errors were reported then.
        self.library.lost_digits(&plan.data).unwrap_or_default()
    }

    /// Returns the path of a file of the user.
    ///
    /// # Errors
    /// Names the folders that were searched.
    pub(crate) fn find(&self, file: &str) -> Result<PathBuf, String> {
        let name = FileName::own(file);
        self.locator.find(&name).ok_or_else(|| {
            let names = self.locator.searched(&name);
            format!("`{file}`: not found in {}", in_backticks(names))
        })
    }

    /// Returns the values that a plan starts from, if it names a file.
    ///
    /// # Errors
    /// When the file is missing, or does not fit the plan's model.
    pub(crate) fn initial(&self, plan: &Plan) -> Result<Option<Params>, ValuesError> {
        let values = plan.initial.as_ref().map(|file| self.values_of(file, &plan.layout));
        values.transpose()
    }

    /// Returns the values of a model in a file, or at an address
    /// (`RUN:STRATEGY:SEED:ROUND:CLIENT`).
    ///
    /// # Errors
    /// When there is neither, or it does not fit these layers.
    pub(crate) fn values_of(
        &self,
        reference: &str,
        layout: &Arc<Layout>,
    ) -> Result<Params, ValuesError> {
        let ModelValues { params, notes } = self.source(reference)?.read(layout)?;
        self.note(notes);
        Ok(params)
    }

    /// Returns the TorchScript module in a file that the scenario names. Its code is checked
    /// against the list of pure operators; none of it has run.
    ///
    /// # Errors
    /// When the file is missing, or is not such a module.
    pub(crate) fn module(&self, file: &str) -> Result<Arc<Module>, FileFault> {
        let absent = |message| FileFault { message, help: None, is_absence: true };
        let wrong = |message| FileFault { message, help: None, is_absence: false };
        let path = self.find(file).map_err(absent)?;
        let mut modules = self.modules.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(module) = modules.get(&path) {
            return Ok(module.clone());
        }
        let name = path.display().to_string();
        let bytes = files::read_bytes(&path).map_err(|error| absent(error.bare()))?;
        if let Some(reason) = FileKind::of(&bytes).no_module(&name) {
            return Err(wrong(format!("module `{name}`: {reason}")));
        }
        let module = Module::read(&name, &bytes).map_err(|error| wrong(error.to_string()))?;
        let module = Arc::new(module);
        modules.insert(path, module.clone());
        Ok(module)
    }

    /// Stores notes until they are printed, each once.
    fn note(&self, notes: Vec<String>) {
        let mut waiting = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        for note in notes {
            if !waiting.contains(&note) {
                waiting.push(note);
            }
        }
    }

    /// Finds the file, or the model of a run, that a scenario or a command names.
    fn source(&self, reference: &str) -> Result<ValuesSource, ValuesError> {
        ValuesSource::find(reference, &self.locator)
    }

    /// Returns the notes since the last call, a line each.
    pub(crate) fn take_notes(&self) -> Vec<String> {
        std::mem::take(&mut *self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Environment for Data {
    fn data_facts(&self, data: &DataSpec, clients: u32) -> Result<DataFacts, DataFault> {
        self.library.check(data, clients).map_err(|error| DataFault {
            key: error.key().to_owned(),
            message: error.to_string(),
            help: error.help(),
            is_absence: error.is_absence(),
        })
    }

    fn train_examples(&self, data: &DataSpec, clients: u32, seed: u64) -> Option<ClientSizes> {
        let data = self.library.load(data, clients, Seed::new(seed)).ok()?;
        let of = |client| data.train_examples(ClientId(client)) as u64;
        Some(match data.pool() {
            Some(_) => ClientSizes::Each((0..clients).map(of).collect()),
            None => ClientSizes::Alike(of(0)),
        })
    }

    fn module_layout(&self, file: &str) -> Result<Layout, FileFault> {
        let wrong = |message| FileFault { message, help: None, is_absence: false };
        Self::module(self, file)?.layout().map_err(|error| wrong(error.to_string()))
    }

    fn try_module(
        &self,
        file: &str,
        facts: &DataFacts,
        loss: Loss,
        twice: bool,
    ) -> Result<(), FileFault> {
        let module = Self::module(self, file)?;
        // The variants of a sweep, and their scenario, ask for the same trial.
        let key = format!("{} {facts:?} {loss:?} {twice}", module.name());
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = tried.get(&key) {
            return known.clone();
        }
        tracing::info!("trying the module `{}`", module.name());
        let trial = Trial { facts, loss, twice };
        let wrong = |error: TorchError| FileFault {
            message: error.to_string(),
            help: None,
            is_absence: false,
        };
        let result = try_module(&module, &trial).map_err(wrong);
        if result.is_ok() {
            self.note(module.notes());
        }
        tried.insert(key, result.clone());
        result
    }

    fn check_values(&self, file: &str, layout: &Layout) -> Result<(), FileFault> {
        let values = self.values_of(file, &Arc::new(layout.clone()));
        let fault = |error: ValuesError| FileFault {
            message: error.to_string(),
            help: error.help(),
            is_absence: error.is_absence(),
        };
        values.map(drop).map_err(fault)
    }
}
