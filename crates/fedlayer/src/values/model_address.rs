//! [`ModelAddress`]: `RUN:STRATEGY:SEED:ROUND:CLIENT`, the name of a model in a run folder.

use std::path::{Path, PathBuf};

use fedlayer_core::{
    data::ClientId,
    model::Ownership,
    text::{in_backticks, slug},
};
use fedlayer_scenario::{Scenario, did_you_mean};

use super::ValuesError;
use crate::{
    files,
    folders::locator::{FileName, Locator},
    numbers::whole,
    run_folder::{self, RunFolder, checkpoint::PlanHash, plan_folder::PlanFolder},
    verify,
};

/// A model in a run folder.
#[derive(Debug)]
pub(crate) struct ModelAddress {
    /// The address as it was written.
    pub(super) text: String,
    /// The run folder, as it was written.
    run: String,
    /// The run folder's path.
    folder: PathBuf,
    /// The checkpoint's file, below `folder`.
    pub(super) checkpoint: PathBuf,
    /// The client, if the address names one.
    pub(super) client: Option<ClientId>,
    /// The owner of running statistics, by the run's scenario.
    pub(super) ownership: Ownership,
    /// The address without its client.
    pub(super) shared: String,
    /// The round, if the address says `last`.
    pub(super) last: Option<u32>,
}

/// A strategy of a run folder.
struct RunStrategy {
    name: String,
    folder: PathBuf,
    ownership: Ownership,
}

impl ModelAddress {
    /// Parses an address; `None` if no part of it up to a colon is a run folder or the folder of a
    /// sweep's variant.
    ///
    /// # Errors
    /// Names the part that the run does not have, and the parts that it has.
    pub(super) fn find(text: &str, locator: &Locator) -> Result<Option<Self>, ValuesError> {
        for (colon, _) in text.rmatch_indices(':') {
            let run = |path: PathBuf| strategies(&path).map(|ran| (path, ran));
            let paths = locator.candidates(&FileName::own(&text[..colon]));
            if let Some((folder, ran)) = paths.into_iter().find_map(run) {
                let ran = ran?;
                return match ran.is_empty() {
                    true => Err(no_strategy(text, colon, locator)),
                    false => Self::inside(text, colon, folder, &ran).map(Some),
                };
            }
        }
        Ok(None)
    }

    /// Parses the parts behind the run folder, which ends at a colon.
    fn inside(
        text: &str,
        colon: usize,
        folder: PathBuf,
        ran: &[RunStrategy],
    ) -> Result<Self, ValuesError> {
        let address =
            AddressParts { text, names: ran.iter().map(|ran| ran.name.clone()).collect() };
        let rest = &text[colon + 1..];
        let (ran, rest) = address.strategy(rest, ran)?;
        let (seed, round, client) = match rest.split(':').collect::<Vec<_>>()[..] {
            [seed, round] => (seed, round, "shared"),
            [seed, round, client] => (seed, round, client),
            [""] => return Err(address.parts("there is nothing", ran)),
            ref parts => {
                let found = match parts.len() {
                    1 => "there is 1 part".to_owned(),
                    count => format!("there are {count} parts"),
                };
                return Err(address.parts(&found, ran));
            }
        };
        let plan = PlanFolder::at(address.seed(seed, &ran.folder)?);
        let rounds = plan.kept_rounds()?;
        let (checkpoint, last) = match round {
            BEST_ROUND if files::exists(&plan.best_file()) => (plan.best_file(), None),
            _ => {
                let kept = address.round(round, &rounds)?;
                (plan.checkpoint_file(kept), (round == LAST).then_some(kept))
            }
        };
        let client = address.client(client)?;
        let run = &text[..colon];
        let shared = format!("{run}:{}:{seed}:{round}", ran.name);
        Ok(Self {
            text: text.to_owned(),
            run: run.to_owned(),
            folder,
            checkpoint,
            client,
            ownership: ran.ownership,
            shared,
            last,
        })
    }
}

