//! [`RunProgress`]: the progress of all plans of a run. On a terminal it is a bar; elsewhere a line
//! now and then, and one for each plan that ends.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use fedlayer_core::{Plan, record::RoundRecord};
use fedlayer_report::quantity;
use serde_json::{Value, json};

use super::{
    estimate::TimeEstimate,
    last_round::LastRound,
    repeater::{Repeater, Ticker},
};
use crate::{
    cost::{PerPhase, RoundCost},
    screen::{Bar, Screen},
};

/// A plan at the start of a run.
pub(crate) struct PlanStart {
    pub(crate) plan: Arc<Plan>,
    /// The number of its committed rounds.
    pub(crate) committed: u32,
    /// Whether it has ended: its last round is committed, or its patience is exhausted.
    pub(crate) has_ended: bool,
    /// The cost of its rounds.
    pub(crate) cost: RoundCost,
}

/// The progress of all plans of a run. Clones show the same progress.
#[derive(Clone)]
pub(crate) struct RunProgress {
    screen: Screen,
    bar: Bar,
    clock: Clock,
    state: Arc<Mutex<ProgressState>>,
}

/// Gives the time since the run began.
type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;

impl RunProgress {
    /// Shows the progress of `plans`, in their order, until [`close`](Self::close).
    pub(crate) fn new(screen: &Screen, plans: Vec<PlanStart>) -> Self {
        let began = Instant::now();
        Self::timed(
            screen,
            ProgressState::new(plans),
            Arc::new(move || began.elapsed()),
            Repeater::EVERY,
        )
    }

    /// Does the same with another clock, which is read every `every`.
    fn timed(screen: &Screen, state: ProgressState, clock: Clock, every: Duration) -> Self {
        let bar = screen.bar(state.rounds, state.done);
        let state = Arc::new(Mutex::new(state));
        let progress = Self { screen: screen.clone(), bar, clock, state };
        let beating = progress.clone();
        let repeater = Repeater::start(every, move || beating.beat());
        progress.with(|state| state.repeater = Some(repeater));
        progress.beat();
        progress
    }

    /// Sets the number of plans that run side by side.
    pub(crate) fn side_by_side(&self, plans: usize) {
        self.with(|state| state.estimate.side_by_side(plans));
    }

    /// Shows that a round of a plan was committed; its phases took `seconds`.
    pub(crate) fn committed(&self, plan: usize, record: &RoundRecord, seconds: PerPhase) {
        let now = (self.clock)();
        self.with(|state| state.committed(plan, record, seconds, now));
        self.bar.inc(1);
        self.beat();
    }

    /// Shows that a plan ended, finished or with a `failure`.
    pub(crate) fn ended(&self, plan: usize, failure: Option<&str>) {
        let now = (self.clock)();
        let line = self.with(|state| state.ended(plan, failure, now));
        if let Some((text, fields)) = line.filter(|_| self.bar.is_hidden()) {
            self.screen.talk_of(&text, fields);
        }
    }

    /// Removes the bar, and stops the lines.
    pub(crate) fn close(&self) {
        self.with(|state| state.repeater = None);
        self.bar.finish_and_clear();
    }

