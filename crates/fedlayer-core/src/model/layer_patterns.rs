//! [`matching_layers`], [`named_layers`]: the layers that names and globs of a scenario select.

use std::{collections::BTreeSet, sync::Arc};

use globset::Glob;
use thiserror::Error;

use crate::model::{LayerSet, Layout};

/// A pattern that selects no layers.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PatternError {
    /// The pattern is not a glob; the text says why.
    #[error("{0}")]
    NotAGlob(String),
    /// The pattern matches no layer.
    #[error("`{0}` matches no layer")]
    NoMatch(String),
}

/// Returns the indices of the layers that match `pattern` (`conv1`, `conv*`, `layer?.0.*`) in
/// ascending order. `*` matches dots too.
///
/// # Errors
/// [`PatternError::NotAGlob`].
pub fn matching_layers(layout: &Layout, pattern: &str) -> Result<Vec<usize>, PatternError> {
    let glob = Glob::new(pattern);
    let glob = glob.map_err(|error| PatternError::NotAGlob(error.kind().to_string()))?;
    let matcher = glob.compile_matcher();
    let names = layout.names().enumerate();
    Ok(names.filter(|(_, name)| matcher.is_match(name.as_str())).map(|(index, _)| index).collect())
}

/// Returns the set of the layers that match any of the names or globs.
///
/// # Errors
/// When a pattern is not a glob or matches no layer.
pub fn named_layers(layout: &Arc<Layout>, patterns: &[String]) -> Result<LayerSet, PatternError> {
    let mut members = BTreeSet::new();
    for pattern in patterns {
        let found = matching_layers(layout, pattern)?;
        if found.is_empty() {
            return Err(PatternError::NoMatch(pattern.clone()));
        }
        members.extend(found);
    }
    Ok(LayerSet::new(layout.clone(), members))
}
