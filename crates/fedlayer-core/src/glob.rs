//! [`matching_layers`]: the layers that a name or a glob of a scenario means.

use globset::Glob;

use crate::Layout;

/// The indices of the layers whose names match `pattern` (`conv1`, `conv*`, `layer?.0.*`), ascending; `*` matches dots too.
///
/// # Errors
/// When the pattern is not a glob; the text says why.
pub fn matching_layers(layout: &Layout, pattern: &str) -> Result<Vec<usize>, String> {
    let matcher = Glob::new(pattern).map_err(|error| error.kind().to_string())?.compile_matcher();
    let names = layout.names().enumerate();
    Ok(names.filter(|(_, name)| matcher.is_match(name.as_str())).map(|(index, _)| index).collect())
}
