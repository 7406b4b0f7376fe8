//! [`Job`]: a scenario in its run folder, from the first round to the table and the analyses.

use std::{path::Path, sync::Arc, time::Instant};

use fedlayer_core::{Plan, Summary, spec::AnalysisSpec};
use fedlayer_runtime::{
    Link, RunError, Shutdown,
    remote::{End, Metrics},
    shutdown,
};

use crate::{
    analyses::{self, Laboratory},
    classes, cost,
    exit::{Cause, Failure, run_reason},
    inventory,
    progress::{Begin, RunProgress},
    reopen::Damage,
    run_folder::{
        RunFolder,
        inputs_note::InputsNote,
        note::{RunNote, RunState},
    },
    runtime,
    screen::Screen,
    shortage,
    signals::{self, AtOnce},
    table,
    trainers::Trainers,
    turns::{PlanEnd, Progress, Waiting, in_turn},
};

/// A scenario in its run folder.
pub(crate) struct Job {
    pub(crate) folder: RunFolder,
    pub(crate) plans: Vec<Arc<Plan>>,
    /// What is measured once all rounds are over.
    pub(crate) analyses: Vec<AnalysisSpec>,
    pub(crate) trainers: Arc<Trainers>,
    pub(crate) json: bool,
    /// The run that goes on; nothing where one begins.
    pub(crate) again: Option<Again>,
}

/// A run that is there already, and goes on.
pub(crate) struct Again {
    /// What was noted of it last.
    pub(crate) before: RunNote,
    /// Its files where they are now.
    pub(crate) inputs: Option<InputsNote>,
    /// What becomes of its damage.
    pub(crate) damage: Damage,
}

/// Where the clients of a run train.
pub(crate) trait Workplace {
    /// The way to the workers.
    type Link: Link;

    /// Opens it; nothing where the user ends the run before there are workers.
    async fn open(&mut self, word: &Shutdown) -> Result<Option<Arc<Self::Link>>, Failure>;

    /// Counts a committed round, where somebody asks for it.
    fn counts(&self) -> Option<Arc<Metrics>> {
        None
    }

    /// How a run that was ended early goes on.
    fn hint(&self, folder: &Path) -> String {
        format!("go on with `fedlayer resume {}`", folder.display())
    }

    /// Every plan came to its end, or the user ended them.
    async fn close(&mut self, _end: End) {}
}

/// Plans that are about to be trained.
struct Ready<'a> {
    plans: Vec<Waiting>,
    progress: &'a Progress,
    /// Whether every round of them is there already.
    is_complete: bool,
    /// Ends the program at ctrl-c until the rounds listen to it.
    preparing: AtOnce,
}

/// What the rounds came to.
struct Trained {
    ended: Result<(), Failure>,
    /// The plans that came to their last round.
    finished: Vec<Arc<Plan>>,
}

impl Job {
    /// Runs every plan to its end, writes the summary, prints the table and makes the analyses.
    pub(crate) fn execute(
        &self,
        mut note: RunNote,
        mut place: impl Workplace,
        screen: &Screen,
    ) -> Result<(), Failure> {
        let began = Instant::now();
        let runtime = runtime::start().inspect_err(|_| self.folder.discard())?;
        screen.talk(&format!("run folder: {}", self.folder.path().display()));
        let preparing = signals::while_preparing(screen);
        let looked = self.waiting(screen, place.counts());
        let (plans, progress) = looked.inspect_err(|_| self.folder.discard())?;
        let is_complete = self.is_complete(&plans);
        let ready = Ready { plans, progress: &progress, is_complete, preparing };
        let trained = runtime.block_on(self.train(ready, &mut place, &note, screen));
        // A worker in the middle of a long training does not keep the program from ending.
        runtime.shutdown_background();
        progress.shown.close();
        let Trained { ended, finished } = match trained {
            Ok(trained) => trained,
            Err(failure) => {
                self.not_begun(&failure, note);
                return Err(failure);
            }
        };
        note.training_seconds = began.elapsed().as_secs_f64();
        let ended = ended.map_err(|failure| self.at_once(failure));
        let reported = self.report_where_due(&ended, &note, screen);
        let analysed = match reported.is_ok() && leaves_models(&ended) {
            true => self.analyse(&finished, &note, screen),
            false => Ok(()),
        };
        note.state = state(&ended, &analysed);
        note.seconds = began.elapsed().as_secs_f64();
        note.analysis_seconds = note.seconds - note.training_seconds;
        let noted = self.end(&ended, note, is_complete, screen);
        // What ended the run is the news; that a full disk takes the summary too is not.
        ended.and(noted).and(reported).and(analysed)
    }

