//! To be written.

use crate::{
    Seed,
    analysis::{AnalysisError, AnalysisRow, Subject, losses::Losses},
    spec::Subspace,
};

pub(super) fn measure(
    _spec: &Subspace,
    _subject: &Subject,
    _seed: Seed,
    _losses: &mut Losses<'_>,
) -> Result<Vec<AnalysisRow>, AnalysisError> {
    Err(AnalysisError::Symmetry("not yet written".to_owned()))
}
