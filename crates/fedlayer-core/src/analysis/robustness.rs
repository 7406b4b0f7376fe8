//! Robustness (Fig. 5 of Adilova et al., ICLR 2024): is the way to the other model worse than any other way of its length?

use std::collections::BTreeMap;

use crate::{
    Mix, Point, Seed,
    analysis::{
        AnalysisError, AnalysisRow, ModelSet, losses::Losses, row::over_draws, subject::seed_of,
    },
    spec::{Baseline, Robustness},
};

/// For each of the first two models as the base θᵢ, towards the other one θⱼ; for every layer and for all of them together:
///
/// * kind `mix`: the loss of the mix at α. α = ½ is the half mix, α = 1 the full swap.
/// * kind `random`: the loss at θᵢ plus a Gaussian direction on the layer at length exactly α‖θ₁ˡ − θ₂ˡ‖, draw by draw, and without `draw` the mean over the draws
///   with its standard error. A draw is one direction, whatever α is; every layer, base and draw has its own.
/// * kind `end`, set `none`: the loss of θᵢ itself.
///
/// Every value stands twice: as it is (in the unit of its metric), and under the baseline `base`, as the difference from θᵢ's own, example by example. Under `base` the
/// `mix` at α = ½ is the layer-wise barrier of that baseline.
pub(super) fn measure(
    spec: &Robustness,
    subject: &ModelSet,
    seed: Seed,
    losses: &mut Losses<'_>,
) -> Result<Vec<AnalysisRow>, AnalysisError> {
    let pairs = subject.both_ways("robustness")?;
    let mut rows = Vec::new();
    let mut own = BTreeMap::new();
    losses.visit(pairs.map(|(base, _)| (base.id, base.point())), |&id, split, seen| {
        rows.extend(seen.rows(&AnalysisRow::new("end", "none", id), split));
        own.insert((id, split), seen);
    })?;
    let sets = subject.layers_and_whole();
    let asked = pairs.iter().flat_map(|&(base, other)| {
        let ways = sets.iter().flat_map(|set| spec.alpha.iter().map(move |&alpha| (set, alpha)));
        ways.flat_map(move |(set, alpha)| {
            let mix = Mix {
                base: base.params.clone(),
                other: other.params.clone(),
                set: set.clone(),
                weight: alpha,
            };
            let row = move |kind, draw| {
                let row = AnalysisRow::new(kind, set, base.id);
                (base.id, AnalysisRow { alpha: Some(alpha), draw, ..row })
            };
            let seed = seed_of(seed.child("base").index(base.id.0.into()), set);
            let twin = {
                let mix = mix.clone();
                move |draw: u32| {
                    let point = Point::Twin { mix: mix.clone(), seed: seed.index(draw.into()) };
                    (row("random", Some(draw)), point)
                }
            };
            std::iter::once((row("mix", None), Point::Mix(mix))).chain((0..spec.draws).map(twin))
        })
    });
    let mut measured = Vec::new();
    losses.visit(asked, |(base, row), split, seen| {
        measured.extend(seen.rows(row, split));
        let against = AnalysisRow { baseline: Some(Baseline::Base), ..row.clone() };
        measured.extend(seen.minus(&own[&(*base, split)]).rows(&against, split));
    })?;
    rows.extend(over_draws(&measured));
    rows.extend(measured);
    Ok(rows)
}
