//! [`Checkpoint`]: one safetensors file with the shared layers under PyTorch's names and shapes,
//! every client's own layers and optimizer state, and the lengths of the record files.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    fmt,
    sync::Arc,
};

use fedlayer_core::{
    Plan,
    data::ClientId,
    model::{LayerSet, Layout, Ownership, Params, Role, TensorSpec},
    round::{ClientState, Federation},
    trainer::OptimizerState,
};
use safetensors::{Dtype, SafeTensors, View};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::format::FolderFormat;
use crate::files::Content;

/// The state of a run after a committed round.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    /// The hash of the plan that it belongs to.
    pub(crate) plan: PlanHash,
    /// The round after which it was taken.
    pub(crate) round: u32,
    /// The record files up to that round.
    pub(crate) records: CommittedRecords,
    /// The models of all clients after that round.
    pub(crate) federation: Arc<Federation>,
}

/// The record files of a plan up to a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommittedRecords {
    /// The length of `rounds.jsonl`.
    pub(crate) rounds_bytes: u64,
    /// The length of `barriers.jsonl`.
    pub(crate) barriers_bytes: u64,
    /// The hashes of the files up to these lengths; a checkpoint of an earlier version has none.
    pub(crate) hashes: Option<RecordHashes>,
}

/// The BLAKE3 hashes of the record files up to their committed lengths, and the length and hash of
/// `checksums.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RecordHashes {
    /// The hash of `rounds.jsonl`.
    pub(crate) rounds: String,
    /// The hash of `barriers.jsonl`.
    pub(crate) barriers: String,
    /// The length and hash of `checksums.jsonl`.
    pub(crate) checksums: Content,
}

/// The hash of a plan. It covers everything that decides a result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct PlanHash(String);

impl fmt::Display for PlanHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PlanHash {
    /// Returns a hash that no plan has.
    #[cfg(test)]
    pub(crate) fn test() -> Self {
        Self("0".repeat(64))
    }

    /// Hashes a plan for a run folder of this format.
    pub(crate) fn of(plan: &Plan, format: FolderFormat) -> Result<Self, serde_json::Error> {
        let form = match format {
            FolderFormat::FIRST => fedlayer_scenario::form_of_format_1(plan)?,
            _ => fedlayer_scenario::canonical_form(plan)?,
        };
        Ok(Self(blake3::hash(&form).to_hex().to_string()))
    }

    /// Returns whether it is the hash of a plan in some format.
    pub(crate) fn matches(&self, plan: &Plan) -> Result<bool, serde_json::Error> {
        let is_of = |format| Ok(*self == Self::of(plan, format)?);
        Ok(is_of(FolderFormat::CURRENT)? || is_of(FolderFormat::FIRST)?)
    }
}