    /// Opens the workplace and runs every plan there.
    ///
    /// # Errors
    /// When no plan could begin.
    async fn train(
        &self,
        ready: Ready<'_>,
        place: &mut impl Workplace,
        note: &RunNote,
        screen: &Screen,
    ) -> Result<Trained, Failure> {
        let Ready { plans, progress, is_complete, preparing } = ready;
        let word = interruption(screen.clone());
        drop(preparing);
        let Some(link) = place.open(&word).await? else {
            return Err(Failure::Interrupted(place.hint(self.folder.path())));
        };
        // Whatever can fail cheaply is behind; a run that is there already was not touched so far.
        if !is_complete {
            self.folder.remove_summary()?;
            self.folder.write_note(note)?;
        }
        let inputs = self.again.as_ref().and_then(|again| again.inputs.as_ref());
        inputs.map_or(Ok(()), |inputs| self.folder.write_inputs(inputs))?;
        classes::record(&self.plans, &self.trainers, &self.folder, screen)?;
        let ends = in_turn(plans, &link, progress, &word).await;
        let finished = finished_plans(&ends);
        let ended = self.ended(ends, place);
        place.close(if goes_on(&ended) { End::Stopped } else { End::Finished }).await;
        Ok(Trained { ended, finished })
    }

    /// Whether every round of a finished run is there.
    fn is_complete(&self, plans: &[Waiting]) -> bool {
        let was_finished =
            self.again.as_ref().is_some_and(|again| again.before.state == RunState::Finished);
        was_finished && plans.iter().all(|waiting| waiting.from == Some(waiting.plan.rounds))
    }

    /// Writes the summary and prints the table, unless the user ended the run or there is nothing to show.
    fn report_where_due(
        &self,
        ended: &Result<(), Failure>,
        note: &RunNote,
        screen: &Screen,
    ) -> Result<(), Failure> {
        let is_due = match ended {
            Err(Failure::Interrupted(_) | Failure::Run { cause: Cause::Moved, .. }) => false,
            Err(Failure::Run {
                cause: Cause::Training | Cause::Start | Cause::Machine, ..
            }) => self.has_rounds(),
            _ => true,
        };
        if is_due { self.report(screen, note) } else { Ok(()) }
    }

    /// Writes down what became of the run, and says how long it took; takes the folder away where nothing is kept.
    fn end(
        &self,
        ended: &Result<(), Failure>,
        note: RunNote,
        was_complete: bool,
        screen: &Screen,
    ) -> Result<(), Failure> {
        match ended {
            Err(Failure::Run { cause: Cause::Start, .. }) => {
                self.folder.discard();
                return Ok(());
            }
            Err(Failure::Run { cause: Cause::Moved, .. }) => return Ok(()),
            _ => {}
        }
        if note.state != RunState::Interrupted {
            let folder = self.folder.path().display();
            screen.talk(&format!("{}; records in {folder}", self.spent(&note)));
        }
        self.note_end(note, was_complete)
    }

