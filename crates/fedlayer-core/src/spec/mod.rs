//! The tables of a scenario as types, one file per table.
//!
//! These types are the only list of keys, ranges and defaults. The JSON Schema is derived from
//! them, and the diagnostics follow the schema. A [`Plan`](crate::Plan) holds validated values of
//! these types.
//!
//! * `data`, `inputs`: `[data]`. `model`, `layers`: `[model]`. `local`: `[local]`.
//! * `clients`: `[clients]`, `[checkpoints]`, `[evaluate]`. `strategy`: `[[strategy]]`. `sweep`:
//!   `[sweep]`.
//! * `barriers`: `[barriers]`. `analysis`: `[[analysis]]`.

mod analysis;
mod barriers;
mod clients;
mod data;
mod inputs;
mod layers;
mod local;
mod model;
mod strategy;
mod sweep;

pub use analysis::{
    Align, AnalysisSpec, Barriers, Criticality, Cumulative, Flatness, GivenModels, Hessian,
    Measurement, NoInitialModel, Order, Predict, Robustness, RoundChoice, RoundWord, Subspace,
    Surface, Through, Window,
};
pub use barriers::{BarrierSpec, Baseline, Between, SetSpec, SplitSpec};
pub use clients::{
    CheckpointSpec, ClientsSpec, EvaluateSpec, EvaluatedClients, Keep, KeepAll, Select, SelectBy,
};
pub use data::{Augment, DataSet, DataSpec, Files, Partition, Synthetic, Text};
pub use inputs::{Constants, Normalize, NormalizeWord, Scale, ScaleWord};
pub use layers::{
    Activation, Block, ConvSpec, LayerSpec, LinearSpec, NormKind, NormSpec, PoolSpec,
};
pub use local::{
    Adam, LastBatch, LocalSpec, Loss, Optimizer, OptimizerMemory, Precision, Schedule, Sgd, Warmup,
};
pub use model::{Gpt, Mlp, MlpForm, ModelSpec, Residual, Toy, Vgg};
pub use strategy::{Average, Rule, ScheduleEntry, Statistics, StrategySpec, Weighting};
pub use sweep::{SweepSpec, SweptValue, Variant};