/// The reason that a file is not a checkpoint of the plan.
#[derive(Debug, Error)]
pub(crate) enum CheckpointError {
    /// The file is not a safetensors file, or is damaged.
    #[error("it is not a whole safetensors file: {0}")]
    Format(#[from] safetensors::SafeTensorError),
    /// The metadata lacks the entry that a checkpoint carries.
    #[error("its metadata has no `{KEY}` entry: another program wrote it")]
    Foreign,
    /// The entry cannot be read.
    #[error("its `{KEY}` entry cannot be read: {0}")]
    Metadata(#[from] serde_json::Error),
    /// Bytes have changed since the file was written.
    #[error("its checksum is {found}; {expected} was written: bytes of it have changed since")]
    Checksum {
        /// The checksum of the contents.
        found: String,
        /// The checksum in the metadata.
        expected: String,
    },
    /// The checkpoint belongs to another plan.
    #[error("it was made by another plan: of another strategy, seed or scenario")]
    Plan,
    /// A tensor differs from the plan's model.
    #[error("tensor `{name}`: found {found}, the scenario's model has shape {expected:?}")]
    Tensor {
        /// The tensor.
        name: String,
        /// The shape in the file, or that the tensor is absent.
        found: String,
        /// The model's shape.
        expected: Vec<usize>,
    },
    /// The number of layers differs from the model's.
    #[error("it has {found} layers, the scenario's model has {expected}")]
    Layers {
        /// The number in the file.
        found: usize,
        /// The number in the model.
        expected: usize,
    },
    /// The layers are in another order than the model's.
    #[error("its layers come in another order than those of the scenario's model")]
    Order,
    /// A client averaged a layer that the plan's model does not have.
    #[error("client {client} averaged layer `{layer}`, which the scenario's model does not have")]
    Layer {
        /// The client.
        client: u32,
        /// The layer.
        layer: String,
    },
}

/// The key of the only entry of the file's metadata. There is one entry because the format writes
/// several in no fixed order.
const KEY: &str = "fedlayer";

/// The metadata entry: the checkpoint's header, and a checksum of it and of all tensors.
#[derive(Serialize, Deserialize)]
struct MetadataEntry {
    head: CheckpointHeader,
    checksum: String,
}

#[derive(Serialize, Deserialize)]
struct CheckpointHeader {
    plan: PlanHash,
    round: u32,
    rounds_bytes: u64,
    barriers_bytes: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    record_hashes: Option<RecordHashes>,
    averaged_in: Vec<u32>,
    clients: BTreeMap<u32, ClientHeader>,
}

#[derive(Serialize, Deserialize)]
struct ClientHeader {
    round: u32,
    averaged: Vec<String>,
    /// The number of steps and the number of slots of the optimizer state.
    optimizer: Option<(u64, usize)>,
}

/// The prefix of the names of single clients' tensors.
const CLIENT: &str = "client/";

/// Tells whether a tensor of this name belongs to a single client, its optimizer state included.
pub(crate) fn is_of_client(name: &str) -> bool {
    name.starts_with(CLIENT)
}

/// Returns the name of a client's own tensor: `client/3/fc1.weight`.
fn own_name(client: ClientId, tensor: &TensorSpec) -> String {
    format!("{CLIENT}{client}/{}", tensor.name)
}

/// Returns the name of a tensor of a client's optimizer state: `client/3/optimizer/0/fc1.weight`.
fn slot_name(client: ClientId, slot: usize, tensor: &TensorSpec) -> String {
    format!("{CLIENT}{client}/optimizer/{slot}/{}", tensor.name)
}

struct TensorView<'a> {
    shape: &'a [usize],
    values: &'a [f32],
}

impl View for TensorView<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.values.iter().flat_map(|value| value.to_le_bytes()).collect())
    }

    fn data_len(&self) -> usize {
        4 * self.values.len()
    }
}

impl Checkpoint {
    /// Returns the bytes of the file. Equal states give equal bytes.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, CheckpointError> {
        let federation = &self.federation;
        let layout = federation.shared().layout();
        let mut tensors: Vec<(String, TensorView<'_>)> = Vec::new();
        for spec in layout.tensors() {
            let values = federation.shared().range(&spec.range);
            tensors.push((spec.name.clone(), TensorView { shape: &spec.shape, values }));
        }
        for (&client, state) in federation.clients() {
            let mut values = &*state.values;
            for spec in state.averaged.rest_tensors() {
                let (own, rest) = values.split_at(spec.range.len());
                values = rest;
                tensors
                    .push((own_name(client, spec), TensorView { shape: &spec.shape, values: own }));
            }
            for (slot, values) in state.optimizer.iter().flat_map(|o| &o.slots).enumerate() {
                for spec in layout.tensors() {
                    let values = &values[spec.range.clone()];
                    let tensor = TensorView { shape: &spec.shape, values };
                    tensors.push((slot_name(client, slot, spec), tensor));
                }
            }
        }
        let head = self.head();
        // The format orders tensors of one type by name; the checksum uses the same order.
        tensors.sort_by(|a, b| a.0.cmp(&b.0));
        let values = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor.data()));
        let checksum = checksum(&head, values)?;
        let entry = serde_json::to_string(&MetadataEntry { head, checksum })?;
        let metadata = HashMap::from([(KEY.to_owned(), entry)]);
        Ok(safetensors::serialize(tensors, Some(metadata))?)
    }

    fn head(&self) -> CheckpointHeader {
        let client = |(client, state): (&ClientId, &ClientState)| {
            let head = ClientHeader {
                round: state.round,
                averaged: state.averaged.names().map(ToString::to_string).collect(),
                optimizer: state.optimizer.as_ref().map(|o| (o.steps, o.slots.len())),
            };
            (client.0, head)
        };
        CheckpointHeader {
            plan: self.plan.clone(),
            round: self.round,
            rounds_bytes: self.records.rounds_bytes,
            barriers_bytes: self.records.barriers_bytes,
            record_hashes: self.records.hashes.clone(),
            averaged_in: self.federation.averaged_in().to_vec(),
            clients: self.federation.clients().iter().map(client).collect(),
        }
    }

    /// Reads a checkpoint of a plan.
    pub(crate) fn from_bytes(bytes: &[u8], plan: &Plan) -> Result<Self, CheckpointError> {
        let file = CheckpointFile::read(bytes)?;
        if !file.head.plan.matches(plan)? {
            return Err(CheckpointError::Plan);
        }
        let federation = file.federation(&plan.layout)?;
        let (round, records) = (file.round(), file.records());
        Ok(Self { plan: file.head.plan, round, records, federation: Arc::new(federation) })
    }
}

