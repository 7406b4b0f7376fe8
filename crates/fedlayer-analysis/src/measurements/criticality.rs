//! `criticality`: how much a trained network depends on the values of each layer.

use std::{collections::BTreeMap, sync::Arc};

use fedlayer_core::{
    Estimate, Seed,
    model::{LayerSet, Params},
    record::AnalysisRow,
    spec::{Criticality, NoInitialModel, SplitSpec},
};

use crate::{
    error::AnalysisError,
    linalg::{Coordinates, norm},
    losses::Losses,
    model_set::{ModelSet, TrainedModel},
    rows::{loss_row, over_draws, set_seed},
    work::{AnalysisWork, ModelSetShape},
};

/// Replaces one layer of every model and measures the loss (Zhang, Bengio and Singer, JMLR 2022).
/// Kinds:
///
/// * `end`, set `none`: the trained model itself.
/// * `initial`, `epoch` 0: the layer before training ("re-initialisation").
/// * `rewind`: the layer after round `epoch`; the last one is the model itself.
/// * `redrawn`: the layer of a fresh draw of the network ("re-randomisation"), draw by draw, and
///   without `draw` the mean over the draws with its standard error. All models share a draw.
/// * `criticality`: see [`module_criticality`].
pub(crate) fn measure(
    spec: &Criticality,
    model_set: &ModelSet,
    seed: Seed,
    losses: &mut Losses<'_>,
) -> Result<Vec<AnalysisRow>, AnalysisError> {
    let initial = model_set.initial.as_ref().ok_or(NoInitialModel { measure: "criticality" })?;
    let layers = model_set.layers();
    let models = &model_set.models;
    let ends =
        models.iter().map(|model| (AnalysisRow::new("end", "none", model.id), model.point()));
    let mut rows = losses.rows(ends)?;
    for model in models {
        let start = std::iter::once(("initial", 0, initial));
        let rewound = model.history.iter().map(|(round, state)| ("rewind", *round, state));
        let states: Vec<_> = start.chain(rewound).collect();
        let asked = layers.iter().flat_map(|layer| {
            states.iter().map(move |&(kind, epoch, state)| {
                let row = AnalysisRow::new(kind, layer, model.id);
                (AnalysisRow { epoch: Some(epoch), ..row }, model.toward(state, layer, 1.0))
            })
        });
        rows.extend(losses.rows(asked)?);
    }
    let redrawn = redrawn(spec, model_set, &layers, seed.child("redrawn"), losses)?;
    rows.extend(over_draws(&redrawn));
    rows.extend(redrawn);
    for model in models {
        for layer in &layers {
            rows.extend(module_criticality(
                spec,
                model,
                initial,
                layer,
                seed.child("noise"),
                losses,
            )?);
        }
    }
    Ok(rows)
}

/// Counts the work of [`measure`]: the models themselves; every layer put back to its initial
/// values and to its recorded ones; every draw of every layer; the grid of the module criticality.
pub(crate) fn work(spec: &Criticality, shape: &ModelSetShape) -> AnalysisWork {
    let layers = shape.layers();
    let trained = layers.iter().filter(|layer| Coordinates::of(layer).len() > 0).count();
    let draws = spec.draws as usize;
    let replaced = layers.len() * (1 + shape.states + draws);
    let noisy = trained * (1 + grid(spec).len() * draws);
    AnalysisWork::evaluations(1 + replaced + noisy).times(shape.models as u64)
}

/// Returns every α with every relative σ.
fn grid(spec: &Criticality) -> Vec<(f64, f64)> {
    let at = |&alpha: &f64| spec.sigma.iter().map(move |&sigma| (alpha, sigma));
    spec.alpha.iter().flat_map(at).collect()
}

