//! Scenario text in, plans or helpful errors out. Whoever has a [`Plan`](fedlayer_core::Plan) need not check anything again.
//!
//! In reading order:
//!
//! * [`Scenario`]: what a file says; its JSON Schema ([`schema`]) is the one source of keys, types and ranges.
//! * [`read`]: the steps from text to plans ([`ValidScenario`]); [`read_without_data`]: those that need no data.
//! * [`Setting`]: one `--set key=value`, which changes a text and keeps its comments.
//! * [`with_only_analysis`]: a text that asks for one analysis; [`Scenario::contrasts`]: the keys in which two scenarios differ.
//! * `tree`: a parsed text that knows where everything stands; `syntax`: what the parser complains of, in our words.
//! * `shape`: what may stand where, read from the schema; `walk` and `scalar`: hold the text against it.
//! * `meaning`: values that must fit one another, the model and the data, of which [`Environment`] knows.
//! * `limits`: the most of everything that a scenario may have ([`SCENARIO_BYTES`]).
//! * `sweep`: the variants of a scenario, each read and checked as the scenario is.
//! * `problem`: one thing that is wrong, at a path; `place`: from paths to bytes of the file or of a `--set`; `words`: how messages say it.
//! * [`Diagnostics`]: everything that is wrong, in the form of rustc's messages.
//! * [`example`]: a scenario with every section explained.
//!
//! ```
//! use fedlayer_core::DataFacts;
//!
//! let data = |_: &_, _| Ok(DataFacts { shape: vec![64], classes: 10, targets: 1, pool: 1438, test: 359 });
//! let read = fedlayer_scenario::read("example.toml", fedlayer_scenario::example(), &[], &data)?;
//! assert_eq!(read.plans.len(), read.scenario.strategy.len() * read.scenario.seeds.len());
//!
//! let report = fedlayer_scenario::read("x.toml", "round = 20", &[], &data).unwrap_err();
//! assert!(report.to_string().contains("did you mean `rounds`?"));
//! # Ok::<(), fedlayer_scenario::Diagnostics>(())
//! ```

mod full;
mod limits;
mod meaning;
mod only_analysis;
mod place;
mod problem;
mod read;
mod report;
mod scalar;
mod scenario;
mod setting;
mod shape;
mod sweep;
mod syntax;
mod tree;
mod walk;
mod words;

pub use limits::SCENARIO_BYTES;
pub use meaning::{ClientSizes, DataFault, Environment, FileFault};
pub use only_analysis::with_only_analysis;
pub use read::{ValidScenario, read, read_without_data};
pub use report::{Color, Diagnostics};
pub use scenario::{Scenario, example, schema};
pub use setting::{Setting, SettingError};
pub use words::{did_you_mean, nearest};
