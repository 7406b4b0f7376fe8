//! `subspace`: noise in subspaces (Fig. 6 of Adilova et al., ICLR 2024). Is the loss more sensitive
//! in the subspace of training, in its complement, or towards the other model?

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
    work::{AnalysisWork, ModelSetShape},
};

/// The smallest length of noise, as in the article.
const LEAST_SIGMA: f64 = 1e-3;

/// Measures the loss at θᵢ + σ·d, for each of the first two models θᵢ, for all layers together and
/// for every layer. The direction d has length exactly 1, and σ is uniform in [0.001, `sigma`]
/// (`layer_sigma` for noise in a single layer). There is one row per draw: `sigma`, `draw`, and the
/// loss. Kinds:
///
/// * `training`: d in the span of the centred states of both networks after their recorded rounds.
///   Coefficients on an orthonormal basis are Gaussian, so d is isotropic in the span.
/// * `null`: d isotropic in the orthogonal complement.
/// * `interpolation`: d towards the other model; `extrapolation`: away from it.
/// * `clean`, set `none`: the loss of θᵢ itself.
/// * `rank`: the dimension of the span of training. If it is the whole space, there is no `null`.
///
/// The subspaces of a layer are spanned by the layer's part of the states. A draw has the same
/// σ/`sigma` in every subspace, model and layer. Running statistics have no noise. With
/// `as_published`, the kinds of `published` are measured too.
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
    for set in &sets(spec, &model_set.shape()) {
        rows.extend(of_set(spec, pairs, set, seed, losses)?);
    }
    Ok(rows)
}

/// Counts the work of [`measure`]: around both models, the model itself and every draw of every
/// kind of noise. A kind without a direction, such as a complement without dimensions, has no
/// draws.
pub(crate) fn work(spec: &Subspace, shape: &ModelSetShape) -> AnalysisWork {
    let kinds = KINDS + if spec.as_published { published::KINDS } else { 0 };
    let noisy = sets(spec, shape).len() * kinds * spec.draws as usize;
    AnalysisWork::evaluations(1 + noisy).times(2)
}

/// Returns the layer sets that get noise.
fn sets(spec: &Subspace, shape: &ModelSetShape) -> Vec<LayerSet> {
    let layers = shape.layers().into_iter().filter(|set| spec.layers && !set.is_all());
    std::iter::once(LayerSet::all(&shape.layout)).chain(layers).collect()
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
        let mut kinds = Vec::from(kinds(&training, &coordinates, pair));
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
        // The layer is swapped in: the layers before it are the base's, and so are their
        // activations.
        let point = if whole { Point::Model(noisy) } else { base.toward(&noisy, set, 1.0) };
        Some((row, point))
    })
}

/// Spans the centred states of both networks.
fn training(pairs: [Pair<'_>; 2], coordinates: &Coordinates) -> Basis {
    let states = pairs.iter().flat_map(|(model, _)| &model.history);
    let states: Vec<&Arc<Params>> = states.map(|(_, state)| state).collect();
    Basis::of_centred(&states, coordinates.len(), |state| coordinates.values(state))
}

/// The number of kinds of noise around a model.
const KINDS: usize = 4;

/// Returns the kinds of noise around a model.
fn kinds<'a>(
    training: &'a Basis,
    coordinates: &Coordinates,
    (base, other): Pair<'_>,
) -> [Noise<'a>; KINDS] {
    let toward = unit(coordinates.difference(&base.params, &other.params));
    let away = toward.clone().map(|way| way.iter().map(|value| -value).collect());
    [
        ("training", Box::new(|generator| training.inside(generator))),
        ("null", Box::new(|generator| training.outside(generator))),
        ("interpolation", Box::new(move |_| toward.clone())),
        ("extrapolation", Box::new(move |_| away.clone())),
    ]
}

/// Draws σ uniformly from [`LEAST_SIGMA`] (or `most`, if that is smaller) to `most`.
fn length(seed: Seed, most: f64) -> f64 {
    let least = LEAST_SIGMA.min(most);
    least + seed.generator().random::<f64>() * (most - least)
}