fn redrawn(
    spec: &Criticality,
    model_set: &ModelSet,
    layers: &[LayerSet],
    seed: Seed,
    losses: &mut Losses<'_>,
) -> Result<Vec<AnalysisRow>, AnalysisError> {
    let mut rows = Vec::new();
    for draw in 0..spec.draws {
        let fresh = Arc::new(losses.trainer().initial(seed.index(draw.into()))?);
        let asked = model_set.models.iter().flat_map(|model| {
            let fresh = &fresh;
            layers.iter().map(move |layer| {
                let row = AnalysisRow::new("redrawn", layer, model.id);
                (AnalysisRow { draw: Some(draw), ..row }, model.toward(fresh, layer, 1.0))
            })
        });
        rows.extend(losses.rows(asked)?);
    }
    Ok(rows)
}

/// Measures the module criticality of a layer (Chatterji, Neyshabur and Sedghi, ICLR 2020,
/// Definition 3.1), kind `criticality`. Let θ^0 be the layer before training, θ^F the layer after
/// it, and θ^α = (1−α)θ^0 + αθ^F. Then
///
/// μ = min over α, σ of α²‖θ^F − θ^0‖²/σ², subject to E_u L(θ^α + u) ≤ L(θ^F) + ε for u ~ N(0, σ²)
/// in every trained value of the layer.
///
/// All other layers stay trained. L is the mean loss of the split, and E_u the mean over `draws`.
/// The minimum is over the grid `alpha` × `sigma`. The row holds the minimising α and σ; its σ is
/// absolute, and the grid's is relative to the root mean square of θ^F. If several values are
/// equal, the larger σ counts. μ is 0 if the initial layer qualifies with any noise. It is absent
/// if no point of the grid qualifies.
fn module_criticality(
    spec: &Criticality,
    model: &TrainedModel,
    initial: &Arc<Params>,
    layer: &LayerSet,
    seed: Seed,
    losses: &mut Losses<'_>,
) -> Result<Vec<AnalysisRow>, AnalysisError> {
    let coordinates = Coordinates::of(layer);
    if coordinates.len() == 0 {
        return Ok(Vec::new());
    }
    let own = norm(&coordinates.values(&model.params)) / (coordinates.len() as f64).sqrt();
    let distance = norm(&coordinates.difference(initial, &model.params));
    // (α, σ), with σ in absolute terms.
    let grid: Vec<(f64, f64)> =
        grid(spec).into_iter().map(|(alpha, sigma)| (alpha, sigma * own)).collect();
    let seed = set_seed(seed.index(model.id.0.into()), layer);
    let mut found: BTreeMap<(SplitSpec, Option<usize>), Vec<f64>> = BTreeMap::new();
    let noisy = grid.iter().enumerate().flat_map(|(at, &(alpha, sigma))| {
        let part_way = model.toward(initial, layer, 1.0 - alpha).params();
        let (coordinates, layer) = (&coordinates, &layer);
        (0..spec.draws).map(move |draw| {
            let noise = coordinates.gaussian(&mut seed.index(draw.into()).generator());
            let noisy = coordinates.moved(&part_way, &noise, sigma);
            (Some(at), model.toward(&noisy, layer, 1.0))
        })
    });
    losses.visit(std::iter::once((None, model.point())).chain(noisy), |&at, split, seen| {
        found.entry((split, at)).or_default().push(seen.loss().unwrap_or(f64::NAN));
    })?;
    let mean = |split, at| Estimate::of(&found[&(split, at)]).value;
    let row = |split| {
        let bound = mean(split, None).map(|loss| loss + spec.epsilon);
        let within = |at| mean(split, Some(at)).zip(bound).is_some_and(|(loss, most)| loss <= most);
        let cells = grid.iter().enumerate().filter(|&(at, cell)| cell.1 > 0.0 && within(at));
        let measures =
            cells.map(|(_, &(alpha, sigma))| ((alpha * distance / sigma).powi(2), alpha, sigma));
        let best = measures.reduce(|best, next| {
            let smaller = next.0 < best.0 || (next.0 == best.0 && next.2 > best.2);
            if smaller { next } else { best }
        });
        AnalysisRow {
            alpha: best.map(|best| best.1),
            sigma: best.map(|best| best.2),
            value: best.map(|best| best.0),
            ..loss_row("criticality", layer, model.id, split)
        }
    };
    Ok(losses.splits().into_iter().map(row).collect())
}
