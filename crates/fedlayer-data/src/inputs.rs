//! From the numbers of a set to what the model sees: `data.scale`, then `data.normalize`.
//!
//! Both are computed in `f32`, one after the other, as torchvision's `ToTensor` and `Normalize` do it: x / 255, then (x − mean) / std. The image sets that are known by name stay
//! bytes in memory; a byte there becomes byte · factor + offset, rounded once.

use std::sync::Arc;

use fedlayer_core::{
    Affine, DataFacts, Examples, Values,
    spec::{Constants, DataSet, DataSpec, Normalize, NormalizeWord, Scale, ScaleWord, Synthetic},
};

use crate::{DataError, error::in_range, noise::Shares, sets};

/// The largest byte.
pub(crate) const BYTE: f32 = 255.0;

/// What the numbers of a set are multiplied by, or divided by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Factor {
    /// They stay as they are.
    One,
    /// They are divided by the largest number of their format.
    Unit(f32),
    /// They are multiplied by a factor of the scenario's.
    Times(f32),
}

impl Factor {
    /// The factor that `data.scale` asks for, of numbers whose format has a largest one (255 for bytes) or none.
    pub(crate) fn of(spec: &DataSpec, largest: Option<f32>) -> Result<Self, DataError> {
        match (spec.scale, largest) {
            (None | Some(Scale::Word(ScaleWord::Unit)), Some(largest)) => Ok(Self::Unit(largest)),
            (Some(Scale::Word(ScaleWord::Unit)), None) => {
                Err(DataError::NoLargestNumber { set: sets::name(&spec.set) })
            }
            (None | Some(Scale::Word(ScaleWord::None)), _) => Ok(Self::One),
            (Some(Scale::Factor(factor)), _) => Ok(Self::Times(factor as f32)),
        }
    }

    /// Scales values in place.
    pub(crate) fn apply(self, values: &mut [f32]) {
        match self {
            Self::One => {}
            Self::Unit(largest) => values.iter_mut().for_each(|value| *value /= largest),
            Self::Times(factor) => values.iter_mut().for_each(|value| *value *= factor),
        }
    }

    /// The examples with their values scaled.
    pub(crate) fn examples(self, mut examples: Examples) -> Examples {
        if let Values::Floats(values) = &mut examples.values {
            self.apply(values);
        }
        examples
    }

    /// What becomes of x, in words.
    fn words(self) -> String {
        match self {
            Self::One => "x".to_owned(),
            Self::Unit(largest) => format!("x / {largest}"),
            Self::Times(factor) => format!("x · {factor}"),
        }
    }
}

/// The mean and the standard deviation of a channel, or of a column of a table.
pub(crate) type Channel = (f32, f32);

/// How many channels examples of this shape have, and how many neighbouring values of an example are of one: an image `[channels, height, width]` has its channels, a row
/// `[columns]` has a channel per column, anything else has one.
fn channels_of(shape: &[usize]) -> (usize, usize) {
    match *shape {
        [channels, height, width] => (channels, height * width),
        [columns] => (columns, 1),
        _ => (1, shape.iter().product()),
    }
}

