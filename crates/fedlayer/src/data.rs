//! [`Data`]: the data folders, and everything that was read from them: once in a process, whoever asks.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use fedlayer_core::{
    ClientId, DataFacts, FederatedData, Layout, Params, Plan, Seed, spec::DataSpec,
};
use fedlayer_data::Library;
use fedlayer_scenario::{ClientSizes, DataFault, Outside};

use crate::{folders::Folders, shelf::FolderShelf, values};

/// The data folders, and everything that was read from them.
#[derive(Debug)]
pub(crate) struct Data {
    library: Library,
    folders: Folders,
}

impl Data {
    /// Looks in `--data` first, where it was given.
    pub(crate) fn new(option: Option<&Path>) -> Self {
        let folders = Folders::new(option);
        Self { library: Library::new(Box::new(FolderShelf::new(folders.clone()))), folders }
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

    /// What becomes of a number of a plan's data before the model sees it, in words; nothing for texts.
    pub(crate) fn inputs(&self, plan: &Plan) -> Option<String> {
        // The data was loaded before; what is wrong with it was said then.
        self.library.inputs(&plan.data).ok()?
    }

    /// Where a file of the user's own is.
    ///
    /// # Errors
    /// Names the places that were looked in.
    pub(crate) fn find(&self, file: &str) -> Result<PathBuf, String> {
        self.folders.find(None, file).ok_or_else(|| {
            let names = self.folders.names(None, file);
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
        })
    }

    fn train_examples(
        &self,
        data: &DataSpec,
        clients: u32,
        seed: u64,
    ) -> Result<ClientSizes, String> {
        let data = self.library.load(data, clients, Seed::new(seed));
        let data = data.map_err(|error| error.to_string())?;
        let of = |client| data.train_examples(ClientId(client)) as u64;
        Ok(match data.pool() {
            Some(_) => ClientSizes::Each((0..clients).map(of).collect()),
            None => ClientSizes::Alike(of(0)),
        })
    }

    fn module(&self, file: &str) -> Result<Layout, String> {
        let path = self.find(file)?;
        fedlayer_torch::module_layout(&path).map_err(|error| error.to_string())
    }

    fn values(&self, file: &str, layout: &Layout) -> Result<(), String> {
        self.values_of(file, &Arc::new(layout.clone())).map(drop)
    }
}
