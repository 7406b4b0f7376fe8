//! [`Environment`]: the seam to data sets, modules and files of values, which this crate does not
//! read.

use fedlayer_core::{
    data::DataFacts,
    model::Layout,
    spec::{DataSpec, Loss},
};

use crate::problem::{Location, Problem};

/// Answers questions about the files that a scenario names. The binary implements it with its data
/// folders, tests with made-up data.
pub trait Environment {
    /// Returns the shape and size of a data set that `clients` clients share as `data` says.
    ///
    /// # Errors
    /// The key at fault.
    fn data_facts(&self, data: &DataSpec, clients: u32) -> Result<DataFacts, DataFault>;

    /// Returns how many training examples the clients have with a seed; `None` if the data cannot
    /// be partitioned, or if no data is read here.
    fn train_examples(&self, _data: &DataSpec, _clients: u32, _seed: u64) -> Option<ClientSizes> {
        None
    }

    /// Returns the layers of the TorchScript module in a file.
    ///
    /// # Errors
    /// If the file is not such a module; always, if no modules are read here.
    fn module_layout(&self, file: &str) -> Result<Layout, FileFault> {
        Err(FileFault::unread(format!("the module `{file}` cannot be read here")))
    }

    /// Runs the TorchScript module in a file once, forward and backward, on inputs of the data's
    /// shape and with the loss of `[local]`. `twice` asks for second derivatives, too, as
    /// measurements of curvature need them.
    ///
    /// # Errors
    /// If the module cannot be trained on such data, or if its results cannot be reproduced.
    fn try_module(
        &self,
        _file: &str,
        _facts: &DataFacts,
        _loss: Loss,
        _twice: bool,
    ) -> Result<(), FileFault> {
        Ok(())
    }

    /// Checks that a file, or a model of a run, has the values of these layers.
    ///
    /// # Errors
    /// If it has not; always, if no values are read here.
    fn check_values(&self, file: &str, _layout: &Layout) -> Result<(), FileFault> {
        Err(FileFault::unread(format!("the values in `{file}` cannot be read here")))
    }
}

/// An environment that knows data sets and no other files.
impl<F: Fn(&DataSpec, u32) -> Result<DataFacts, DataFault>> Environment for F {
    fn data_facts(&self, data: &DataSpec, clients: u32) -> Result<DataFacts, DataFault> {
        self(data, clients)
    }
}

/// The numbers of training examples of all clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientSizes {
    /// The number of each client.
    Each(Vec<u64>),
    /// The number that every client has.
    Alike(u64),
}

/// A fault of `[data]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFault {
    /// The path of the key at fault, such as `data.partition.shards` or `clients.count`.
    pub key: String,
    /// The fault in one line.
    pub message: String,
    /// A line on what to do.
    pub help: Option<String>,
    /// True if a file is missing or cannot be opened; the scenario itself may be right.
    pub is_absence: bool,
}

/// The reason why a file that a scenario names is not a module, or has not a model's values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFault {
    /// The fault in one line.
    pub message: String,
    /// A line on what to do.
    pub help: Option<String>,
    /// True if the file is missing or cannot be opened; the scenario itself may be right.
    pub is_absence: bool,
}

impl FileFault {
    /// The fault of an [`Environment`] that reads no such files.
    fn unread(message: String) -> Self {
        Self { message, help: None, is_absence: false }
    }

    /// Turns the fault into a problem at the key that names the file.
    pub(crate) fn at(self, at: Location) -> Problem {
        Problem::new(at, self.message).help(self.help).absence(self.is_absence)
    }
}
