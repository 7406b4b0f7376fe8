//! Noise in subspaces (Fig. 6 of Adilova et al., ICLR 2024): is the loss more sensitive where training went, where it did not go, or on the way to the other model?

mod noise;
mod published;

use std::sync::Arc;

use fedlayer_core::{
    Seed,
    model::{LayerSet, Params, Point},
    record::AnalysisRow,
    spec::Subspace,
};
use rand::RngExt;

use crate::{
    error::AnalysisError,
    linalg::{Basis, Coordinates, unit},
    losses::Losses,
    measurements::subspace::noise::{Noise, Pair},
    model_set::{ModelSet, TrainedModel},
    rows::set_seed,
};

/// The smallest length of noise, as in the article.
const LEAST_SIGMA: f64 = 1e-3;

/// For each of the first two models θᵢ, as a whole and for every layer: the loss at θᵢ + σ·d, where d is a direction of length exactly 1 and σ is drawn uniformly from
/// [0.001, `sigma`] (`layer_sigma` where the noise is in one layer alone). One row a draw: `sigma`, `draw`, and the loss as it is. Kinds:
///
/// * `training`: d in the span of the centred states of both networks after their recorded rounds; coefficients on an orthonormal basis are Gaussian, so that every
///   direction of the span comes alike.
/// * `null`: d in its orthogonal complement, every direction alike.
/// * `interpolation`: d towards the other model; `extrapolation`: away from it.
/// * `clean`, set `none`: the loss of θᵢ itself.
/// * `rank`: the number of dimensions of the span of training. Where they are all there are, there is no `null`.
///
/// The subspaces of a layer are those of the states' part in that layer. The same draw has the same σ/`sigma` in every subspace, model and layer. Running statistics
/// take no noise. With `as_published` the kinds of `published` stand beside these.
pub(crate) fn measure(
    spec: &Subspace,
    model_set: &ModelSet,
    seed: Seed,
    losses: &mut Losses<'_>,
) -> Result<Vec<AnalysisRow>, AnalysisError> {
    let pairs = model_set.both_ways("subspace")?;
    let found = pairs.iter().map(|(base, _)| base.history.len()).min().unwrap_or(0);
    if found < 2 {
        return Err(AnalysisError::NoHistory { measure: "subspace", needed: 2, found });
    }
    let clean = pairs.map(|(base, _)| (AnalysisRow::new("clean", "none", base.id), base.point()));
    let mut rows = losses.rows(clean)?;
    // The whole model comes first: if its rank is too small, nothing else is measured.
    let mut sets = vec![LayerSet::all(model_set.layout())];
    sets.extend(model_set.layers().into_iter().filter(|set| spec.layers && !set.is_all()));
    for set in &sets {
        rows.extend(of_set(spec, pairs, set, seed, losses)?);
    }
    Ok(rows)
}

/// Measures the noise in one layer set around both models.
fn of_set(
    spec: &Subspace,
    pairs: [Pair<'_>; 2],
    set: &LayerSet,
    seed: Seed,
    losses: &mut Losses<'_>,
) -> Result<Vec<AnalysisRow>, AnalysisError> {
    let coordinates = Coordinates::of(set);
    let training = training(pairs, &coordinates);
    if set.is_all() && training.rank() <= 2 {
        return Err(AnalysisError::Rank { found: training.rank() });
    }
    let published = spec.as_published.then(|| published::span(pairs, &coordinates));
    let mut rows = Vec::new();
    for pair in pairs {
        let base = pair.0;
        let rank =
            |kind, basis: &Basis| AnalysisRow::new(kind, set, base.id).value(basis.rank() as f64);
        rows.push(rank("rank", &training));
        let mut kinds = kinds(&training, &coordinates, pair);
        if let Some(published) = &published {
            rows.push(rank("published-rank", published));
            kinds.extend(published::kinds(published, set, pair));
        }
        for noise in &kinds {
            let points = noisy_points(spec, base, set, &coordinates, noise, seed);
            rows.extend(losses.rows(points)?);
        }
    }
    Ok(rows)
}

/// Draws the points θᵢ + σ·d of one kind of noise, each with its row.
fn noisy_points<'a>(
    spec: &'a Subspace,
    base: &'a TrainedModel,
    set: &'a LayerSet,
    coordinates: &'a Coordinates,
    (kind, noise): &'a Noise<'_>,
    seed: Seed,
) -> impl Iterator<Item = (AnalysisRow, Point)> + 'a {
    let whole = set.is_all();
    let most = if whole { spec.sigma } else { spec.layer_sigma };
    let own = set_seed(seed.child(kind).index(base.id.0.into()), set);
    (0..spec.draws).filter_map(move |draw| {
        let direction = noise(&mut own.index(draw.into()).generator())?;
        let sigma = length(seed.child("sigma").index(draw.into()), most);
        let row = AnalysisRow::new(kind, set, base.id);
        let row = AnalysisRow { sigma: Some(sigma), draw: Some(draw), ..row };
        let noisy = coordinates.moved(&base.params, &direction, sigma);
        // A layer that is swapped in: the layers before it are the base's, and so are their activations.
        let point = if whole { Point::Model(noisy) } else { base.toward(&noisy, set, 1.0) };
        Some((row, point))
    })
}

/// The span of the centred states of both networks.
fn training(pairs: [Pair<'_>; 2], coordinates: &Coordinates) -> Basis {
    let states = pairs.iter().flat_map(|(model, _)| &model.history);
    let states: Vec<&Arc<Params>> = states.map(|(_, state)| state).collect();
    Basis::of_centred(&states, coordinates.len(), |state| coordinates.values(state))
}

/// The four kinds of noise around a model.
fn kinds<'a>(
    training: &'a Basis,
    coordinates: &Coordinates,
    (base, other): Pair<'_>,
) -> Vec<Noise<'a>> {
    let toward = unit(coordinates.difference(&base.params, &other.params));
    let away = toward.clone().map(|way| way.iter().map(|value| -value).collect());
    vec![
        ("training", Box::new(|generator| training.inside(generator))),
        ("null", Box::new(|generator| training.outside(generator))),
        ("interpolation", Box::new(move |_| toward.clone())),
        ("extrapolation", Box::new(move |_| away.clone())),
    ]
}

/// σ, uniform from [`LEAST_SIGMA`] (or `most`, where that is less) to `most`.
fn length(seed: Seed, most: f64) -> f64 {
    let least = LEAST_SIGMA.min(most);
    least + seed.generator().random::<f64>() * (most - least)
}
