//! `surface`: the loss on a segment or on a plane, point by point.

mod filters;
mod grid;
mod plane;

use std::sync::Arc;

use fedlayer_core::{
    Seed,
    model::{LayerSet, Layout, Mix, Params, Point, named_layers},
    record::AnalysisRow,
    spec::{Surface, Through},
};

use crate::{
    error::AnalysisError,
    losses::Losses,
    measurements::surface::grid::{axis, row, steps},
    model_set::ModelSet,
    work::{AnalysisWork, ModelSetShape},
};

/// Measures the loss on a grid of `points` along each axis. Every row has its coordinates `alpha`
/// and, on a plane, `beta`. Kind `model`: the models themselves, if they are on the segment or
/// plane.
///
/// * [`Through::Segment`], kind `segment`: θ₁ + α(θ₂ − θ₁).
/// * [`Through::Models`], kind `plane`: see `plane`.
/// * [`Through::Filters`], kind `plane`: see `filters`.
/// * [`Through::Layers`], kind `plane`: θ₁ mixed with θ₂ by α on the first layers and by β on the
///   second; all other layers are θ₁'s. In addition, two paths to (1, 1) as in Fig. 4 of Adilova et
///   al., ICLR 2024: kind `path-full` mixes all of these layers at once (α = β), and kind
///   `path-layers` mixes the first layers, then the second.
pub(crate) fn measure(
    spec: &Surface,
    model_set: &ModelSet,
    seed: Seed,
    losses: &mut Losses<'_>,
) -> Result<Vec<AnalysisRow>, AnalysisError> {
    match &spec.through {
        Through::Segment => segment(spec, model_set, losses),
        Through::Models => plane::measure(spec, model_set, losses),
        Through::Filters => filters::measure(spec, model_set, seed, losses),
        Through::Layers([first, second]) => {
            let layout = model_set.layout();
            layers(spec, model_set, &named(layout, first)?, &named(layout, second)?, losses)
        }
    }
}

/// Counts the work of [`measure`]: the grid, the two paths of a plane through layers, and the
/// models on the segment or plane.
pub(crate) fn work(spec: &Surface, shape: &ModelSetShape) -> AnalysisWork {
    let points = steps(spec.points) as usize;
    let plane = points * points;
    AnalysisWork::evaluations(match &spec.through {
        Through::Segment => 2 + points,
        Through::Models => 3 + plane,
        Through::Filters => 1 + plane,
        Through::Layers([first, second]) => {
            let sets = named(&shape.layout, first).ok().zip(named(&shape.layout, second).ok());
            let models = sets.map_or(0, |(first, second)| models_on_plane(&first, &second));
            // The second half of the path along the layers begins where the first one ends.
            models + plane + points + (2 * points - 1)
        }
    })
}

fn segment(
    spec: &Surface,
    model_set: &ModelSet,
    losses: &mut Losses<'_>,
) -> Result<Vec<AnalysisRow>, AnalysisError> {
    let (base, other) = model_set.pair("surface")?;
    let all = LayerSet::all(model_set.layout());
    let axis = axis(spec.points, -spec.beyond, 1.0 + spec.beyond);
    let line = axis.iter().map(|&alpha| {
        (row("segment", "all", base.id, alpha, None), base.toward(&other.params, &all, alpha))
    });
    let models = [(base, 0.0), (other, 1.0)];
    let models =
        models.map(|(model, alpha)| (row("model", "none", model.id, alpha, None), model.point()));
    losses.rows(models.into_iter().chain(line))
}

fn layers(
    spec: &Surface,
    model_set: &ModelSet,
    first: &LayerSet,
    second: &LayerSet,
    losses: &mut Losses<'_>,
) -> Result<Vec<AnalysisRow>, AnalysisError> {
    if let Some(both) = first.indices().find(|&layer| second.contains(layer)) {
        let name = &model_set.layout().layers()[both].name;
        return Err(AnalysisError::NoPlane(format!(
            "layer `{name}` is in both sets of `layers`; name each layer once"
        )));
    }
    let (base, other) = model_set.pair("surface")?;
    let set = format!("{first}|{second}");
    // The model with the first layers mixed by α; every point of a column is a mix into it.
    let column = |alpha| (alpha, base.toward(&other.params, first, alpha).params());
    let at = |kind: &str, (alpha, moved): &(f64, Arc<Params>), beta: f64| {
        let (base_params, other) = (moved.clone(), other.params.clone());
        let mix = Mix { base: base_params, other, set: second.clone(), weight: beta };
        (row(kind, &set, base.id, *alpha, Some(beta)), Point::Mix(mix))
    };
    let wide = axis(spec.points, -spec.beyond, 1.0 + spec.beyond);
    let grid = wide.iter().flat_map(|&alpha| {
        let (at, column) = (&at, column(alpha));
        wide.iter().map(move |&beta| at("plane", &column, beta))
    });
    let way = axis(spec.points, 0.0, 1.0);
    let full = way.iter().map(|&share| at("path-full", &column(share), share));
    let moved = column(1.0);
    let one = way.iter().map(|&share| at("path-layers", &column(share), 0.0));
    let then = way[1..].iter().map(|&share| at("path-layers", &moved, share));
    let positions = [(base, 0.0), (other, 1.0)];
    let models = positions.map(|(model, position)| {
        (row("model", "none", model.id, position, Some(position)), model.point())
    });
    let on_plane = models_on_plane(first, second);
    losses.rows(models.into_iter().take(on_plane).chain(grid).chain(full).chain(one).chain(then))
}

/// Returns the number of models on the plane: the other model is on it only if the two sets contain
/// all layers.
fn models_on_plane(first: &LayerSet, second: &LayerSet) -> usize {
    if first.len() + second.len() == first.layout().layers().len() { 2 } else { 1 }
}

fn named(layout: &Arc<Layout>, patterns: &[String]) -> Result<LayerSet, AnalysisError> {
    named_layers(layout, patterns).map_err(|error| AnalysisError::NoPlane(error.to_string()))
}