/// The file of a checkpoint. Its checksum is verified; it is not yet compared with a plan or a
/// model.
pub(crate) struct CheckpointFile<'a> {
    tensors: SafeTensors<'a>,
    head: CheckpointHeader,
}

impl<'a> CheckpointFile<'a> {
    /// Reads the file and verifies its checksum.
    ///
    /// # Errors
    /// [`CheckpointError::Foreign`] if another program wrote the file.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, CheckpointError> {
        let (_, metadata) = SafeTensors::read_metadata(bytes)?;
        let words = metadata.metadata().as_ref().and_then(|words| words.get(KEY));
        let MetadataEntry { head, checksum: expected } =
            serde_json::from_str(words.ok_or(CheckpointError::Foreign)?)?;
        let tensors = SafeTensors::deserialize(bytes)?;
        let mut names = tensors.names();
        names.sort_unstable();
        let mut values = Vec::with_capacity(names.len());
        for name in names {
            values.push((name, Cow::Borrowed(tensors.tensor(name)?.data())));
        }
        let found = checksum(&head, values)?;
        if found != expected {
            return Err(CheckpointError::Checksum { found, expected });
        }
        Ok(Self { tensors, head })
    }

    /// Returns the round after which it was taken.
    pub(crate) fn round(&self) -> u32 {
        self.head.round
    }

    /// Returns the hash of the plan that it belongs to.
    pub(crate) fn plan(&self) -> &PlanHash {
        &self.head.plan
    }

    /// Returns the record files up to that round.
    pub(crate) fn records(&self) -> CommittedRecords {
        let CheckpointHeader { rounds_bytes, barriers_bytes, .. } = self.head;
        CommittedRecords { rounds_bytes, barriers_bytes, hashes: self.head.record_hashes.clone() }
    }

    /// Returns the clients that have taken part in a round, ascending.
    pub(crate) fn clients(&self) -> impl Iterator<Item = ClientId> {
        self.head.clients.keys().map(|&client| ClientId(client))
    }

    /// Finds out who keeps running statistics: clients have their own of a layer that they
    /// averaged, or they do not. `None` if no averaged layer has running statistics.
    pub(crate) fn ownership(&self, layout: &Layout) -> Option<Ownership> {
        let averaged =
            |client: &ClientHeader, layer: &str| client.averaged.iter().any(|l| l == layer);
        let mut owners = self.head.clients.iter().flat_map(|(&id, client)| {
            let layers = layout.layers().iter();
            let layers = layers.filter(|layer| averaged(client, layer.name.as_str()));
            let tensors = layers.flat_map(|layer| &layer.tensors);
            let statistics = tensors.filter(|tensor| tensor.role == Role::Statistic);
            statistics.map(move |tensor| match self.own(ClientId(id), tensor) {
                true => Ownership::Model,
                false => Ownership::Layer,
            })
        });
        owners.next()
    }

    fn own(&self, client: ClientId, tensor: &TensorSpec) -> bool {
        self.tensors.tensor(&own_name(client, tensor)).is_ok()
    }

    /// Returns the models of all clients.
    ///
    /// # Errors
    /// When the tensors or layers are not those of `layout`.
    pub(crate) fn federation(&self, layout: &Arc<Layout>) -> Result<Federation, CheckpointError> {
        let (found, expected) = (self.head.averaged_in.len(), layout.layers().len());
        if found != expected {
            return Err(CheckpointError::Layers { found, expected });
        }
        let mut shared = Params::zeros(layout.clone());
        for spec in layout.tensors() {
            let values = read_tensor(&self.tensors, &spec.name, &spec.shape)?;
            shared.values_mut()[spec.range.clone()].copy_from_slice(&values);
        }
        let clients = self.head.clients.iter().map(|(&id, client)| {
            let id = ClientId(id);
            Ok((id, read_client(&self.tensors, layout, id, client)?))
        });
        let clients: BTreeMap<_, _> = clients.collect::<Result<_, CheckpointError>>()?;
        let averaged_in = self.head.averaged_in.clone();
        if !clients.values().all(|client| in_order(client, &averaged_in)) {
            return Err(CheckpointError::Order);
        }
        Ok(Federation::restore(Arc::new(shared), averaged_in, clients))
    }
}

