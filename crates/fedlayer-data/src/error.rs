//! [`DataError`]: an error in `[data]`, with its key and what to do.

use thiserror::Error;

use crate::{
    DigitsError,
    decode::{DecodeError, DecodeFault},
    file_source::OpenError,
};

/// An error in `[data]`, alone or with the number of clients.
///
/// The message says what was found and what is allowed; [`DataError::key`] says where,
/// [`DataError::help`] what to do.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum DataError {
    /// A value is out of its range.
    #[error("`{key}` is {found}; it must be {allowed}")]
    OutOfRange {
        /// The scenario key.
        key: &'static str,
        /// The value found.
        found: String,
        /// A description of the allowed values.
        allowed: &'static str,
    },
    /// There are fewer examples than classes.
    #[error("{examples} examples cannot cover {classes} classes; every class needs at least one")]
    FewerExamplesThanClasses {
        /// `data.set.synthetic.examples`.
        examples: u32,
        /// `data.set.synthetic.classes`.
        classes: u32,
    },
    /// There are more clusters than corners of the hypercube.
    #[error(
        "{classes} classes of {clusters_per_class} clusters need {} corners of the hypercube; {informative} informative features have {}",
        u64::from(*classes) * u64::from(*clusters_per_class),
        1_u64 << informative
    )]
    Corners {
        /// `data.set.synthetic.classes`.
        classes: u32,
        /// `data.set.synthetic.clusters_per_class`.
        clusters_per_class: u32,
        /// `data.set.synthetic.informative`, below 64.
        informative: u32,
    },
    /// A synthetic set does not fit into memory.
    #[error(
        "the synthetic data set needs {bytes} bytes in one piece, which this machine does not have"
    )]
    Memory {
        /// The scenario key of the number of examples.
        key: &'static str,
        /// The size of the allocation that failed.
        bytes: u64,
    },
    /// There are more clients than examples.
    #[error(
        "{clients} clients cannot share a pool of {pool} examples; every client needs at least one"
    )]
    MoreClientsThanExamples {
        /// `clients.count`.
        clients: u32,
        /// The number of examples in the pool.
        pool: usize,
    },
    /// There are more shards than examples.
    #[error(
        "{clients} clients with {shards} shards each need {} shards; the pool has {pool} examples, and every shard needs at least one",
        u64::from(*clients) * u64::from(*shards)
    )]
    MoreShardsThanExamples {
        /// `clients.count`.
        clients: u32,
        /// `data.partition.shards`.
        shards: u32,
        /// The number of examples in the pool.
        pool: usize,
    },
    /// A client needs more classes than there are.
    #[error("a client cannot have {asked} classes; the data set has {classes}")]
    MoreClassesThanThereAre {
        /// `data.partition.classes`.
        asked: u32,
        /// The number of classes of the data set.
        classes: usize,
    },
    /// Some class would have no client.
    #[error(
        "{clients} clients with {asked} classes each have room for {} classes; the data set has {classes}, and every class needs a client",
        u64::from(*clients) * u64::from(*asked)
    )]
    ClassWithoutClient {
        /// `clients.count`.
        clients: u32,
        /// `data.partition.classes`.
        asked: u32,
        /// The number of classes of the data set.
        classes: usize,
    },
    /// Some client could not have an example of each of its classes.
    #[error(
        "{clients} clients with {asked} classes each need {} examples; the pool has {pool}",
        u64::from(*clients) * u64::from(*asked)
    )]
    FewerExamplesThanClientClasses {
        /// `clients.count`.
        clients: u32,
        /// `data.partition.classes`.
        asked: u32,
        /// The number of examples in the pool.
        pool: usize,
    },
    /// A file of a set is missing or cannot be opened.
    #[error("{}`{file}`: {error}", of_set(*set))]
    Unopened {
        /// The known set; `None` for a file that the scenario names.
        set: Option<&'static str>,
        /// The file.
        file: String,
        /// The reason.
        error: OpenError,
    },
    /// A file of a known set is damaged.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A file of the user is damaged, or contradicts the scenario.
    #[error(transparent)]
    OwnFile(Box<DecodeError>),
    /// The labels of a file are not classes.
    #[error(
        "`{file}` has {different} different labels in {examples} examples; these are not classes"
    )]
    NoClasses {
        /// The training file.
        file: String,
        /// The number of different labels.
        different: usize,
        /// The number of examples.
        examples: usize,
    },
    /// The examples of a file have a shape of their own, and another shape would scramble their
    /// numbers.
    #[error(
        "an example of `{file}` has shape {found:?}; read as {shape:?}, its numbers would be scrambled"
    )]
    Scrambled {
        /// The file.
        file: String,
        /// Its shape.
        found: Vec<usize>,
        /// `data.set.files.shape`.
        shape: Vec<usize>,
        /// The line of Python that changes the shape.
        mend: String,
    },
    /// Images look as if their channels came last, and each channel gets constants of its own.
    #[error(
        "an example of `{file}` has shape {shape:?}; one constant per channel means one per index of the first axis, which looks like the height"
    )]
    ChannelsLast {
        /// The training file.
        file: String,
        /// The shape of an example.
        shape: Vec<usize>,
    },
    /// All training examples are of one class, of a set that has more.
    #[error("all {examples} training examples of `{set}` are of one class, {class}")]
    OneClass {
        /// The set or the file.
        set: String,
        /// The number of training examples.
        examples: usize,
        /// The name of the class.
        class: String,
    },
    /// Values are not finite 32-bit floats after scaling and normalising.
    #[error("`{key}` scales numbers of `{set}` beyond the range of 32-bit floats")]
    BeyondRange {
        /// The key.
        key: &'static str,
        /// The set or the file.
        set: String,
    },
    /// A key of `[data]` would have no effect.
    #[error("`{key}` would have no effect: {why}")]
    NoEffect {
        /// The key.
        key: &'static str,
        /// The reason.
        why: &'static str,
    },
    /// The scenario asks for more examples than there are.
    #[error("`{key}` asks for {asked} examples; the set has {there}")]
    FewerExamples {
        /// The key.
        key: &'static str,
        /// The number of examples in the scenario.
        asked: u32,
        /// The number of examples in the set.
        there: usize,
    },
    /// The scenario keeps more classes than there are.
    #[error("`data.keep_classes` asks for {asked} classes; the set has {classes}")]
    KeptClasses {
        /// `data.keep_classes`.
        asked: u32,
        /// The number of classes of the data set.
        classes: usize,
    },
    /// Too few examples are of the kept classes.
    #[error(
        "{found} of {all} {part} examples are of the first {classes} classes; at least {least} are needed"
    )]
    FewKept {
        /// `data.keep_classes`.
        classes: u32,
        /// `training` or `test`.
        part: &'static str,
        /// The number of examples that are kept.
        found: usize,
        /// The number of examples of the part.
        all: usize,
        /// The least number of examples that are needed.
        least: usize,
    },
    /// A text is too short.
    #[error(
        "the text `{set}` of {tokens} tokens has {windows} examples of {context} tokens; at least {least} are needed"
    )]
    ShortText {
        /// The set or the file.
        set: String,
        /// The number of its tokens.
        tokens: usize,
        /// `data.context`.
        context: usize,
        /// The number of examples in it.
        windows: usize,
        /// The least number of examples that are needed.
        least: usize,
    },
    /// There is a single example, and some must be held out.
    #[error("`{set}` has one example; the clients need one and so does the common test set")]
    OneExample {
        /// The scenario key.
        key: &'static str,
        /// The set or the file.
        set: String,
    },
    /// A file has labels, and the scenario names another file of labels.
    #[error("`{file}` has its labels inside; `{labels}` would not be read")]
    LabelsInside {
        /// The file of features and labels.
        file: String,
        /// The other file.
        labels: String,
    },
    /// A file of features has no labels.
    #[error("`{file}` has no labels; a `.npy` file holds one array")]
    NoLabels {
        /// The file.
        file: String,
    },
    /// A file has an unknown format.
    #[error("`{file}` ends in none of `.csv`, `.safetensors`, `.npy` (or these with `.gz`)")]
    UnknownEnding {
        /// The file.
        file: String,
    },
    /// The examples of a file have another shape.
    #[error("an example of `{file}` has shape {found:?}, which is not {shape:?}")]
    OtherShape {
        /// The file.
        file: String,
        /// Its shape.
        found: Vec<usize>,
        /// The expected shape.
        shape: Vec<usize>,
    },
    /// A set that cannot be scaled to [0, 1] by its format alone.
    #[error("the format of `{set}` has no largest number, so \"unit\" is not defined")]
    NoLargestNumber {
        /// The set or the file.
        set: String,
    },
    /// Constants for another number of channels.
    #[error("`{key}` has {found} values; an example of shape {shape:?} has {channels} channels")]
    OtherChannels {
        /// The key.
        key: &'static str,
        /// The number of values of the key.
        found: usize,
        /// The number of channels; of a table, of columns.
        channels: usize,
        /// The shape of an example.
        shape: Vec<usize>,
    },
    /// One of the training and test files holds bytes and the other does not.
    #[error(
        "`{bytes}` holds bytes, which are divided by 255, and `{other}` other numbers, which are not"
    )]
    OtherNumbers {
        /// The file of bytes.
        bytes: String,
        /// The file of other numbers.
        other: String,
    },
    /// The constants would need the examples of all clients at once.
    #[error("the constants of clients that are drawn one by one cannot be computed")]
    NotMeasured,
    /// The partition is natural, and the set has no owners.
    #[error("the examples of `{set}` have no natural owners")]
    NoOwners {
        /// The set or the file.
        set: String,
    },
    /// There are fewer natural owners than clients.
    #[error(
        "{clients} clients cannot share the examples of {owners} owners in `{set}`; every client needs at least one whole owner"
    )]
    FewerOwners {
        /// The set or the file.
        set: String,
        /// The number of owners.
        owners: usize,
        /// `clients.count`.
        clients: u32,
    },
    /// The partition would need all examples at once.
    #[error("clients that are drawn one by one cannot be partitioned like this")]
    NotDrawn,
    /// A fault of this program: a drawn set was to be read from files.
    #[error("a fault of fedlayer: a drawn set was to be read")]
    NotASet,
    /// The digits inside the binary do not decode.
    #[error("the digits inside this program are damaged: {0}")]
    Digits(#[from] DigitsError),
}

