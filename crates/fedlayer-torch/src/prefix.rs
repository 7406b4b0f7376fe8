//! [`evaluate`]: what the points of a call have in common is computed once.
//!
//! Batch by batch, points in depth-first order (see `tree`): each goes on from the deepest layer up to which it is the same as the one before it. Every operation
//! sees the same numbers in the same shapes as if its point had been alone, so that the losses are the same bit for bit, whatever else is asked in the call.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use fedlayer_core::{Evaluation, Point, Probe, Split};
use tch::TchError;

use crate::{
    engine::{Body, Engine},
    evaluate::{Found, Seen, Splits},
    graph::{Mode, Standing},
    passage::Laid,
    statistics,
    tree::{self, Branch, Numbers, Stops},
};

/// The most bytes of different layers that lie on the device at once: more points are evaluated group by group.
const LAYERS: usize = 512 << 20;

/// What probes share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// Everything up to the first layer that differs.
    Prefixes,
    /// Nothing.
    Nothing,
}

/// Evaluates each probe; one evaluation per probe, in the same order. Adds to `computed` the layers that batches went through, times their examples.
pub(crate) fn evaluate(
    engine: &Engine,
    splits: &mut Splits,
    probes: &[Probe],
    sharing: Sharing,
    computed: &mut u64,
) -> Result<Vec<Evaluation>, TchError> {
    let _guard = tch::no_grad_guard();
    let mut evaluations = vec![Evaluation::default(); probes.len()];
    if sharing == Sharing::Nothing {
        for (probe, evaluation) in probes.iter().zip(&mut evaluations) {
            let seen = splits.get(engine, probe.split)?;
            *evaluation = whole(engine, &laid(engine, &probe.point)?, &seen, computed)?;
        }
        return Ok(evaluations);
    }
    let (mut numbers, mut shelf) = (Numbers::default(), Shelf::default());
    if statistics::measured(engine) {
        let points = probes.iter().map(|probe| &probe.point).enumerate();
        for branch in numbers.branches(points, engine.layout.layers().len()) {
            let layers = laid(engine, branch.point)?;
            for probe in branch.probes {
                let seen = splits.get(engine, probes[probe].split)?;
                evaluations[probe] = whole(engine, &layers, &seen, computed)?;
            }
        }
        return Ok(evaluations);
    }
    let every: BTreeSet<Split> = probes.iter().map(|probe| probe.split).collect();
    for split in every {
        let seen = splits.get(engine, split)?;
        let points = probes.iter().map(|probe| (probe.split, &probe.point)).enumerate();
        let points = points.filter(|(_, (of, _))| *of == split).map(|(at, (_, point))| (at, point));
        let branches = numbers.branches(points, engine.layout.layers().len());
        let found = shared(engine, &mut shelf, &branches, &seen, computed)?;
        for (branch, found) in branches.iter().zip(found) {
            branch.probes.iter().for_each(|&probe| evaluations[probe] = found.clone());
        }
    }
    Ok(evaluations)
}

/// The layers of a point on the device, its running statistics as the plan wants them for an evaluation.
pub(crate) fn laid(engine: &Engine, point: &Point) -> Result<Vec<Laid>, TchError> {
    let layers = engine.lay_all(point)?;
    if let Body::Alone(alone) = &engine.body {
        let views: Vec<_> = layers.iter().flat_map(|layer| layer.iter()).collect();
        let views: Vec<_> = views.into_iter().map(tch::Tensor::shallow_clone).collect();
        statistics::prepare(engine, alone, &views, point)?;
    }
    Ok(layers)
}

/// Evaluates one network by itself.
pub(crate) fn whole(
    engine: &Engine,
    layers: &[Laid],
    seen: &Seen,
    computed: &mut u64,
) -> Result<Evaluation, TchError> {
    let _guard = tch::no_grad_guard();
    let mut found = Found::default();
    for (start, count) in seen.batches(engine) {
        let batch = seen.batch(engine, start, count)?;
        let logits = engine.logits(layers, &batch.inputs, &mut Mode::Evaluate)?;
        found.add(engine, &logits, &batch.labels)?;
        *computed += (layers.len() * count) as u64;
    }
    found.evaluation()
}