/// Checks the keys against the set, before anything is read.
pub(crate) fn check(spec: &DataSpec) -> Result<(), DataError> {
    let text = matches!(spec.set, DataSet::Wikitext2 | DataSet::TinyShakespeare | DataSet::Text(_));
    let keys = [("data.scale", spec.scale.is_some()), ("data.normalize", spec.normalize.is_some())];
    if let Some((key, _)) = keys.into_iter().find(|(_, given)| text && *given) {
        return Err(DataError::NoEffect { key, why: "the tokens of a text are no quantities" });
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

/// Whether the constants are those of the training examples.
fn is_measured(spec: &DataSpec) -> bool {
    spec.normalize == Some(Normalize::Word(NormalizeWord::Set))
        && sets::ImageSet::of(&spec.set).is_none()
}

/// The constants of each channel, which were checked; one for all becomes one for each.
fn expanded(Constants { mean, std }: &Constants, channels: usize) -> Vec<Channel> {
    let of = |values: &[f64], channel: usize| {
        values.get(channel).or(values.first()).map_or(0.0, |&value| value as f32)
    };
    (0..channels).map(|channel| (of(mean, channel), of(std, channel))).collect()
}

/// What becomes of the bytes of a known image set, channel by channel, of which `published` are the constants.
pub(crate) fn of_bytes(spec: &DataSpec, published: &[Channel]) -> Result<Vec<Affine>, DataError> {
    let factor = Factor::of(spec, Some(BYTE))?;
    let channels = match &spec.normalize {
        None | Some(Normalize::Word(NormalizeWord::Set)) => published.to_vec(),
        Some(Normalize::Word(NormalizeWord::None)) => vec![(0.0, 1.0); published.len()],
        Some(Normalize::Constants(constants)) => expanded(constants, published.len()),
    };
    let affine = |(mean, std): Channel| Affine {
        factor: match factor {
            Factor::One => 1.0 / std,
            Factor::Unit(largest) => 1.0 / (largest * std),
            Factor::Times(factor) => factor / std,
        },
        offset: -mean / std,
    };
    Ok(channels.into_iter().map(affine).collect())
}

/// Whether the scenario gives constants, which examples that are no bytes have yet to be normalised by.
pub(crate) fn has_constants(spec: &DataSpec) -> bool {
    matches!(spec.normalize, Some(Normalize::Constants(_)))
        && sets::ImageSet::of(&spec.set).is_none()
}

/// Normalises examples by the scenario's constants, where it gives some. Bytes are normalised already.
pub(crate) fn by_constants(spec: &DataSpec, mut examples: Examples) -> Examples {
    if let Some(Normalize::Constants(constants)) = &spec.normalize {
        let channels = expanded(constants, channels_of(&examples.shape).0);
        normalize(&mut examples, &channels);
    }
    examples
}

/// Normalises pool and test set by mean and standard deviation of what the clients train on, where the scenario asks for that: neither the common test set nor the clients'
/// own test examples have a part in them.
pub(crate) fn by_training(
    spec: &DataSpec,
    pool: Arc<Examples>,
    test: Arc<Examples>,
    shares: &Shares,
) -> (Arc<Examples>, Arc<Examples>) {
    if !is_measured(spec) {
        return (pool, test);
    }
    let mut trained = vec![false; pool.len()];
    shares.iter().flat_map(|(train, _)| train).for_each(|&row| trained[row as usize] = true);
    let channels = measured(&pool, &trained);
    let by = |examples: &Examples| {
        let mut examples = examples.clone();
        normalize(&mut examples, &channels);
        Arc::new(examples)
    };
    (by(&pool), by(&test))
}

/// Mean and standard deviation (n in the denominator) of each channel over the examples that are `trained` on, summed in `f64`. A channel that never changes has the
/// deviation 1, so that it becomes 0 and not 0/0.
fn measured(pool: &Examples, trained: &[bool]) -> Vec<Channel> {
    let (channels, run) = channels_of(&pool.shape);
    let mut values = Vec::with_capacity(pool.features());
    let mut over = |add: &mut dyn FnMut(usize, f64)| {
        for row in (0..pool.len()).filter(|&row| trained[row]) {
            values.clear();
            pool.read(row, &mut values);
            for (channel, part) in values.chunks_exact(run.max(1)).enumerate() {
                part.iter().for_each(|&value| add(channel, value.into()));
            }
        }
    };
    let (mut counts, mut sums) = (vec![0.0_f64; channels], vec![0.0; channels]);
    over(&mut |channel, value| {
        counts[channel] += 1.0;
        sums[channel] += value;
    });
    let means: Vec<f64> = sums.iter().zip(&counts).map(|(sum, count)| sum / count).collect();
    let mut squares = vec![0.0; channels];
    over(&mut |channel, value| squares[channel] += (value - means[channel]).powi(2));
    let channel = |((mean, squares), count): ((f64, f64), f64)| {
        let std = (squares / count).sqrt() as f32;
        (mean as f32, if std.is_normal() { std } else { 1.0 })
    };
    means.into_iter().zip(squares).zip(counts).map(channel).collect()
}

/// (x − mean) / std, channel by channel.
fn normalize(examples: &mut Examples, channels: &[Channel]) {
    let (_, run) = channels_of(&examples.shape);
    let width = examples.features().max(1);
    if let Values::Floats(values) = &mut examples.values {
        for example in values.chunks_exact_mut(width) {
            for (part, (mean, std)) in example.chunks_exact_mut(run.max(1)).zip(channels) {
                part.iter_mut().for_each(|value| *value = (*value - mean) / std);
            }
        }
    }
}

/// What becomes of a number x of the set, in words: `(x / 255 − 0.1307) / 0.3081`. `largest` is the largest number of the set's format.
pub(crate) fn words(spec: &DataSpec, largest: Option<f32>) -> Result<String, DataError> {
    let scaled = Factor::of(spec, largest)?.words();
    let published = sets::ImageSet::of(&spec.set).map(|images| images.channels);
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

/// The most constants that are written out.
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
