//! The vocabulary and the mathematics of a federated round. No libtorch, no async runtime, no files, no clock: data in, data out.
//!
//! In reading order:
//!
//! * [`Layout`]: which layers a model has, and where each lies in the flat parameters; [`Params`]: the parameters of one model;
//!   [`LayerSet`]: any set of layers, resolved to ranges.
//! * [`spec`]: what a scenario may say; [`Plan`]: a scenario that is known to be valid, for one strategy and one seed.
//! * [`Seed`]: random numbers are arguments; [`FederatedData`]: which examples each client has; [`InputStats`]: the range of what a model sees.
//! * [`LayerSchedule`]: which layers a strategy averages in which round ([`RoundRange`] and [`matching_layers`] read its words).
//! * [`Cohort`]: who trains in a round, and in which [`stacks`].
//! * [`Trainer`]: the one seam to any model; [`ToyTrainer`] is its closed-form implementation.
//! * [`Machine`]: the rounds as a state machine; [`foreseen_failure`]: the round that must fail, known before any client trains.
//! * [`weighted_mean`]: the average of models on a layer set; [`Federation`]: the models of all clients, shared layers and own ones;
//!   [`traffic`]: the bytes that a strategy would send.
//! * [`Point`]: end models, mixes, random twins; [`Estimate`] and [`Ends`]: the barrier's formula; [`target_sets`]: the sweeps;
//!   [`BarrierStudy`]: the barriers of a round; [`RoundEvaluation`]: the models right after averaging.
//! * [`analyze`]: what is measured on trained models outside of the rounds: a [`ModelSet`] in, [`AnalysisRow`]s out.
//! * [`Symmetry`]: which units of a network may change places; [`align`](fn@align): a model laid out like another one.
//! * [`RoundRecord`], [`BarrierRow`], [`SummaryRow`]: what is written down; [`Refusals`]: clients that do not count; [`compare`]: strategies side by side;
//!   [`contrasts`]: what the set-ups of two runs differ in, and whether that leaves them comparable.
//! * [`number_text`](fn@number_text): numbers as messages show them.
//! * [`printable`](fn@printable): text of others, without the characters that a terminal obeys; [`in_backticks`]: names in messages.

pub mod spec;

mod analysis;
mod architecture;
mod average;
mod barrier;
mod charge;
mod cohort;
mod compare;
mod evaluation;
mod examples;
mod federation;
mod geometry;
mod glob;
mod inputs;
mod layer_set;
mod layout;
mod number_text;
mod params;
mod plan;
mod point;
mod printable;
mod record;
mod refusals;
mod round;
mod rounds;
mod rows;
mod schedule;
mod seed;
mod setup;
mod study;
mod sweep;
mod toy;
mod trainer;

pub use analysis::{
    AlignError, Alignment, AnalysisError, AnalysisRow, LayerDistance, ModelSet, Permutation,
    Symmetry, TrainedModel, UnitAxis, UnitGroup, align, analyze,
};
pub use architecture::{
    Architecture, ArchitectureError, Attention, Conv, Embedding, Init, Linear, Norm, Op, Pool,
    PoolKind,
};
pub use average::{AverageError, mean_model, weighted_mean, weights};
pub use barrier::{Ends, Estimate, differences, sample_deviation};
pub use charge::traffic;
pub use cohort::{Cohort, stacks};
pub use compare::{
    Candidate, ComparedStrategy, Difference, Pairing, QUANTITIES, Quantity, Spread, compare,
    compare_candidates,
};
pub use evaluation::RoundEvaluation;
pub use examples::{
    Affine, ClientData, ClientId, DataFacts, DrawClient, ExampleValues, Examples, FederatedData,
};
pub use federation::{ClientState, Federation};
pub use glob::matching_layers;
pub use inputs::{InputStats, USUAL_MAGNITUDE, USUAL_STD};
pub use layer_set::LayerSet;
pub use layout::{Layer, LayerName, Layout, LayoutError, Ownership, Role, TensorSpec};
pub use number_text::{number_text, rounded_text};
pub use params::{Params, ParamsError};
pub use plan::{Plan, slug};
pub use point::{Mix, Point, PointLayer, distance};
pub use printable::{excerpt, in_backticks, is_printable, printable, push_printable, quoted};
pub use record::{
    BarrierKind, BarrierRow, BarrierSummary, EvaluationRecord, LayerBytes, Metric, MissingRecord,
    RoundRecord, Summary, SummaryRow,
};
pub use refusals::{RefusalCause, Refusals, clients_in_words};
pub use round::{
    Action, CohortUpdates, Event, Failure, Machine, MissingCause, Phase, Refusal, Ticket,
    foreseen_failure,
};
pub use rounds::RoundRange;
pub use rows::summarize;
pub use schedule::{LayerSchedule, named_layers};
pub use seed::{Generator, Seed};
pub use setup::{Contrast, Effect, contrasts};
pub use study::{BarrierStudy, EndModel};
pub use sweep::{TargetSet, target_sets};
pub use toy::ToyTrainer;
pub use trainer::{
    Derivatives, Evaluation, OptimizerState, Probe, Split, TrainJob, Trainer, TrainerError, Update,
    UpdateError,
};