/// Evaluates branches in depth-first order; one evaluation per branch, in the same order.
fn shared(
    engine: &Engine,
    shelf: &mut Shelf,
    branches: &[Branch<'_>],
    seen: &Seen,
    computed: &mut u64,
) -> Result<Vec<Evaluation>, TchError> {
    let bytes: Vec<usize> =
        engine.layout.layers().iter().map(|layer| 4 * layer.range.len()).collect();
    let mut evaluations = Vec::with_capacity(branches.len());
    for group in tree::groups(branches, &bytes, LAYERS) {
        let group = &branches[group];
        let layers = shelf.lay(engine, group)?;
        let stops = match engine.resumes() {
            true => tree::stops(group),
            false => vec![Stops { shared: 0, kept: Vec::new() }; group.len()],
        };
        let mut found: Vec<Found> = group.iter().map(|_| Found::default()).collect();
        for (start, count) in seen.batches(engine) {
            let batch = seen.batch(engine, start, count)?;
            let mut kept: Vec<(usize, Standing)> = Vec::new();
            for ((layers, stops), found) in layers.iter().zip(&stops).zip(&mut found) {
                kept.retain(|(depth, _)| *depth <= stops.shared);
                let (depth, mut standing) = match kept.last() {
                    Some((depth, standing)) => (*depth, standing.share()),
                    None => (0, engine.begin(&batch.inputs, &mut Mode::Evaluate)?),
                };
                for (index, layer) in layers.iter().enumerate().skip(depth) {
                    if stops.kept.contains(&index) {
                        kept.push((index, standing.share()));
                    }
                    standing = engine.through(index, layer, standing, &mut Mode::Evaluate)?;
                }
                *computed += ((layers.len() - depth) * count) as u64;
                let logits = engine.end(standing, &Mode::Evaluate)?; // (B·targets, C)
                found.add(engine, &logits, &batch.labels)?;
            }
        }
        let of_group: Result<Vec<_>, _> = found.into_iter().map(Found::evaluation).collect();
        evaluations.extend(of_group?);
    }
    Ok(evaluations)
}

/// Layers on the device by the numbers of their parts, each made and copied once.
#[derive(Debug, Default)]
struct Shelf(BTreeMap<usize, Laid>);

impl Shelf {
    /// The layers of each branch; what no branch of the group needs goes away where there is no room for it.
    fn lay(&mut self, engine: &Engine, group: &[Branch<'_>]) -> Result<Vec<Vec<Laid>>, TchError> {
        let needed: BTreeSet<usize> =
            group.iter().flat_map(|branch| branch.parts.iter().copied()).collect();
        let of_layer = |laid: &Laid| laid.iter().map(|tensor| 4 * tensor.numel()).sum::<usize>();
        if self.0.values().map(of_layer).sum::<usize>() > LAYERS / 2 {
            self.0.retain(|part, _| needed.contains(part));
        }
        group.iter().map(|branch| self.layers(engine, branch)).collect()
    }

    fn layers(&mut self, engine: &Engine, branch: &Branch<'_>) -> Result<Vec<Laid>, TchError> {
        // A twin is drawn whole, so it is made once for all of its layers.
        let mut drawn = None;
        let mut layers = Vec::with_capacity(branch.parts.len());
        for (index, number) in branch.parts.iter().enumerate() {
            let laid = match self.0.get(number) {
                Some(laid) => Rc::clone(laid),
                None => {
                    let part = branch.point.layer(index);
                    let range = &engine.layout.layers()[index].range;
                    let laid = if part.is_drawn() {
                        let twin = drawn.get_or_insert_with(|| branch.point.params());
                        engine.lay(index, twin.range(range))?
                    } else {
                        engine.lay(index, &part.values())?
                    };
                    self.0.insert(*number, Rc::clone(&laid));
                    laid
                }
            };
            layers.push(laid);
        }
        Ok(layers)
    }
}