impl DataError {
    /// Marks the error as one of a file that the user wrote: it cannot be downloaded again.
    pub(crate) fn of_own_file(self) -> Self {
        match self {
            Self::Decode(error) => Self::OwnFile(Box::new(error)),
            other => other,
        }
    }

    /// Returns the path of the scenario key at fault, such as `data.partition.shards`.
    pub fn key(&self) -> &'static str {
        match self {
            Self::OutOfRange { key, .. } => key,
            Self::FewerExamplesThanClasses { .. } => "data.set.synthetic.examples",
            Self::Memory { key, .. } | Self::OneExample { key, .. } => key,
            Self::Corners { .. } => "data.set.synthetic.classes",
            Self::MoreClientsThanExamples { .. } | Self::FewerOwners { .. } => "clients.count",
            Self::MoreShardsThanExamples { .. } => "data.partition.shards",
            Self::MoreClassesThanThereAre { .. }
            | Self::ClassWithoutClient { .. }
            | Self::FewerExamplesThanClientClasses { .. } => "data.partition.classes",
            Self::NoEffect { key, .. } | Self::FewerExamples { key, .. } => key,
            Self::KeptClasses { .. } | Self::FewKept { .. } => "data.keep_classes",
            Self::ShortText { .. } => "data.context",
            Self::NoOwners { .. } | Self::NotDrawn => "data.partition",
            Self::NoLargestNumber { .. } => "data.scale",
            Self::OtherNumbers { .. } => "data.set.files",
            Self::OtherChannels { key, .. } => key,
            Self::NotMeasured | Self::ChannelsLast { .. } => "data.normalize",
            Self::BeyondRange { key, .. } => key,
            Self::OneClass { .. } => "data.set",
            Self::NoLabels { .. }
            | Self::LabelsInside { .. }
            | Self::UnknownEnding { .. }
            | Self::NoClasses { .. }
            | Self::OtherShape { .. } => "data.set.files",
            Self::Scrambled { .. } => "data.set.files.shape",
            Self::Unopened { .. }
            | Self::Decode(_)
            | Self::OwnFile(_)
            | Self::NotASet
            | Self::Digits(_) => "data.set",
        }
    }

    /// Tells whether the error is about a file that is missing, cannot be opened, or needs more
    /// memory than there is, and not about `[data]`.
    pub fn is_absence(&self) -> bool {
        match self {
            Self::Unopened { .. } => true,
            Self::Decode(error) => error.fault == DecodeFault::TooLarge,
            Self::OwnFile(error) => error.fault == DecodeFault::TooLarge,
            _ => false,
        }
    }
}

