//! Model inputs: the numbers of a set, scaled by `data.scale` and normalised by `data.normalize`.
//!
//! Numbers that are 32-bit floats in their file are scaled and normalised in `f32`, as
//! torchvision's `ToTensor` and `Normalize` do it: x / 255, then (x − mean) / std. All others stay
//! in `f64` until they are normalised and are rounded once; so do columns with a mean so large
//! compared with its deviation that `f32` would lose it. The known image sets stay bytes in memory;
//! a byte becomes byte · factor + offset, rounded once.

mod normalize;
mod scale;

use std::sync::Arc;

use fedlayer_core::{
    data::{Affine, DataFacts, ExampleValues, Examples},
    spec::{Constants, DataSet, DataSpec, Normalize, NormalizeWord, Scale, Synthetic},
};

use self::normalize::{Moments, channels_of, measured, normalized};
pub(crate) use self::scale::Factor;
use crate::{
    DataError,
    error::in_range,
    image_set::{Channel, ImageSet},
    label_noise::Shares,
    set_name::set_name,
    set_part::SetPart,
};

/// The largest byte.
pub(crate) const BYTE: f32 = 255.0;

/// Checks the keys against the set before anything is read.
pub(crate) fn check(spec: &DataSpec) -> Result<(), DataError> {
    let text = matches!(spec.set, DataSet::Wikitext2 | DataSet::TinyShakespeare | DataSet::Text(_));
    let keys = [("data.scale", spec.scale.is_some()), ("data.normalize", spec.normalize.is_some())];
    if let Some((key, _)) = keys.into_iter().find(|(_, given)| text && *given) {
        return Err(DataError::NoEffect { key, why: "the tokens of a text are not quantities" });
    }
    if let Some(Scale::Factor(factor)) = spec.scale {
        let good = factor > 0.0 && (factor as f32).is_normal();
        in_range(good, "data.scale", factor, "above 0, and a 32-bit number")?;
    }
    if let Some(Normalize::Constants(Constants { mean, std })) = &spec.normalize {
        for mean in mean {
            let good = (*mean as f32).is_finite();
            in_range(good, "data.normalize.mean", mean, "finite 32-bit numbers")?;
        }
        for std in std {
            let good = *std > 0.0 && (*std as f32).is_normal();
            in_range(good, "data.normalize.std", std, "above 0, and 32-bit numbers")?;
        }
    }
    match spec.set {
        DataSet::Synthetic(Synthetic { per_client: Some(_), .. }) if is_measured(spec) => {
            Err(DataError::NotMeasured)
        }
        DataSet::Synthetic(_) => Factor::of(spec, None).map(drop),
        _ => Ok(()),
    }
}

/// Checks the constants against the shape of an example: one for all, or one per channel.
pub(crate) fn check_channels(spec: &DataSpec, facts: &DataFacts) -> Result<(), DataError> {
    let Some(Normalize::Constants(Constants { mean, std })) = &spec.normalize else {
        return Ok(());
    };
    let (channels, _) = channels_of(&facts.shape);
    let keys = [("data.normalize.mean", mean.len()), ("data.normalize.std", std.len())];
    match keys.into_iter().find(|(_, found)| ![1, channels].contains(found)) {
        Some((key, found)) => {
            let shape = facts.shape.clone();
            Err(DataError::OtherChannels { key, found, channels, shape })
        }
        None => Ok(()),
    }
}

/// Tells whether the constants are computed from the training examples.
fn is_measured(spec: &DataSpec) -> bool {
    spec.normalize == Some(Normalize::Word(NormalizeWord::Set)) && ImageSet::of(&spec.set).is_none()
}

/// Returns the constants of each channel; a single constant is repeated for every channel.
fn expanded(Constants { mean, std }: &Constants, channels: usize) -> Vec<Moments> {
    let of = |values: &[f64], channel: usize| {
        values.get(channel).or(values.first()).copied().unwrap_or_default()
    };
    (0..channels)
        .map(|channel| Moments { mean: of(mean, channel), std: of(std, channel) })
        .collect()
}

/// Returns the affine map of each channel of a known image set; `published` are its constants.
pub(crate) fn of_bytes(spec: &DataSpec, published: &[Channel]) -> Result<Vec<Affine>, DataError> {
    let factor = Factor::of(spec, Some(BYTE))?;
    let channels = match &spec.normalize {
        None | Some(Normalize::Word(NormalizeWord::Set)) => published.to_vec(),
        Some(Normalize::Word(NormalizeWord::None)) => vec![(0.0, 1.0); published.len()],
        Some(Normalize::Constants(constants)) => expanded(constants, published.len())
            .iter()
            .map(|moments| (moments.mean as f32, moments.std as f32))
            .collect(),
    };
    let affine = |(mean, std): Channel| Affine {
        factor: match factor {
            Factor::One => 1.0 / std,
            Factor::Unit(largest) => 1.0 / (largest * std),
            Factor::Times(factor) => factor as f32 / std,
        },
        offset: -mean / std,
    };
    Ok(channels.into_iter().map(affine).collect())
}