impl ModelAddress {
    /// Returns the hash of the checkpoint's plan, if the run's note has it.
    pub(super) fn plan(&self) -> Option<PlanHash> {
        let above = [Some(&*self.folder), self.folder.parent()];
        let run = above.into_iter().flatten().find(|folder| RunFolder::is_one(folder))?;
        let own = self.checkpoint.parent()?.parent()?.strip_prefix(run).ok()?;
        let plans = verify::provenance(run).ok()??.plans;
        let plan = plans.into_iter().find(|plan| Path::new(&plan.folder) == own);
        plan.map(|plan| plan.blake3)
    }

    /// Returns the checkpoint's path as a scenario would write it.
    pub(super) fn file_name(&self) -> String {
        let below = self.checkpoint.strip_prefix(&self.folder).unwrap_or(&self.checkpoint);
        Path::new(&self.run).join(below).display().to_string()
    }
}

/// Returns the error of an address into a run folder without strategies: that of a sweep, or of a
/// run that has not begun.
fn no_strategy(text: &str, colon: usize, locator: &Locator) -> ValuesError {
    let run = &text[..colon];
    let paths = |folder: &str| locator.candidates(&FileName::own(folder));
    let folders = paths(run).into_iter().filter_map(|run| files::names_in(&run).ok());
    let below = folders.flatten().map(|name| format!("{run}/{name}"));
    let has_strategies = |folder: &String| paths(folder).iter().any(|at| !begun(at).is_empty());
    let variants: Vec<String> = below.filter(has_strategies).collect();
    let there = match variants.is_empty() {
        true => "none yet".to_owned(),
        false => format!("variants, in folders of their own: {}", in_backticks(variants)),
    };
    let found = text[colon + 1..].split(':').next().unwrap_or_default().to_owned();
    ValuesError::Unknown { address: text.to_owned(), what: "strategy", found, there }
}

/// The word for the last round with a checkpoint.
const LAST: &str = "last";

/// The word for the best round by validation, if the scenario selects one.
const BEST_ROUND: &str = "best";

/// The word for the model that all clients share.
const SHARED: &str = "shared";

/// The parts of an address.
struct AddressParts<'t> {
    text: &'t str,
    names: Vec<String>,
}

impl AddressParts<'_> {
    /// Finds the strategy at the beginning of `rest`, by its name or its folder, and returns the
    /// text behind it. Names may contain colons, so several may fit; the text behind them decides.
    fn strategy<'r, 'a>(
        &self,
        rest: &'a str,
        ran: &'r [RunStrategy],
    ) -> Result<(&'r RunStrategy, &'a str), ValuesError> {
        let behind = |name: &str| match rest.strip_prefix(name)? {
            "" => Some(""),
            behind => behind.strip_prefix(':'),
        };
        let fits = ran.iter().filter_map(|ran| {
            let behind = behind(&ran.name).or_else(|| behind(&slug(&ran.name)))?;
            Some((ran, behind))
        });
        let fits: Vec<(&RunStrategy, &str)> = fits.collect();
        let is_whole =
            |(_, behind): &&(&RunStrategy, &str)| matches!(behind.split(':').count(), 2 | 3);
        let whole: Vec<(&RunStrategy, &str)> = fits.iter().filter(is_whole).copied().collect();
        if whole.len() > 1 {
            let names = in_backticks(whole.iter().map(|(ran, _)| &ran.name));
            return Err(ValuesError::Ambiguous { address: self.text.to_owned(), names });
        }
        whole.first().or(fits.first()).copied().ok_or_else(|| self.no_strategy(rest))
    }

    fn no_strategy(&self, rest: &str) -> ValuesError {
        let found = rest.split(':').next().unwrap_or_default();
        let meant = did_you_mean(found, self.names.iter().map(String::as_str));
        let meant = meant.map_or(String::new(), |meant| format!("; {meant}"));
        self.unknown("strategy", found, in_backticks(&self.names) + &meant)
    }

    /// Returns the folder of a seed.
    fn seed(&self, found: &str, strategy: &Path) -> Result<PathBuf, ValuesError> {
        let mut seeds: Vec<u64> = seeds(strategy)?;
        seeds.sort_unstable();
        match whole(found).filter(|seed| seeds.contains(seed)) {
            Some(seed) => Ok(strategy.join(format!("{SEED}{seed}"))),
            None => {
                Err(self.unknown("seed", found, in_backticks(seeds.iter().map(u64::to_string))))
            }
        }
    }

    /// Returns a round with a checkpoint.
    fn round(&self, found: &str, kept: &[u32]) -> Result<u32, ValuesError> {
        let round = match found {
            LAST => kept.last().copied(),
            _ => whole(found).filter(|round| kept.contains(round)),
        };
        let there = || match kept {
            [] => "no checkpoint yet".to_owned(),
            _ => format!("checkpoints of {}", in_backticks(kept.iter().map(u32::to_string))),
        };
        round.ok_or_else(|| self.unknown("round", found, there()))
    }

    fn client(&self, found: &str) -> Result<Option<ClientId>, ValuesError> {
        match found {
            SHARED => Ok(None),
            _ => whole(found).map(|client| Some(ClientId(client))).ok_or_else(|| {
                let there = "clients with numbers from 0, and `shared`".to_owned();
                self.unknown("client", found, there)
            }),
        }
    }

    fn unknown(&self, what: &'static str, found: &str, there: String) -> ValuesError {
        ValuesError::Unknown { address: self.text.to_owned(), what, found: found.to_owned(), there }
    }

    fn parts(&self, found: &str, ran: &RunStrategy) -> ValuesError {
        ValuesError::Parts {
            address: self.text.to_owned(),
            found: found.to_owned(),
            strategy: ran.name.clone(),
        }
    }
}