    /// Writes what became of the run, with the length and hash of every file. A run that was finished before keeps what was noted of its records, and
    /// its whole note where nothing was made.
    fn note_end(&self, mut note: RunNote, was_complete: bool) -> Result<(), Failure> {
        let before = self.again.as_ref().map(|again| &again.before).filter(|_| was_complete);
        note.files = match before {
            Some(before) => before.files.clone(),
            None => inventory::records(self.folder.path(), &self.plans)?,
        };
        note.files.extend(inventory::results(self.folder.path(), &self.plans)?);
        let is_same = |before: &RunNote| {
            before.provenance.is_none()
                || (before.files == note.files && before.state == note.state)
        };
        if before.is_some_and(is_same) {
            return Ok(());
        }
        self.folder.write_note(&note)
    }

    /// A new run that waits for workers is kept where the user ends it, and else leaves nothing; a run that was there is as it was.
    fn not_begun(&self, failure: &Failure, note: RunNote) {
        if !matches!(failure, Failure::Interrupted(_)) {
            self.folder.discard();
        } else if self.folder.is_new() {
            let note = RunNote { state: RunState::Interrupted, ..note };
            // The words on how to go on are the news.
            let _noted = self.folder.write_note(&note);
        }
    }

    /// Whether a round of any plan is written.
    fn has_rounds(&self) -> bool {
        let has_rounds = |plan: &Arc<Plan>| {
            self.folder.plan(plan).summary(plan).map_or(true, |row| row.rounds > 0)
        };
        self.plans.iter().any(has_rounds)
    }

    /// The failure of a new run in which no plan came through its first round: there is nothing to show or to keep.
    fn at_once(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Run { failed, plans, reasons, folder, cause: Cause::Training }
                if self.folder.is_new() && !self.has_rounds() =>
            {
                Failure::Run { failed, plans, reasons, folder, cause: Cause::Start }
            }
            failure => failure,
        }
    }

    /// The time that everything took: the rounds, and the analyses where there are any.
    fn spent(&self, note: &RunNote) -> String {
        let RunNote { seconds, training_seconds, analysis_seconds, .. } = note;
        match self.analyses.is_empty() {
            true => format!("{seconds:.1} s"),
            false => format!(
                "{training_seconds:.1} s of rounds, {analysis_seconds:.1} s of analyses: {seconds:.1} s"
            ),
        }
    }

    /// What the scenario wants measured on the models of the plans that are finished; what is there already is left alone.
    fn analyse(
        &self,
        finished: &[Arc<Plan>],
        note: &RunNote,
        screen: &Screen,
    ) -> Result<(), Failure> {
        if self.analyses.is_empty() {
            return Ok(());
        }
        let folder = self.folder.path();
        let _at_once = signals::end_at_once(
            screen,
            format!(
                "interrupted; every round and every finished analysis is kept\nhint: `fedlayer resume {}` makes the rest",
                folder.display()
            ),
        );
        let laboratory = Laboratory { trainers: &self.trainers, workers: note.workers, screen };
        let (made, failed) =
            laboratory.after_rounds(&self.analyses, &self.plans, finished, &self.folder);
        analyses::show(&made, self.json, screen)?;
        // The first is what the program ends with; the others are said here.
        let mut failed = failed.into_iter();
        let first = failed.next();
        failed.for_each(|failure| screen.error(&failure.words()));
        first.map_or(Ok(()), Err)
    }

    /// Every plan, waiting for its turn, and the progress of them all.
    fn waiting(
        &self,
        screen: &Screen,
        counts: Option<Arc<Metrics>>,
    ) -> Result<(Vec<Waiting>, Progress), Failure> {
        let damage = self.again.as_ref().map_or(Damage::Refused, |again| again.damage);
        let of = |plan: &Arc<Plan>| Waiting::of(plan, &self.folder, damage, &self.trainers);
        let all: Vec<Waiting> = self.plans.iter().map(of).collect::<Result<_, Failure>>()?;
        let costs = cost::of_rounds(&self.plans, &self.trainers).map_err(Failure::Data)?;
        let begin = |(waiting, cost): (&Waiting, _)| Begin {
            plan: waiting.plan.clone(),
            committed: waiting.from.unwrap_or(0),
            cost,
        };
        let begins: Vec<Begin> = all.iter().zip(costs).map(begin).collect();
        let done: u64 = begins.iter().map(|begin| u64::from(begin.committed)).sum();
        let rounds: u64 = self.plans.iter().map(|plan| u64::from(plan.rounds)).sum();
        if done > 0 {
            screen.talk(&format!("going on after {done} of {rounds} committed rounds"));
        }
        let progress = Progress { shown: RunProgress::new(screen, begins), counts };
        Ok((all, progress))
    }

    /// What the ends of all plans come to.
    fn ended(&self, ends: Vec<PlanEnd>, place: &impl Workplace) -> Result<(), Failure> {
        let folder = self.folder.path();
        if ends.iter().any(|(_, end)| matches!(end, Err(RunError::Interrupted { .. }))) {
            return Err(Failure::Interrupted(place.hint(folder)));
        }
        let reason = |(plan, end): &PlanEnd| {
            let error = end.as_ref().err()?;
            Some(run_reason(&plan.title(), plan.seed, &error))
        };
        let reasons: Vec<String> = ends.iter().filter_map(reason).collect();
        if reasons.is_empty() {
            return Ok(());
        }
        Err(Failure::Run {
            failed: reasons.len(),
            plans: ends.len(),
            reasons: reasons.join("\n"),
            folder: folder.to_owned(),
            cause: match cause(&ends) {
                Cause::Files if self.folder.check_place().is_err() => Cause::Moved,
                cause => cause,
            },
        })
    }

    /// Writes `summary.json`, of a sweep `sweep.csv` too, and prints the table.
    fn report(&self, screen: &Screen, note: &RunNote) -> Result<(), Failure> {
        let rows: Result<Vec<_>, Failure> =
            self.plans.iter().map(|plan| self.folder.plan(plan).summary(plan)).collect();
        let summary = Summary { scenario: note.scenario.clone(), rows: rows? };
        self.folder.write_summary(&summary)?;
        if let Some(sheet) = table::sheet(&summary) {
            self.folder.write_sweep(&sheet)?;
        }
        Ok(screen.data(&table::render(&summary, self.json)?)?)
    }
}

