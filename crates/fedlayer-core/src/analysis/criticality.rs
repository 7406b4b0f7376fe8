//! To be written.

use crate::{
    Seed,
    analysis::{AnalysisError, AnalysisRow, Subject, losses::Losses},
    spec::Criticality,
};

pub(super) fn measure(
    _spec: &Criticality,
    _subject: &Subject,
    _seed: Seed,
    _losses: &mut Losses<'_>,
) -> Result<Vec<AnalysisRow>, AnalysisError> {
    Err(AnalysisError::Symmetry("not yet written".to_owned()))
}