fn of_set(set: Option<&str>) -> String {
    set.map_or_else(String::new, |set| format!("data set `{set}`: file "))
}

/// Checks that `value` is a share: above 0 and below 1.
pub(crate) fn share(key: &'static str, value: f64) -> Result<(), DataError> {
    let good = value > 0.0 && value < 1.0;
    in_range(good, key, value, "above 0 and below 1")
}

/// Checks that `value` is a share that may be 0.
pub(crate) fn share_or_none(key: &'static str, value: f64) -> Result<(), DataError> {
    in_range((0.0..1.0).contains(&value), key, value, "at least 0 and below 1")
}

/// Checks that `value` is above 0 and finite.
pub(crate) fn positive(key: &'static str, value: f64) -> Result<(), DataError> {
    in_range(value > 0.0 && value.is_finite(), key, value, "above 0 and finite")
}

/// Checks that `value` is at least 1.
pub(crate) fn at_least_one(key: &'static str, value: u32) -> Result<(), DataError> {
    in_range(value >= 1, key, value, "at least 1")
}

/// Returns the error that `value` is out of its range, unless it is `good`.
pub(crate) fn in_range(
    good: bool,
    key: &'static str,
    value: impl ToString,
    allowed: &'static str,
) -> Result<(), DataError> {
    if good {
        Ok(())
    } else {
        Err(DataError::OutOfRange { key, found: value.to_string(), allowed })
    }
}