/// Tells whether the scenario gives constants for a set that is not of images. Such examples are
/// normalised after they are read.
pub(crate) fn has_constants(spec: &DataSpec) -> bool {
    matches!(spec.normalize, Some(Normalize::Constants(_))) && ImageSet::of(&spec.set).is_none()
}

/// Tells whether there is one constant for each channel or column of examples that are not bytes.
pub(crate) fn is_by_channel(spec: &DataSpec) -> bool {
    match &spec.normalize {
        Some(Normalize::Constants(Constants { mean, std })) => mean.len().max(std.len()) > 1,
        _ => is_measured(spec),
    }
}

/// Tells whether examples are still to be normalised after they are read, by constants of the
/// scenario or by their own.
pub(crate) fn is_yet_to_be_normalized(spec: &DataSpec) -> bool {
    has_constants(spec) || is_measured(spec)
}

/// Normalises a part by the scenario's constants, if it gives any. Bytes are normalised already.
pub(crate) fn by_constants(spec: &DataSpec, part: SetPart) -> SetPart {
    match &spec.normalize {
        Some(Normalize::Constants(constants)) => {
            let channels = expanded(constants, channels_of(&part.examples.shape).0);
            SetPart::new(normalized(part, &channels))
        }
        _ => part,
    }
}

/// Normalises the pool, the test set and the validation set by the mean and standard deviation of the clients'
/// training examples, if the scenario asks for it. No held-out example contributes to these
/// constants.
pub(crate) fn by_training(
    spec: &DataSpec,
    pool: SetPart,
    (test, validation): (SetPart, Option<SetPart>),
    shares: &Shares,
) -> (Arc<Examples>, Arc<Examples>, Option<Arc<Examples>>) {
    if !is_measured(spec) {
        return (pool.examples, test.examples, validation.map(|part| part.examples));
    }
    let mut trained = vec![false; pool.examples.len()];
    shares.iter().flat_map(|rows| &rows.train).for_each(|&row| trained[row as usize] = true);
    let channels = measured(&pool, &trained);
    let by_channels = |part| Arc::new(normalized(part, &channels));
    (by_channels(pool), by_channels(test), validation.map(by_channels))
}

/// Describes how a number x of the set is scaled and normalised: `(x / 255 − 0.1307) / 0.3081`.
/// `largest` is the largest number of the set's format.
pub(crate) fn words(spec: &DataSpec, largest: Option<f32>) -> Result<String, DataError> {
    let scaled = Factor::of(spec, largest)?.words();
    let published = ImageSet::of(&spec.set).map(|images| images.channels);
    let by = |mean: String, std: String| format!("({scaled} − {mean}) / {std}");
    Ok(match (&spec.normalize, published) {
        (None | Some(Normalize::Word(NormalizeWord::Set)), Some(channels)) => by(
            listed(channels.iter().map(|(mean, _)| f64::from(*mean))),
            listed(channels.iter().map(|(_, std)| f64::from(*std))),
        ),
        (None | Some(Normalize::Word(NormalizeWord::None)), _) => scaled,
        (Some(Normalize::Word(NormalizeWord::Set)), None) => {
            by("mean".to_owned(), "std of the training examples".to_owned())
        }
        (Some(Normalize::Constants(Constants { mean, std })), _) => {
            by(listed(mean.iter().copied()), listed(std.iter().copied()))
        }
    })
}

/// Checks that scaling and normalising leave all numbers in the range of 32-bit floats.
pub(crate) fn within_range<'e>(
    spec: &DataSpec,
    parts: impl IntoIterator<Item = &'e Examples>,
) -> Result<(), DataError> {
    let key = match (&spec.normalize, spec.scale) {
        (_, Some(Scale::Factor(_))) => "data.scale",
        (Some(Normalize::Constants(_)), _) => "data.normalize",
        _ => return Ok(()),
    };
    let is_good = |examples: &Examples| match &examples.values {
        ExampleValues::Floats(values) => values.iter().all(|value| value.is_finite()),
        ExampleValues::Bytes { channels, .. } => channels
            .iter()
            .all(|channel| channel.of(0).is_finite() && channel.of(u8::MAX).is_finite()),
    };
    match parts.into_iter().all(is_good) {
        true => Ok(()),
        false => Err(DataError::BeyondRange { key, set: set_name(&spec.set) }),
    }
}

/// The number of constants that are written out in full.
const LISTED: usize = 4;

fn listed(values: impl ExactSizeIterator<Item = f64>) -> String {
    let count = values.len();
    let shown: Vec<String> = values.take(LISTED).map(|value| (value as f32).to_string()).collect();
    match (&shown[..], count.saturating_sub(LISTED)) {
        ([one], 0) => one.clone(),
        (_, 0) => format!("[{}]", shown.join(", ")),
        (_, more) => format!("[{}, and {more} more]", shown.join(", ")),
    }
}
