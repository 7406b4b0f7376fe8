//! `data.keep_classes`: only the examples of a set's first classes.

use std::sync::Arc;

use fedlayer_core::data::Examples;

use crate::{DataError, set_part::SetPart, sets::SetParts};

/// Keeps the examples of the first `classes` classes, in the order of the set.
pub(crate) fn keep_first(parts: &SetParts, classes: u32) -> Result<SetParts, DataError> {
    let there = parts.train.examples.classes;
    if classes as usize > there {
        return Err(DataError::KeptClasses { asked: classes, classes: there });
    }
    if classes as usize == there {
        return Ok(parts.clone());
    }
    let least = if parts.test.is_some() { 1 } else { 2 };
    let test = parts.test.as_ref().map(|test| part(test, classes, "test", 1));
    let train = part(&parts.train, classes, "training", least)?;
    Ok(SetParts { train, test: test.transpose()?, ..parts.clone() })
}

/// Keeps the examples of one part; an error when fewer than `least` are left.
fn part(
    all: &SetPart,
    classes: u32,
    part: &'static str,
    least: usize,
) -> Result<SetPart, DataError> {
    let kept: Vec<u32> = (0..)
        .zip(&all.examples.labels)
        .filter(|(_, label)| **label < classes)
        .map(|(at, _)| at)
        .collect();
    if kept.len() < least {
        let (found, all) = (kept.len(), all.examples.len());
        return Err(DataError::FewKept { classes, part, found, all, least });
    }
    let classes = classes as usize;
    let class_names = all.examples.class_names.as_ref().map(|names| names[..classes].into());
    let SetPart { examples, exact } = all.gather(&kept);
    let examples = Examples { classes, class_names, ..Arc::unwrap_or_clone(examples) };
    Ok(SetPart { examples: Arc::new(examples), exact })
}