/// The prefix of the name of a seed's folder.
const SEED: &str = "seed-";

/// Returns the seeds that have a folder in a strategy's folder.
fn seeds(strategy: &Path) -> Result<Vec<u64>, files::FileError> {
    let names = files::names_in(strategy)?;
    Ok(names.iter().filter_map(|name| whole(name.strip_prefix(SEED)?)).collect())
}

/// Returns the strategies in a run folder, or in a variant's folder below one; `None` for other
/// folders.
fn strategies(folder: &Path) -> Option<Result<Vec<RunStrategy>, ValuesError>> {
    let begun = begun(folder);
    let above = folder.parent().filter(|above| RunFolder::is_one(above) && !begun.is_empty());
    let run = if RunFolder::is_one(folder) { folder } else { above? };
    Some(scenario(run).map(|scenario| {
        let ran = begun.into_iter().map(|name| {
            let spec = scenario.strategy.iter().find(|spec| slug(&spec.name) == name);
            RunStrategy {
                folder: folder.join(&name),
                ownership: spec.map_or_else(Ownership::default, |spec| spec.statistics.ownership()),
                name: spec.map_or(name, |spec| spec.name.clone()),
            }
        });
        ran.collect()
    }))
}

/// Returns the names of the strategies' folders in a folder: they contain a seed's folder.
fn begun(folder: &Path) -> Vec<String> {
    let has_seeds = |name: &String| {
        let path = folder.join(name);
        files::is_folder(&path) && seeds(&path).is_ok_and(|seeds| !seeds.is_empty())
    };
    files::names_in(folder).unwrap_or_default().into_iter().filter(has_seeds).collect()
}

/// Reads the scenario of a run.
fn scenario(run: &Path) -> Result<Scenario, ValuesError> {
    verify::provenance(run).map_err(|fault| ValuesError::Value {
        file: fault.path.display().to_string(),
        reason: fault.words,
    })?;
    let path = run_folder::scenario_file(run);
    let text = files::read_text(&path)?;
    toml::from_str(&text).map_err(|error| ValuesError::Value {
        file: path.display().to_string(),
        reason: format!("it is not a scenario: {}", error.message()),
    })
}

/// Returns the address of a client's model in the checkpoint at `path`, if it is in a run folder.
pub(super) fn address_of(path: &Path, round: u32, client: ClientId) -> Option<String> {
    let seed = path.parent()?.parent()?;
    let strategy = seed.parent()?;
    let folder = strategy.parent()?;
    let ran = strategies(folder)?.ok()?;
    let name = &ran.iter().find(|ran| ran.folder == strategy)?.name;
    let seed = seed.file_name()?.to_str()?.strip_prefix(SEED)?;
    Some(format!("{}:{name}:{seed}:{round}:{client}", folder.display()))
}
