//! The single model of a checkpoint, or the model of one of its clients.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use fedlayer_core::{
    data::ClientId,
    model::{Layer, Layout, Params, ParamsError},
    round::Federation,
    text::in_backticks,
};
use safetensors::SafeTensors;

use super::{
    ModelValues, ValuesError, deserialize,
    error::excerpt_of,
    model_address::{ModelAddress, address_of},
    state_dict::StateDict,
};
use crate::{
    files,
    run_folder::checkpoint::{CheckpointError, CheckpointFile, is_of_client},
};

/// The form of an address, if there is no example of the run.
const EXAMPLE: &str = "RUN:STRATEGY:SEED:ROUND:CLIENT";

impl ModelAddress {
    /// Returns the values of the model.
    ///
    /// # Errors
    /// When the checkpoint is damaged or of another model; when clients have models of their own
    /// and the address names none; when the client has taken part in no round.
    pub(super) fn read(&self, layout: &Arc<Layout>) -> Result<ModelValues, ValuesError> {
        let bytes = files::read_bytes(&self.checkpoint)?;
        let tensors = deserialize(&self.checkpoint.display().to_string(), &bytes)?;
        // The comparison with the model gives the same message as for any other file.
        StateDict::new(&self.text, &tensors).values(layout)?;
        let wrong = |reason| ValuesError::Checkpoint { file: self.text.clone(), reason };
        let file = CheckpointFile::read(&bytes).map_err(wrong)?;
        if self.plan().is_some_and(|plan| plan != *file.plan()) {
            return Err(wrong(CheckpointError::Plan));
        }
        let ownership = file.ownership(layout).unwrap_or(self.ownership);
        let owned = Arc::new(layout.with_ownership(ownership));
        let federation = file.federation(&owned).map_err(wrong)?;
        let last = self.last.map(|round| format!("`{}`: the last round is {round}", self.text));
        let mut notes: Vec<String> = last.into_iter().collect();
        let model = match self.client {
            Some(client) => {
                self.check_part(client, &file)?;
                if is_one_model(&federation) {
                    notes.push(format!("`{}`: all clients have this model", self.text));
                }
                federation.model(client)
            }
            None => {
                let example = |client: ClientId| format!("{}:{client}", self.shared);
                one_model(&self.text, &federation, example)?;
                federation.shared().clone()
            }
        };
        let wrong = |error: ParamsError| ValuesError::Value {
            file: self.text.clone(),
            reason: error.to_string(),
        };
        let params = Params::new(layout.clone(), model.values().to_vec());
        let params = params.map_err(wrong)?;
        params.check().map_err(wrong)?;
        Ok(ModelValues { params, notes })
    }

    /// Checks that a client has taken part in a round. Otherwise it has no model of its own: it
    /// would start from the initial draw and the layers that others averaged.
    fn check_part(&self, client: ClientId, file: &CheckpointFile<'_>) -> Result<(), ValuesError> {
        if file.clients().any(|known| known == client) {
            return Ok(());
        }
        let there = in_backticks(file.clients().map(|client| client.to_string()));
        Err(ValuesError::Unknown {
            address: self.text.clone(),
            what: "client",
            found: client.to_string(),
            there: format!("{there} (those that have taken part up to round {})", file.round()),
        })
    }
}

/// Checks that a file, if it is a checkpoint, has a single model that all clients share.
///
/// # Errors
/// Names the layers that are not shared, and a client's model.
pub(super) fn check_shared(
    path: &Path,
    bytes: &[u8],
    tensors: &SafeTensors<'_>,
    layout: &Arc<Layout>,
) -> Result<(), ValuesError> {
    let name = path.display().to_string();
    let file = match CheckpointFile::read(bytes) {
        Ok(file) => file,
        Err(CheckpointError::Foreign) => return check_wordless(&name, tensors),
        Err(reason) => return Err(ValuesError::Checkpoint { file: name, reason }),
    };
    let owned = Arc::new(layout.with_ownership(file.ownership(layout).unwrap_or_default()));
    let wrong = |reason| ValuesError::Checkpoint { file: name.clone(), reason };
    let federation = file.federation(&owned).map_err(wrong)?;
    let example =
        |client| address_of(path, file.round(), client).unwrap_or_else(|| EXAMPLE.to_owned());
    one_model(&name, &federation, example)
}

/// Checks that a file without a checkpoint's metadata has no tensors of single clients.
fn check_wordless(file: &str, tensors: &SafeTensors<'_>) -> Result<(), ValuesError> {
    let mut names = tensors.names();
    names.sort_unstable();
    match names.into_iter().find(|name| is_of_client(name) && !name.contains("/optimizer/")) {
        None => Ok(()),
        Some(tensor) => {
            Err(ValuesError::Wordless { file: file.to_owned(), tensor: excerpt_of(tensor) })
        }
    }
}

/// Tells whether every client has the shared model.
fn is_one_model(federation: &Federation) -> bool {
    federation.clients().keys().all(|&client| own_tensors(federation, client).is_empty())
}

/// Checks that every client has the shared model.
fn one_model(
    file: &str,
    federation: &Federation,
    example: impl Fn(ClientId) -> String,
) -> Result<(), ValuesError> {
    let mut own = BTreeSet::new();
    let mut first = None;
    for &client in federation.clients().keys() {
        let tensors = own_tensors(federation, client);
        first = first.or((!tensors.is_empty()).then_some(client));
        own.extend(tensors);
    }
    let Some(client) = first else { return Ok(()) };
    let layers = federation.shared().layout().layers().iter();
    let layers = layers.flat_map(|layer| names(layer, &own));
    Err(ValuesError::Unshared {
        file: file.to_owned(),
        layers: in_backticks(layers),
        example: example(client),
    })
}

/// Returns the tensors that a client has values of its own for.
fn own_tensors(federation: &Federation, client: ClientId) -> BTreeSet<&str> {
    let state = federation.clients().get(&client).filter(|state| !state.values.is_empty());
    let Some(state) = state else { return BTreeSet::new() };
    let kept: BTreeSet<&str> = state.averaged.rest_tensors().map(|tensor| &*tensor.name).collect();
    let received = federation.received(client);
    let shared = federation.shared().layout().tensors();
    let own: BTreeSet<String> = received.rest_tensors().map(|tensor| tensor.name.clone()).collect();
    let names = shared.map(|tensor| &*tensor.name);
    names.filter(|name| kept.contains(name) && own.contains(*name)).collect()
}

/// Returns a layer's name if all its tensors are among `own`, or else the names of those that are.
fn names(layer: &Layer, own: &BTreeSet<&str>) -> Vec<String> {
    let tensors = layer.tensors.iter().map(|tensor| &*tensor.name);
    let tensors: Vec<&str> = tensors.filter(|name| own.contains(name)).collect();
    match tensors.len() == layer.tensors.len() {
        true => vec![layer.name.to_string()],
        false => tensors.into_iter().map(str::to_owned).collect(),
    }
}
