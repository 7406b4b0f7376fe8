//! [`DataError`]: what of `[data]` cannot be, where, and what to do.

use thiserror::Error;

use crate::{
    DigitsError,
    decode::{DecodeError, DecodeFault},
    file_source::OpenError,
};

/// What of `[data]` cannot be, alone or with the number of clients.
///
/// The message says what was found and what is allowed, [`DataError::key`] where, [`DataError::help`] what to do.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum DataError {
    /// A value that no data set or partition has.
    #[error("`{key}` is {found}; it must be {allowed}")]
    OutOfRange {
        /// The scenario key.
        key: &'static str,
        /// The value found.
        found: String,
        /// Which values there are.
        allowed: &'static str,
    },
    /// Fewer examples than classes.
    #[error("{examples} examples cannot show {classes} classes; every class needs at least one")]
    FewerExamplesThanClasses {
        /// `data.set.synthetic.examples`.
        examples: u32,
        /// `data.set.synthetic.classes`.
        classes: u32,
    },
    /// More clusters than the hypercube has corners.
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
    /// A synthetic set that does not fit into memory.
    #[error(
        "the synthetic data set needs {bytes} bytes in one piece, which this machine does not have"
    )]
    Memory {
        /// The scenario key that says how many examples there are.
        key: &'static str,
        /// The size of the piece that could not be had.
        bytes: u64,
    },
    /// More clients than examples.
    #[error(
        "{clients} clients cannot share a pool of {pool} examples; every client needs at least one"
    )]
    MoreClientsThanExamples {
        /// `clients.count`.
        clients: u32,
        /// The number of examples in the pool.
        pool: usize,
    },
    /// More shards than examples.
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
    /// A client should have more classes than there are.
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
    /// A file of a set is not there or cannot be opened.
    #[error("{}`{file}`: {error}", of_set(*set))]
    Unopened {
        /// The known set, or nothing for a file that the scenario names.
        set: Option<&'static str>,
        /// The file.
        file: String,
        /// Why.
        error: OpenError,
    },
    /// A file is not what its format says.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A file of one's own is not what its format says, or not what the scenario says.
    #[error(transparent)]
    OwnFile(Box<DecodeError>),
    /// A file whose labels are no classes.
    #[error(
        "`{file}` has {different} different labels in {examples} examples; these are no classes"
    )]
    NoClasses {
        /// The training file.
        file: String,
        /// Its different labels.
        different: usize,
        /// Its examples.
        examples: usize,
    },
    /// A file whose examples have a shape of their own, which another one would scramble.
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
        /// The line of Python that gives the file that shape.
        mend: String,
    },
    /// Images that look as if their channels came last, where each channel gets constants of its own.
    #[error(
        "an example of `{file}` has shape {shape:?}; constants per channel are taken per place of the first axis, and that looks like the height"
    )]
    ChannelsLast {
        /// The training file.
        file: String,
        /// The shape of an example.
        shape: Vec<usize>,
    },
    /// Training examples of one class alone, of a set that has more.
    #[error("all {examples} training examples of `{set}` are of one class, {class}")]
    OneClass {
        /// The set or the file.
        set: String,
        /// How many there are.
        examples: usize,
        /// What the class is called.
        class: String,
    },
    /// Values that are no finite 32-bit floats after scaling and normalising.
    #[error("`{key}` makes numbers of `{set}` that are beyond the range of 32-bit floats")]
    BeyondRange {
        /// The key.
        key: &'static str,
        /// The set or the file.
        set: String,
    },
    /// A key of `[data]` that would have no effect.
    #[error("`{key}` would have no effect: {why}")]
    NoEffect {
        /// The key.
        key: &'static str,
        /// Why.
        why: &'static str,
    },
    /// More examples are asked for than there are.
    #[error("`{key}` asks for {asked} examples; the set has {there}")]
    FewerExamples {
        /// The key.
        key: &'static str,
        /// What is asked for.
        asked: u32,
        /// What there is.
        there: usize,
    },
    /// More classes are to be kept than there are.
    #[error("`data.keep_classes` asks for {asked} classes; the set has {classes}")]
    KeptClasses {
        /// `data.keep_classes`.
        asked: u32,
        /// The number of classes of the data set.
        classes: usize,
    },
    /// Hardly an example is of the classes that are kept.
    #[error(
        "{found} of {all} {part} examples are of the first {classes} classes; at least {least} are needed"
    )]
    FewKept {
        /// `data.keep_classes`.
        classes: u32,
        /// `training` or `test`.
        part: &'static str,
        /// Examples that are kept.
        found: usize,
        /// Examples of the part.
        all: usize,
        /// The examples that there must be.
        least: usize,
    },
    /// A text that is too short.
    #[error(
        "the text `{set}` of {tokens} tokens has {windows} examples of {context} tokens; at least {least} are needed"
    )]
    ShortText {
        /// The set or the file.
        set: String,
        /// Its tokens.
        tokens: usize,
        /// `data.context`.
        context: usize,
        /// The examples that they make.
        windows: usize,
        /// The examples that there must be.
        least: usize,
    },
    /// A single example, where some must be set apart.
    #[error("`{set}` has one example; the clients need one and so does the common test set")]
    OneExample {
        /// The scenario key.
        key: &'static str,
        /// The set or the file.
        set: String,
    },
    /// Labels that a file has and that are named besides.
    #[error("`{file}` has its labels inside; `{labels}` would not be read")]
    LabelsInside {
        /// The file of features and labels.
        file: String,
        /// The other file.
        labels: String,
    },
    /// A file of features without labels.
    #[error("`{file}` has no labels; a `.npy` file holds one array")]
    NoLabels {
        /// The file.
        file: String,
    },
    /// A file of a kind that is not read.
    #[error("`{file}` ends in none of `.csv`, `.safetensors`, `.npy` (or these with `.gz`)")]
    UnknownEnding {
        /// The file.
        file: String,
    },
    /// A file whose examples have another shape.
    #[error("an example of `{file}` has shape {found:?}, which is not {shape:?}")]
    OtherShape {
        /// The file.
        file: String,
        /// Its shape.
        found: Vec<usize>,
        /// What it should be.
        shape: Vec<usize>,
    },
    /// A set that cannot be scaled to [0, 1] by its format alone.
    #[error(
        "the numbers of `{set}` have no largest one by their format, so that \"unit\" says nothing"
    )]
    NoLargestNumber {
        /// The set or the file.
        set: String,
    },
    /// Constants for another number of channels.
    #[error("`{key}` has {found} values; an example of shape {shape:?} has {channels} channels")]
    OtherChannels {
        /// The key.
        key: &'static str,
        /// How many values it has.
        found: usize,
        /// How many channels there are; of a table, columns.
        channels: usize,
        /// The shape of an example.
        shape: Vec<usize>,
    },
    /// Training and test files of which one holds bytes and the other does not.
    #[error(
        "`{bytes}` holds bytes, which are divided by 255, and `{other}` other numbers, which are not"
    )]
    OtherNumbers {
        /// The file of bytes.
        bytes: String,
        /// The other one.
        other: String,
    },
    /// Constants that need all clients' examples at once.
    #[error("the constants of clients that are drawn one by one are not known")]
    NotMeasured,
    /// A natural partition of a set that knows no owners.
    #[error("`{set}` does not say whose its examples are by nature")]
    NoOwners {
        /// The set or the file.
        set: String,
    },
    /// Fewer natural owners than clients.
    #[error(
        "{clients} clients cannot share what belongs to {owners} owners in `{set}`; every client needs the whole of at least one"
    )]
    FewerOwners {
        /// The set or the file.
        set: String,
        /// Owners of examples.
        owners: usize,
        /// `clients.count`.
        clients: u32,
    },
    /// A partition that needs all examples at once.
    #[error("clients that are drawn one by one cannot be partitioned like this")]
    NotDrawn,
    /// A set was asked for in a way that it is not made.
    #[error("a fault of fedlayer: a drawn set was to be read")]
    NotASet,
    /// The digits inside the binary do not decode.
    #[error("the digits inside this program are damaged: {0}")]
    Digits(#[from] DigitsError),
}

impl DataError {
    /// A fault of a file that the user wrote, and that nobody can fetch again.
    pub(crate) fn of_own_file(self) -> Self {
        match self {
            Self::Decode(error) => Self::OwnFile(Box::new(error)),
            other => other,
        }
    }

    /// The path of the scenario key at fault, such as `data.partition.shards`.
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

    /// Whether a file is nowhere, cannot be opened, or needs more memory than there is, whatever `[data]` says.
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

/// Checks that `value` is above 0 and finite.
pub(crate) fn positive(key: &'static str, value: f64) -> Result<(), DataError> {
    in_range(value > 0.0 && value.is_finite(), key, value, "above 0 and finite")
}

/// Checks that `value` is at least 1.
pub(crate) fn at_least_one(key: &'static str, value: u32) -> Result<(), DataError> {
    in_range(value >= 1, key, value, "at least 1")
}

/// The error that `value` is not what is allowed, unless it is.
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
