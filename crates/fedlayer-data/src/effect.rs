//! Refuses keys of `[data]` that have no effect on a set: their author expects one.

use std::ops::RangeInclusive;

use fedlayer_core::{
    data::DataFacts,
    spec::{Augment, DataSet, DataSpec},
};

use crate::{
    DataError,
    error::{at_least_one, in_range, share},
    image_set::ImageSet,
};

/// The allowed numbers of tokens in an example.
const CONTEXTS: RangeInclusive<u32> = 2..=65_536;

/// Checks the keys that depend on the set alone.
pub(crate) fn check(spec: &DataSpec) -> Result<(), DataError> {
    let nothing = |key, why| Err(DataError::NoEffect { key, why });
    let has_own_test = has_own_test(&spec.set);
    if let Some(asked) = spec.test_share {
        share("data.test_share", asked)?;
        if has_own_test {
            return nothing("data.test_share", "this set has test examples of its own");
        }
    }
    if let Some(count) = spec.test {
        at_least_one("data.test", count)?;
        if !has_own_test {
            return nothing("data.test", "this set has no test examples of its own");
        }
    }
    if let Some(count) = spec.train {
        at_least_one("data.train", count)?;
        if matches!(spec.set, DataSet::Synthetic(_)) {
            return nothing("data.train", "a drawn set has as many examples as `data.set` says");
        }
    }
    if let Some(classes) = spec.keep_classes {
        in_range(classes >= 2, "data.keep_classes", classes, "at least 2")?;
        if matches!(spec.set, DataSet::Synthetic(_)) {
            return nothing(
                "data.keep_classes",
                "a drawn set has as many classes as `data.set` says",
            );
        }
        if is_text(&spec.set) {
            return nothing("data.keep_classes", "a text has no classes");
        }
    }
    let good = (0.0..=1.0).contains(&spec.label_noise);
    in_range(good, "data.label_noise", spec.label_noise, "from 0 to 1")?;
    if spec.label_noise > 0.0 && is_text(&spec.set) {
        return nothing("data.label_noise", "a text has no classes");
    }
    if let Some(context) = spec.context {
        in_range(CONTEXTS.contains(&context), "data.context", context, "from 2 to 65536")?;
        if !is_text(&spec.set) {
            return nothing("data.context", "only texts are cut into windows of `context` tokens");
        }
    }
    Ok(())
}

/// Checks the key that depends on the shape of an example; for some sets only their files tell it.
pub(crate) fn check_augment(spec: &DataSpec, facts: &DataFacts) -> Result<(), DataError> {
    if spec.augment != Augment::default() && facts.shape.len() != 3 {
        let why = "only images of shape [channels, height, width] are cut and mirrored";
        return Err(DataError::NoEffect { key: "data.augment", why });
    }
    Ok(())
}

fn is_text(set: &DataSet) -> bool {
    matches!(set, DataSet::Wikitext2 | DataSet::TinyShakespeare | DataSet::Text(_))
}

/// Tells whether a set has a test part of its own.
fn has_own_test(set: &DataSet) -> bool {
    match set {
        DataSet::Wikitext2 => true,
        DataSet::Files(files) => files.test.is_some(),
        DataSet::Synthetic(synthetic) => synthetic.per_client.is_some(),
        set => ImageSet::of(set).is_some(),
    }
}