/// Tells whether a client's averaged layers agree with the rounds in which layers were averaged.
fn in_order(client: &ClientState, averaged_in: &[u32]) -> bool {
    averaged_in.iter().enumerate().all(|(layer, &round)| match client.averaged.contains(layer) {
        true => round >= client.round,
        false => round != client.round,
    })
}

/// Hashes a checkpoint's header and its tensors, by name.
fn checksum<'a>(
    head: &CheckpointHeader,
    tensors: impl IntoIterator<Item = (&'a str, Cow<'a, [u8]>)>,
) -> Result<String, serde_json::Error> {
    let mut hasher = blake3::Hasher::new();
    let mut part = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    part(&serde_json::to_vec(head)?);
    for (name, bytes) in tensors {
        part(name.as_bytes());
        part(&bytes);
    }
    Ok(hasher.finalize().to_hex()[..16].to_owned())
}

fn read_client(
    file: &SafeTensors<'_>,
    layout: &Arc<Layout>,
    id: ClientId,
    head: &ClientHeader,
) -> Result<ClientState, CheckpointError> {
    let unknown = |layer: &String| CheckpointError::Layer { client: id.0, layer: layer.clone() };
    let index = |layer: &String| layout.index_of(layer).ok_or_else(|| unknown(layer));
    let averaged: Result<Vec<usize>, _> = head.averaged.iter().map(index).collect();
    let averaged = LayerSet::new(layout.clone(), averaged?);
    let mut values = Vec::new();
    for spec in averaged.rest_tensors() {
        values.extend(read_tensor(file, &own_name(id, spec), &spec.shape)?);
    }
    let optimizer = match head.optimizer {
        None => None,
        Some((steps, slots)) => {
            let slot = |slot: usize| -> Result<Vec<f32>, CheckpointError> {
                let mut values = Vec::with_capacity(layout.value_count());
                for spec in layout.tensors() {
                    values.extend(read_tensor(file, &slot_name(id, slot, spec), &spec.shape)?);
                }
                Ok(values)
            };
            let slots = (0..slots).map(slot).collect::<Result<_, _>>()?;
            Some(Arc::new(OptimizerState { steps, slots }))
        }
    };
    Ok(ClientState { round: head.round, averaged, values: values.into(), optimizer })
}

fn read_tensor(
    file: &SafeTensors<'_>,
    name: &str,
    shape: &[usize],
) -> Result<Vec<f32>, CheckpointError> {
    let wrong = |found: String| CheckpointError::Tensor {
        name: name.to_owned(),
        found,
        expected: shape.to_vec(),
    };
    let tensor = file.tensor(name).map_err(|_| wrong("nothing".to_owned()))?;
    if tensor.shape() != shape || tensor.dtype() != Dtype::F32 {
        return Err(wrong(format!("shape {:?} of type {}", tensor.shape(), tensor.dtype())));
    }
    let (values, _) = tensor.data().as_chunks::<4>();
    Ok(values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}