    /// Shows the progress: on the bar, or in a line if one is due.
    fn beat(&self) {
        let now = (self.clock)();
        if !self.bar.is_hidden() {
            self.bar.set_message(&self.with(|state| state.short(now)));
            return;
        }
        if let Some((text, fields)) = self.with(|state| state.due_line(now)) {
            self.screen.talk_of(&text, fields);
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut ProgressState) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The state of a run. It reads no clock: every time is an argument, counted from the start.
struct ProgressState {
    plans: Vec<PlanStart>,
    estimate: TimeEstimate,
    ticker: Ticker,
    repeater: Option<Repeater>,
    /// The number of all rounds of all plans, and of those that are committed.
    rounds: u64,
    done: u64,
    /// The number of plans that have ended.
    ended: usize,
    /// The round that was committed last.
    last: Option<LastRound>,
    /// The seconds that were left at a time, and that time.
    left: Option<(f64, Duration)>,
}

/// The shortest time between two estimates of the time that is left.
const RECKONED: Duration = Duration::from_millis(200);

/// A line for people, and its fields for programs.
type ProgressLine = (String, Value);

impl ProgressState {
    fn new(plans: Vec<PlanStart>) -> Self {
        let last = |start: &PlanStart| match start.has_ended {
            true => start.committed,
            false => start.plan.rounds,
        };
        let left = |start: &PlanStart| match start.has_ended {
            true => PerPhase::default(),
            false => start.cost.after(&start.plan, start.committed),
        };
        let group = |start: &PlanStart| start.plan.strategy.name.clone();
        Self {
            estimate: TimeEstimate::new(plans.iter().map(|start| (group(start), left(start)))),
            ticker: Ticker::default(),
            repeater: None,
            rounds: plans.iter().map(|start| u64::from(last(start))).sum(),
            done: plans.iter().map(|start| u64::from(start.committed)).sum(),
            ended: plans.iter().filter(|start| start.has_ended).count(),
            last: None,
            left: None,
            plans,
        }
    }

    fn committed(&mut self, plan: usize, record: &RoundRecord, seconds: PerPhase, now: Duration) {
        let Some(start) = self.plans.get_mut(plan) else { return };
        start.committed = record.round;
        let PlanStart { plan: of, cost, .. } = start;
        self.estimate.committed(plan, cost.in_round(of, record.round), seconds);
        self.done += 1;
        self.reckon(now, RECKONED);
        self.last = Some(LastRound {
            plan,
            round: record.round,
            train_loss: record.train_loss,
            test_accuracy: record.evaluation.as_ref().and_then(|found| found.test_accuracy),
        });
    }

    /// Estimates the time that is left, unless the last estimate is younger than `moment`: for
    /// thousands of plans an estimate takes a while itself.
    fn reckon(&mut self, now: Duration, moment: Duration) {
        if self.left.is_none_or(|(_, then)| now.saturating_sub(then) >= moment) {
            self.left = self.estimate.left().map(|left| (left, now));
        }
    }

    /// Returns the line for a plan that ended; `None` if it had ended before the run was resumed.
    fn ended(&mut self, plan: usize, failure: Option<&str>, now: Duration) -> Option<ProgressLine> {
        let PlanStart { plan: of, committed, has_ended, .. } = self.plans.get(plan)?;
        if *has_ended {
            return None;
        }
        if failure.is_none() {
            // The rounds that its patience saved are no longer expected.
            self.rounds -= u64::from(of.rounds.saturating_sub(*committed));
        }
        let (name, seed) = (of.title(), of.seed);
        self.estimate.ended(plan);
        self.reckon(now, Duration::ZERO);
        self.ended += 1;
        self.ticker.wrote(now);
        let (ended, plans) = (self.ended, self.plans.len());
        let how = failure.map_or("finished".to_owned(), |why| {
            format!("failed: {}", why.lines().next().unwrap_or_default())
        });
        let text = format!(
            "`{name}`, seed {seed}: {how} ({ended} of {plans} runs{})",
            self.time_left(now)
        );
        let mut fields = self.fields(now);
        fields["strategy"] = name.into();
        fields["seed"] = seed.into();
        fields["state"] = if failure.is_some() { "failed" } else { "finished" }.into();
        Some((text, fields))
    }

    /// Returns the line, if one is due now.
    fn due_line(&mut self, now: Duration) -> Option<ProgressLine> {
        // A beat may come while the run is being closed.
        let is_due = self.repeater.is_some() && self.ticker.due(now);
        is_due.then(|| self.line(now))
    }

    /// Returns a line such as `37 of 150 rounds, 2 min left; …`.
    fn line(&self, now: Duration) -> ProgressLine {
        let last = self.last.as_ref().map_or("no round is committed yet".to_owned(), |last| {
            format!("{}: {}", self.name(last), last.numbers())
        });
        let text =
            format!("{} of {} rounds{}; {last}", self.done, self.rounds, self.time_left(now));
        (text, self.fields(now))
    }

    /// Returns the text behind the bar. The least important part comes last, because a narrow
    /// terminal cuts it off.
    fn short(&self, now: Duration) -> String {
        let last = self.last.as_ref().map_or("no round is committed yet".to_owned(), |last| {
            format!("{}, {}", last.numbers(), self.name(last))
        });
        format!("{}/{}{}; {last}", self.done, self.rounds, self.time_left(now))
    }

    fn name(&self, last: &LastRound) -> String {
        let plan = self.plans.get(last.plan).map(|start| &start.plan);
        plan.map_or(String::new(), |plan| format!("`{}` seed {}", plan.title(), plan.seed))
    }

    /// Returns `, 2 min left`; an empty text before the first estimate and at the end.
    fn time_left(&self, now: Duration) -> String {
        let left = self.seconds_left(now).filter(|&left| left > 0.0);
        left.map_or(String::new(), |left| format!(", {} left", quantity::duration(left)))
    }

    fn seconds_left(&self, now: Duration) -> Option<f64> {
        let (left, then) = self.left?;
        Some((left - now.saturating_sub(then).as_secs_f64()).max(0.0))
    }

    fn fields(&self, now: Duration) -> Value {
        let mut fields = json!({
            "rounds_done": self.done,
            "rounds": self.rounds,
            "runs_ended": self.ended,
            "runs": self.plans.len(),
            "seconds_left": self.seconds_left(now),
        });
        if let Some((last, start)) =
            self.last.as_ref().and_then(|last| Some((last, self.plans.get(last.plan)?)))
        {
            fields["strategy"] = start.plan.title().into();
            fields["seed"] = start.plan.seed.into();
            fields["round"] = last.round.into();
            fields["train_loss"] = last.train_loss.into();
            fields["test_accuracy"] = last.test_accuracy.into();
        }
        fields
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use fedlayer_core::record::EvaluationRecord;
    use indicatif::{ProgressBar, ProgressDrawTarget, TermLike};

    use super::*;
    use crate::screen::line_style;

    /// Two plans of two rounds, of one strategy with a long name. Only training has a cost.
    fn state() -> ProgressState {
        resumed([0, 0])
    }

    /// The same plans, with some rounds committed before.
    fn resumed(committed: [u32; 2]) -> ProgressState {
        let text = "rounds = 2\nseeds = [1, 2]\ndata.set = \"digits\"\nclients.count = 2\nmodel = \"linear\"\n\
                    local = { epochs = 1, batch = 4, optimizer = { sgd = { lr = 0.1 } } }\n\
                    strategy = [{ name = \"a strategy of a rather long name\", average = \"all\" }]";
        let data = crate::data::Data::new(crate::folders::Folders::new(None));
        let plans = fedlayer_scenario::read("test", text, &[], &data).unwrap().plans;
        let start = |(plan, committed)| {
            let cost = RoundCost::of_training_alone(&plan);
            PlanStart { plan: Arc::new(plan), committed, has_ended: committed == 2, cost }
        };
        ProgressState::new(plans.into_iter().zip(committed).map(start).collect())
    }

    fn record(round: u32) -> RoundRecord {
        let evaluation =
            EvaluationRecord { test_accuracy: Some(0.912), ..EvaluationRecord::default() };
        RoundRecord {
            round,
            attempt: 1,
            reported: Vec::new(),
            missing: Vec::new(),
            averaged: "all".to_owned(),
            examples: 1,
            steps: 1,
            train_loss: 0.12345,
            evaluation: Some(evaluation),
            barriers: None,
            bytes_up: 0,
            bytes_down: 0,
            bytes: Vec::new(),
            layers: Vec::new(),
        }
    }

    fn second(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_line_says_round_training_test_and_the_time_left() {
        let mut state = state();
        assert_eq!(state.line(second(1)).0, "0 of 4 rounds; no round is committed yet");
        state.committed(0, &record(1), PerPhase { train: 40.0, ..PerPhase::default() }, second(40));
        let (text, fields) = state.line(second(50));
        let expected = "1 of 4 rounds, 2 min left; `a strategy of a rather long name` seed 1: round 1, train loss 0.1235, test acc 91.2 %";
        assert_eq!(text, expected);
        // Three rounds of 40 seconds are left, minus the 10 seconds since the first.
        assert_eq!(fields["seconds_left"], 110.0);
        assert_eq!((&fields["rounds_done"], &fields["round"]), (&1.into(), &1.into()));
        assert_eq!(fields["test_accuracy"], 0.912);
    }

    /// A run that trains its first round for two minutes, observed once a second.
    #[test]
    fn off_a_terminal_a_silent_run_has_a_line_at_least_every_thirty_seconds() {
        let (screen, lines) = Screen::kept();
        let now = Arc::new(AtomicU64::new(0));
        let clock = now.clone();
        let clock = Arc::new(move || second(clock.load(Ordering::SeqCst)));
        // The test beats by hand.
        let progress = RunProgress::timed(&screen, state(), clock, second(3600));
        let mut said = vec![0];
        for at in 1..=120 {
            now.store(at, Ordering::SeqCst);
            progress.beat();
            said.extend(lines.lock().unwrap().drain(..).map(|line| {
                assert_eq!(line, "0 of 4 rounds; no round is committed yet");
                at
            }));
        }
        said.push(120);
        assert!(said.windows(2).all(|pair| pair[1] - pair[0] <= 30), "{said:?}");
        assert!((5..=7).contains(&said.len()), "{said:?}");
        progress.close();
        now.store(1000, Ordering::SeqCst);
        progress.beat();
        assert!(lines.lock().unwrap().is_empty(), "a run that is closed says nothing");
    }

    /// The thread of the repeater looks at the clock without any other call.
    #[test]
    fn the_repeater_looks_at_the_clock_by_itself() {
        let (screen, lines) = Screen::kept();
        let looks = Arc::new(AtomicU64::new(0));
        let clock = Arc::new(move || second(looks.fetch_add(1, Ordering::SeqCst)));
        let progress = RunProgress::timed(&screen, state(), clock, Duration::from_millis(1));
        while lines.lock().unwrap().len() < 2 {
            std::thread::yield_now();
        }
        progress.close();
        assert!(lines.lock().unwrap().iter().all(|line| line.starts_with("0 of 4 rounds")));
    }

    #[test]
    fn a_plan_that_ends_is_named_with_what_became_of_it() {
        let mut state = state();
        state.committed(0, &record(2), PerPhase { train: 1.0, ..PerPhase::default() }, second(1));
        let finished = state.ended(0, None, second(1)).unwrap();
        assert!(
            finished.0.ends_with("seed 1: finished (1 of 2 runs, 2.0 s left)"),
            "{}",
            finished.0
        );
        let failed = state.ended(1, Some("too few clients\nhint: more"), second(2)).unwrap();
        assert!(failed.0.contains("seed 2: failed: too few clients (2 of 2 runs"), "{}", failed.0);
        assert_eq!(
            (&finished.1["state"], &failed.1["state"]),
            (&"finished".into(), &"failed".into())
        );
    }

    #[test]
    fn a_plan_that_had_ended_before_says_nothing() {
        assert!(resumed([2, 0]).ended(0, None, second(1)).is_none());
    }

    #[test]
    fn rounds_that_patience_saves_are_no_longer_expected() {
        let mut state = state();
        state.committed(0, &record(1), PerPhase { train: 1.0, ..PerPhase::default() }, second(1));
        assert!(state.line(second(1)).0.starts_with("1 of 4 rounds"));
        assert!(state.ended(0, None, second(1)).is_some());
        assert!(state.line(second(1)).0.starts_with("1 of 3 rounds"));
    }

    #[test]
    fn a_resumed_run_counts_what_was_there_before() {
        let mut state = resumed([2, 1]);
        assert!(state.line(second(1)).0.starts_with("3 of 4 rounds; no round"));
        state.committed(1, &record(2), PerPhase { train: 8.0, ..PerPhase::default() }, second(8));
        assert_eq!(state.line(second(8)).1["seconds_left"], 0.0);
        let (text, _) = state.ended(1, None, second(8)).unwrap();
        assert!(text.ends_with("seed 2: finished (2 of 2 runs)"), "{text}");
    }

    #[test]
    fn a_line_is_due_after_a_while_of_silence_until_the_run_is_closed() {
        let mut state = state();
        assert!(state.due_line(second(25)).is_none(), "nobody is told before the run begins");
        state.repeater = Some(Repeater::start(Duration::from_secs(3600), || ()));
        assert!(state.due_line(second(25)).unwrap().0.starts_with("0 of 4 rounds"));
        assert!(state.due_line(second(30)).is_none());
        state.ended(0, None, second(40)).unwrap();
        assert!(state.due_line(second(64)).is_none(), "the line of a plan counts as one");
        assert!(state.due_line(second(65)).is_some());
        state.repeater = None;
        assert!(state.due_line(second(100)).is_none());
    }

    /// A terminal of 80 columns that keeps all output.
    #[derive(Debug, Clone, Default)]
    struct Narrow(Arc<Mutex<Vec<String>>>);

    impl TermLike for Narrow {
        fn width(&self) -> u16 {
            80
        }
        fn move_cursor_up(&self, _: usize) -> std::io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> std::io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> std::io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> std::io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> std::io::Result<()> {
            self.write_str(text)
        }
        fn write_str(&self, text: &str) -> std::io::Result<()> {
            self.0.lock().unwrap().push(text.to_owned());
            Ok(())
        }
        fn clear_line(&self) -> std::io::Result<()> {
            Ok(())
        }
        fn flush(&self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_bar_fits_into_80_columns_and_keeps_what_matters() {
        let mut state = state();
        state.committed(0, &record(1), PerPhase { train: 40.0, ..PerPhase::default() }, second(40));
        let terminal = Narrow::default();
        let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
        let bar = ProgressBar::with_draw_target(Some(4), target);
        bar.set_style(line_style());
        bar.set_message(state.short(second(50)));
        bar.tick();
        let drawn = terminal.0.lock().unwrap().clone();
        let bar_line = drawn.iter().find(|text| text.contains("left")).unwrap();
        assert!(
            bar_line.contains("1/4, 2 min left; round 1, train loss 0.1235, test acc 91.2 %"),
            "{drawn:?}"
        );
        assert!(bar_line.trim_end().chars().count() <= 80, "{drawn:?}");
    }
}
