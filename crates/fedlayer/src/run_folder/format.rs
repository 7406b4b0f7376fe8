//! [`FolderFormat`]: the format of a run folder, a number in its `run.json`.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{NOTE, sealed::Sealed};
use crate::exit::Failure;

/// The format of a run folder.
///
/// A new key of a scenario or of `run.json` that has a default changes no format: older folders are
/// read as if it had its default. The number rises if an older program would misread a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct FolderFormat(u32);

impl FolderFormat {
    /// The first format, of folders without a number. The hash of a plan covers the defaults of all
    /// keys of that time.
    pub(crate) const FIRST: Self = Self(1);

    /// The format of new folders. The hash of a plan leaves defaults out.
    pub(crate) const CURRENT: Self = Self(2);

    /// Returns whether it is the first format, which has no number.
    pub(crate) fn is_first(&self) -> bool {
        *self == Self::FIRST
    }

    /// Reads the format of a run folder, before anything else of it is read. A folder in which
    /// `run.json` is missing or damaged counts as one of a known format: other checks name the
    /// fault.
    ///
    /// # Errors
    /// When a later version of the program wrote the folder.
    pub(crate) fn of(run: &Path) -> Result<Self, Failure> {
        let sealed = Sealed::read(&run.join(NOTE)).ok().filter(|sealed| !sealed.is_broken());
        let note: Option<Value> = sealed.and_then(|sealed| sealed.value().ok());
        let note = note.unwrap_or_default();
        let found = match &note["format"] {
            Value::Null => return Ok(Self::FIRST),
            found => found.as_u64().and_then(|number| u32::try_from(number).ok()),
        };
        match found {
            Some(number) if (1..=Self::CURRENT.0).contains(&number) => Ok(Self(number)),
            _ => Err(Failure::LaterFormat {
                folder: run.to_owned(),
                found: note["format"].to_string(),
                newest: Self::CURRENT.0,
                version: note["fedlayer"].as_str().unwrap_or("unknown").to_owned(),
            }),
        }
    }
}

/// The format of a folder without a number.
impl Default for FolderFormat {
    fn default() -> Self {
        Self::FIRST
    }
}

#[cfg(test)]
mod tests {
    use fedlayer_core::{Plan, data::DataFacts};

    use super::*;
    use crate::run_folder::checkpoint::PlanHash;

    /// The scenario of the stored runs, which version 0.1.0 wrote.
    const EARLIER: &str = include_str!("../../../../tests/it/fixtures/runs/finished/scenario.toml");

    /// The hashes of its two plans in their `run.json`.
    const HASHES: [&str; 2] = [
        "22041b399716fad185102c10a451dd472aa11fdc717541fe9ebbfbf6b95c4ea3",
        "2c869f3a5d7e80feac57f564025ca7e40213a811dad67a87c737bce2b8c262b6",
    ];

    /// The hash of the first plan in the current format. It is the name of every run of this plan:
    /// no change of the program may change it.
    const GOLDEN: &str = "";

    fn plans(text: &str) -> Vec<Plan> {
        let facts =
            DataFacts { shape: vec![1, 8, 8], classes: 10, targets: 1, pool: 192, test: 359 };
        let data = |_: &_, _| Ok(facts.clone());
        fedlayer_scenario::read("scenario.toml", text, &[], &data).unwrap().plans
    }

    fn hash(plan: &Plan, format: FolderFormat) -> String {
        PlanHash::of(plan, format).unwrap().to_string()
    }

    #[test]
    fn a_plan_of_a_stored_run_has_the_hash_that_was_written() {
        let plans = plans(EARLIER);
        let first = [&plans[0], &plans[1]].map(|plan| hash(plan, FolderFormat::FIRST));
        assert_eq!(first, HASHES);
        assert_eq!(hash(&plans[0], FolderFormat::CURRENT), GOLDEN);
    }

    #[test]
    fn a_hash_is_recognised_in_every_format_and_only_of_its_plan() {
        let plans = plans(EARLIER);
        for format in [FolderFormat::FIRST, FolderFormat::CURRENT] {
            let hash = PlanHash::of(&plans[0], format).unwrap();
            assert!(hash.matches(&plans[0]).unwrap());
            assert!(!hash.matches(&plans[1]).unwrap());
        }
    }
}
