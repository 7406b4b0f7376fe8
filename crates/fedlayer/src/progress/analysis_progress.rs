//! [`AnalysisProgress`]: the progress of an analysis; [`CountingTrainer`]: a trainer that counts
//! its evaluations.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Instant,
};

use fedlayer_core::{
    Plan, Seed,
    data::Split,
    model::{Layout, Params, Point},
    spec::AnalysisSpec,
    trainer::{Derivatives, Evaluation, Probe, TrainJob, Trainer, TrainerError, Update},
};
use fedlayer_report::quantity;
use serde_json::json;

use super::repeater::{Repeater, Ticker};
use crate::{
    cost::analyses::{AnalysisLine, PRODUCT, lines},
    screen::{Bar, Screen},
};

/// Shows the progress of an analysis until it is dropped: on a bar, or off a terminal in a line now
/// and then.
pub(crate) struct AnalysisProgress {
    shown: Display,
    _beat: Repeater,
}

#[derive(Clone)]
struct Display {
    screen: Screen,
    bar: Bar,
    began: Instant,
    name: String,
    /// An upper bound of the number of evaluations.
    expected: u64,
    done: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
    ticker: Arc<Mutex<Ticker>>,
}

impl AnalysisProgress {
    /// Shows the progress of an analysis; `count` is (its number, the number of all).
    pub(crate) fn begin(
        screen: &Screen,
        spec: &AnalysisSpec,
        name: &str,
        plan: &Plan,
        count: (usize, usize),
    ) -> Self {
        let (number, all) = count;
        let count = if all > 1 { format!(" ({number} of {all})") } else { String::new() };
        screen.talk(&format!("analysis `{name}`: {}{count}", spec.measure.word()));
        let lines = lines(std::slice::from_ref(spec), plan);
        let work = |line: &AnalysisLine| {
            line.evaluations.saturating_add(PRODUCT.saturating_mul(line.products))
        };
        let expected = lines.iter().map(work).fold(0, u64::saturating_add);
        let shown = Display {
            screen: screen.clone(),
            bar: screen.bar(expected, 0),
            began: Instant::now(),
            name: name.to_owned(),
            expected,
            done: Arc::default(),
            is_over: Arc::default(),
            ticker: Arc::default(),
        };
        let beating = shown.clone();
        Self { shown, _beat: Repeater::start(Repeater::EVERY, move || beating.beat()) }
    }

    fn count(&self, evaluations: usize) {
        self.shown.done.fetch_add(evaluations as u64, Ordering::Relaxed);
        self.shown.beat();
    }
}

impl Drop for AnalysisProgress {
    fn drop(&mut self) {
        self.shown.is_over.store(true, Ordering::Relaxed);
        self.shown.bar.finish_and_clear();
    }
}

impl Display {
    fn beat(&self) {
        let done = self.done.load(Ordering::Relaxed).min(self.expected);
        let [evaluations, expected] = [done, self.expected].map(quantity::count);
        let text =
            format!("analysis `{}`: {evaluations} of about {expected} evaluations", self.name);
        if !self.bar.is_hidden() {
            self.bar.set_position(done);
            self.bar.set_message(&text);
            return;
        }
        let now = self.began.elapsed();
        let is_due = !self.is_over.load(Ordering::Relaxed)
            && self.ticker.lock().unwrap_or_else(PoisonError::into_inner).due(now);
        if is_due {
            let fields = json!({
                "analysis": self.name,
                "evaluations_done": done,
                "evaluations": self.expected,
                "seconds": now.as_secs_f64(),
            });
            self.screen.talk_of(&text, fields);
        }
    }
}

/// A trainer that counts its evaluations.
pub(crate) struct CountingTrainer<'a, T> {
    trainer: T,
    progress: &'a AnalysisProgress,
}

impl<'a, T: Trainer> CountingTrainer<'a, T> {
    pub(crate) fn new(trainer: T, progress: &'a AnalysisProgress) -> Self {
        Self { trainer, progress }
    }
}

impl<T: Trainer> Trainer for CountingTrainer<'_, T> {
    fn layout(&self) -> &Arc<Layout> {
        self.trainer.layout()
    }

    fn initial(&mut self, seed: Seed) -> Result<Params, TrainerError> {
        self.trainer.initial(seed)
    }

    fn train(&mut self, jobs: &[TrainJob]) -> Vec<Result<Update, TrainerError>> {
        self.trainer.train(jobs)
    }

    fn evaluate(&mut self, probes: &[Probe]) -> Result<Vec<Evaluation>, TrainerError> {
        let evaluations = self.trainer.evaluate(probes);
        self.progress.count(probes.len());
        evaluations
    }

    fn differentiate(
        &mut self,
        point: &Point,
        split: Split,
        along: &[Vec<f32>],
    ) -> Result<Derivatives, TrainerError> {
        let derivatives = self.trainer.differentiate(point, split, along);
        self.progress.count(PRODUCT as usize * along.len().max(1));
        derivatives
    }
}