/// What it was, on the whole, that plans could not be finished for.
fn cause(ends: &[PlanEnd]) -> Cause {
    let errors = || ends.iter().filter_map(|(_, end)| end.as_ref().err());
    if errors().any(|error| matches!(error, RunError::Journal(_))) {
        Cause::Files
    } else if errors().any(|error| shortage::is_in(&error.to_string())) {
        Cause::Machine
    } else {
        Cause::Training
    }
}

/// Whether somebody will go on with a run that ended like this.
fn goes_on(ended: &Result<(), Failure>) -> bool {
    matches!(
        ended,
        Err(Failure::Interrupted(_)
            | Failure::Run { cause: Cause::Files | Cause::Moved | Cause::Machine, .. })
    )
}

/// Whether analyses are made: one plan that failed does not take those of the others along.
fn leaves_models(ended: &Result<(), Failure>) -> bool {
    matches!(ended, Ok(()) | Err(Failure::Run { cause: Cause::Training, .. }))
}

/// How far a run came.
fn state(ended: &Result<(), Failure>, analysed: &Result<(), Failure>) -> RunState {
    match (ended, analysed) {
        (Ok(()), Ok(())) => RunState::Finished,
        (Err(Failure::Interrupted(_)), _) => RunState::Interrupted,
        _ => RunState::Failed,
    }
}

/// The plans that came to their last round.
fn finished_plans(ends: &[PlanEnd]) -> Vec<Arc<Plan>> {
    ends.iter().filter(|(_, end)| end.is_ok()).map(|(plan, _)| plan.clone()).collect()
}

/// The word is given at the first ctrl-c (or SIGTERM, or SIGHUP); at the second the program ends at once.
fn interruption(screen: Screen) -> Shutdown {
    let (stopper, word) = shutdown();
    tokio::spawn(async move {
        signals::end().await;
        screen.talk("interrupted: the round in training is abandoned");
        stopper.stop();
        signals::end_again().await;
        signal_hook::low_level::exit(130);
    });
    word
}
