//! The work that is counted in advance is the work that a measurement asks for.

use std::{collections::BTreeSet, sync::Arc};

use fedlayer_analysis::{AnalysisWork, ModelSet, analyze, work};
use fedlayer_core::{
    Seed,
    data::Split,
    model::{Layout, Params, Point},
    spec::{
        Barriers, Baseline, Between, Criticality, Cumulative, Flatness, Hessian, Measurement,
        Order, Robustness, SetSpec, SplitSpec, Subspace, Surface, Through, Window,
    },
    trainer::{Derivatives, Evaluation, Probe, TrainJob, Trainer, TrainerError, Update},
};

use crate::align::{WIDTHS, network};
use crate::fixture::{Quadratic, model, normal};
use crate::support::{dense, params};

/// A trainer that counts what it is asked for, on each split.
struct Counting {
    trainer: Quadratic,
    train: AnalysisWork,
    test: AnalysisWork,
}

impl Counting {
    fn of(&mut self, split: Split) -> &mut AnalysisWork {
        match split {
            Split::Train => &mut self.train,
            _ => &mut self.test,
        }
    }
}

impl Trainer for Counting {
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
        probes.iter().for_each(|probe| self.of(probe.split).evaluations += 1);
        self.trainer.evaluate(probes)
    }

    fn differentiate(
        &mut self,
        point: &Point,
        split: Split,
        along: &[Vec<f32>],
    ) -> Result<Derivatives, TrainerError> {
        self.of(split).products += along.len() as u64;
        self.trainer.differentiate(point, split, along)
    }
}

/// Makes models with a start and `states` states each.
fn models(count: u32, states: u32) -> ModelSet {
    let layout = dense(&WIDTHS);
    let values = |seed| normal(seed, layout.value_count());
    let trained = |id: u32| {
        let state = |round: u32| (round, params(&layout, &values(u64::from(100 * id + round))));
        let mut model = model(id, &layout, &values(u64::from(id)));
        model.history = (1..=states).map(state).collect();
        model
    };
    ModelSet {
        round: states,
        models: (1..=count).map(trained).collect(),
        initial: Some(params(&layout, &values(77))),
        architecture: Some(network()),
    }
}

/// Returns what a measurement asks for, on each split, and what is counted in advance.
fn asked_and_counted(measure: &Measurement, model_set: &ModelSet) -> (AnalysisWork, AnalysisWork) {
    let trainer = Quadratic::drawn(model_set.layout(), 5);
    let nothing = AnalysisWork::default();
    let mut trainer = Counting { trainer, train: nothing, test: nothing };
    let splits = [SplitSpec::Train, SplitSpec::Test];
    analyze(measure, model_set, &splits, Seed::new(1), &mut trainer).unwrap();
    assert_eq!(trainer.train, trainer.test, "{measure:?}");
    (trainer.test, work(measure, &model_set.shape(), Seed::new(1)))
}

/// Every measurement, with keys that take every branch of its count.
fn measurements() -> Vec<Measurement> {
    let all_sets = || {
        let named = SetSpec::Named(vec!["fc*".to_owned()]);
        let sweeps = [SetSpec::Shallow, SetSpec::Deep, SetSpec::Random, SetSpec::Alternating];
        [SetSpec::Full, SetSpec::Layers, SetSpec::Window(2), named].into_iter().chain(sweeps)
    };
    let barriers = Barriers { sets: all_sets().collect(), twins: 2, ..Barriers::default() };
    let orders = vec![Order::Shallow, Order::Deep, Order::Random, Order::Alternating];
    let layers = [vec!["fc1".to_owned()], vec!["fc2".to_owned(), "out".to_owned()]];
    let some_layers = [vec!["fc1".to_owned()], vec!["out".to_owned()]];
    let surface = |through: Through| Surface { through, points: 3, beyond: 0.5 };
    let mut all: Vec<Measurement> = vec![
        Measurement::Barriers(Barriers { alpha: vec![0.25, 0.5, 1.0], ..barriers.clone() }),
        Measurement::Barriers(Barriers { baselines: vec![Baseline::Mean], ..barriers.clone() }),
        Measurement::Barriers(Barriers { between: Between::Cohort, ..barriers }),
        Measurement::Cumulative(Cumulative { orders, ..Cumulative::default() }),
        Measurement::Window(Window { widths: vec![1, 2, 3], ..Window::default() }),
        Measurement::Robustness(Robustness { draws: 3, alpha: vec![0.3, 0.5, 1.0] }),
        Measurement::Flatness(Flatness { draws: 2 }),
        Measurement::Flatness(Flatness { draws: 40 }),
        Measurement::Hessian(Hessian { draws: 2, steps: 4, tolerance: 1e-12 }),
        Measurement::Hessian(Hessian { draws: 80, steps: 3, tolerance: 1e-12 }),
    ];
    let axes = [Through::Segment, Through::Models, Through::Filters, Through::Layers(layers)];
    all.extend(axes.map(surface).map(Measurement::Surface));
    all.push(Measurement::Surface(surface(Through::Layers(some_layers))));
    for (layers, as_published) in [(true, true), (true, false), (false, false)] {
        let spec = Subspace { draws: 3, layers, as_published, ..Subspace::default() };
        all.push(Measurement::Subspace(spec));
    }
    for draws in [1, 2] {
        all.push(Measurement::Criticality(Criticality { draws, ..Criticality::default() }));
    }
    // The others have no keys that change their count.
    let words: BTreeSet<&str> = all.iter().map(Measurement::word).collect();
    all.extend(Measurement::all().filter(|measure| !words.contains(measure.word())));
    all
}

#[test]
fn every_measurement_asks_for_the_work_that_is_counted() {
    for model_set in [models(2, 3), models(3, 4)] {
        for measure in measurements() {
            let (asked, counted) = asked_and_counted(&measure, &model_set);
            assert_eq!(asked, counted, "{} models: {measure:?}", model_set.models.len());
        }
    }
}

/// A single model is enough for derivatives.
#[test]
fn one_model_is_half_the_work_of_two() {
    let hessian = Measurement::Hessian(Hessian { draws: 2, steps: 4, tolerance: 1e-12 });
    for measure in [hessian, Measurement::Flatness(Flatness { draws: 2 })] {
        let (asked, counted) = asked_and_counted(&measure, &models(1, 1));
        assert_eq!(asked, counted, "{measure:?}");
        assert_eq!(asked.times(2), asked_and_counted(&measure, &models(2, 1)).0);
    }
}

/// A power iteration that converges asks for less.
#[test]
fn the_count_of_a_power_iteration_is_the_most_that_it_asks_for() {
    let spec = Hessian { draws: 2, steps: 500, tolerance: 0.1 };
    let (asked, counted) = asked_and_counted(&Measurement::Hessian(spec), &models(2, 1));
    assert!(asked.products < counted.products, "{asked:?} {counted:?}");
}

#[test]
fn a_count_that_exceeds_64_bits_is_the_largest_number() {
    let work = AnalysisWork { evaluations: u64::MAX / 2, products: 3 }.times(5);
    assert_eq!(work, AnalysisWork { evaluations: u64::MAX, products: 15 });
}
