//! Scenario text in, plans or helpful errors out. A [`Plan`](fedlayer_core::Plan) is valid: its
//! holder need not check anything again.
//!
//! In reading order:
//!
//! * [`Scenario`]: the content of a scenario file; its JSON Schema ([`schema()`]) is the only
//!   source of keys, types and ranges.
//! * [`read`]: from text to plans ([`ValidScenario`]); [`read_without_data`]: without the last
//!   step; [`variants`]: the variants of a sweep alone.
//! * [`Setting`]: one `--set key=value`, which changes a text and keeps its comments.
//! * [`with_only_analysis`]: a text with a single analysis.
//! * [`Scenario::contrasts`]: the keys in which two scenarios differ.
//! * [`canonical_form`]: the form of a plan that its hash is taken over; [`with_defaults`]: a
//!   scenario as JSON, completed.
//! * `toml_tree`: a parsed text with the positions of its values; `toml_syntax`: syntax errors.
//! * `schema`: checks keys, types and ranges; `parse`: then deserialises.
//! * `local_overlays`: the local training of each strategy; `checked`: a scenario with it.
//! * `consistency`: checks values against each other, the model and the data, which it knows
//!   through an [`Environment`].
//! * `sweep`: the variants of a scenario, each read and checked as the scenario is.
//! * `limits`: upper limits on a scenario ([`SCENARIO_BYTES`]).
//! * `problem`: a fault at a key path; `locate`: from key paths to bytes of the file or of a
//!   `--set`; `phrasing`: phrases of messages.
//! * [`Diagnostics`]: all problems, written in the form of rustc's messages.
//! * [`example`]: a scenario with every section explained.
//!
//! ```
//! use fedlayer_core::data::DataFacts;
//!
//! let facts = DataFacts { shape: vec![64], classes: 10, targets: 1, pool: 1438, test: 359 };
//! let data = |_: &_, _| Ok(facts.clone());
//! let read = fedlayer_scenario::read("example.toml", fedlayer_scenario::example(), &[], &data)?;
//! assert_eq!(read.plans.len(), read.scenario.strategy.len() * read.scenario.seeds.len());
//!
//! let problems = fedlayer_scenario::read("x.toml", "round = 20", &[], &data).unwrap_err();
//! assert!(problems.to_string().contains("did you mean `rounds`?"));
//! # Ok::<(), fedlayer_scenario::Diagnostics>(())
//! ```

mod checked;
mod consistency;
mod contrasts;
mod diagnostics;
mod environment;
mod limits;
mod local_overlays;
mod locate;
mod only_analysis;
mod ordered_json;
mod parse;
mod phrasing;
mod plan_form;
mod problem;
mod read;
mod scenario;
mod scenario_schema;
mod schema;
mod setting;
mod sweep;
mod toml_syntax;
mod toml_tree;

pub use contrasts::local_contrasts;
pub use diagnostics::{Color, Diagnostics};
pub use environment::{ClientSizes, DataFault, Environment, FileFault};
pub use limits::SCENARIO_BYTES;
pub use only_analysis::with_only_analysis;
pub use phrasing::{did_you_mean, nearest};
pub use plan_form::{canonical_form, form_of_format_1};
pub use read::{ValidScenario, read, read_without_data, variants};
pub use scenario::{Scenario, example, schema};
pub use scenario_schema::with_defaults;
pub use setting::{Setting, SettingError};
