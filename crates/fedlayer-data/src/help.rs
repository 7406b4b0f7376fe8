//! The advice that follows the message of a [`DataError`].

use crate::{
    DataError,
    decode::{DecodeError, DecodeFault},
    file_source::OpenError,
};

impl DataError {
    /// Returns the message and, on a line of its own, the advice.
    pub fn with_help(&self) -> String {
        let hint = self.help().map_or(String::new(), |help| format!("\nhint: {help}"));
        format!("{self}{hint}")
    }

    /// Returns what to do about the error, unless its message says it already.
    pub fn help(&self) -> Option<String> {
        Some(match self {
            Self::FewerExamplesThanClasses { examples, classes } => format!(
                "raise `data.set.synthetic.examples` to at least {classes}, or lower `data.set.synthetic.classes` to at most {examples}"
            ),
            Self::Corners { classes, clusters_per_class, .. } => {
                more_features(*classes, *clusters_per_class)
            }
            Self::Memory { key, .. } => {
                format!("lower `{key}`, or the number of the set's features or clusters")
            }
            Self::MoreClientsThanExamples { pool, .. } => format!(
                "lower `clients.count` to at most {pool}, or give the pool more examples (a larger data set, a smaller `data.test_share`)"
            ),
            Self::MoreShardsThanExamples { clients, pool, .. } => {
                at_most("data.partition.shards", *clients, *pool)
            }
            Self::MoreClassesThanThereAre { classes, .. } => {
                format!("lower `data.partition.classes` to at most {classes}")
            }
            Self::ClassWithoutClient { clients, asked, classes } => {
                more_classes(*clients, *asked, *classes)
            }
            Self::FewerExamplesThanClientClasses { clients, pool, .. } => {
                at_most("data.partition.classes", *clients, *pool)
            }
            Self::FewerExamples { key, there, .. } => format!("lower `{key}` to at most {there}"),
            Self::KeptClasses { classes, .. } => {
                format!("lower `data.keep_classes` to at most {classes}")
            }
            Self::OtherChannels { channels, .. } => {
                format!("give one value for all, or {channels}: one for each")
            }
            Self::FewerOwners { owners, .. } => {
                format!("lower `clients.count` to at most {owners}")
            }
            Self::BeyondRange { key, .. } => format!("write a smaller `{key}`, or a larger `std`"),
            other => {
                return other.help_with_files().or_else(|| Some(other.constant_help()?.into()));
            }
        })
    }

    /// Returns the advice about an error that a file causes, if it depends on the file.
    fn help_with_files(&self) -> Option<String> {
        Some(match self {
            Self::Unopened { set: Some(set), error: OpenError::Missing { .. }, .. } => {
                format!("get it: `fedlayer data fetch {set}`; or say where it is: `--data FOLDER`")
            }
            Self::Decode(error) => known_file(error),
            Self::OwnFile(error) => own_file(error),
            Self::NoClasses { different, .. } => format!(
                "fedlayer trains classifiers, not regressions: name another column, or put the targets into bins first (`pandas.qcut(df[\"y\"], 4, labels=False)`); if they are classes, number them from 0 and write `classes = {different}` beside `train`"
            ),
            Self::Scrambled { mend, .. } => format!(
                "leave `shape` out and write the file anew: `{mend}`; `shape` is for rows of numbers"
            ),
            Self::ChannelsLast { shape, .. } => format!(
                "put the channels first and write the files anew: `x = x.transpose(0, 3, 1, 2)`; one constant for all: `normalize = {{ mean = [0.5], std = [0.25] }}`; if the first axis really has the channels, say so beside `train`: `shape = {shape:?}`"
            ),
            _ => return None,
        })
    }

    /// Returns the advice that is the same for every error of its kind.
    fn constant_help(&self) -> Option<&'static str> {
        Some(match self {
            Self::Unopened { set: None, error: OpenError::Missing { .. }, .. } => {
                "it is looked for beside the scenario, in the data folders (`--data FOLDER`), then where the program was started"
            }
            Self::Unopened { .. } => "name a plain file, and allow reading it",
            Self::OneClass { .. } => {
                "a classifier needs examples of two classes: take more examples (`data.train`; the first ones of a file that is sorted by its labels have one label), or name another label"
            }
            Self::OneExample { .. } => "take more examples",
            Self::LabelsInside { .. } => "leave it out: `label` names the column of a CSV file",
            Self::NoEffect { .. } => "leave it out",
            Self::FewKept { .. } => {
                "keep more classes, or take more examples (`data.train`, `data.test`)"
            }
            Self::ShortText { .. } => "lower `data.context`, or take a longer text",
            Self::NoLabels { .. } => "name the file of the labels: `train_labels`, `test_labels`",
            Self::UnknownEnding { .. } => {
                "write it in one of these formats; a table between tabs is a `.csv` with `separator = \"\\t\"`"
            }
            Self::OtherShape { .. } => "make `data.set.files.shape` and the files agree",
            Self::NoLargestNumber { .. } => {
                "\"unit\" is for images in bytes and for `digits`; write the factor (`scale = 0.01`), or `normalize = \"set\"`"
            }
            Self::OtherNumbers { .. } => {
                "write both files in one kind of numbers, or say `data.scale`, which is then taken for both"
            }
            Self::NotMeasured => "write the constants: `normalize = { mean = [0.0], std = [1.0] }`",
            Self::NoOwners { .. } => {
                "choose another partition; or name the owner of each example: in a CSV file by a column `group` or one that is named beside `train` (`group = \"writer\"`), in a safetensors file by a tensor `groups`"
            }
            Self::NotDrawn => {
                "choose `iid`, `dirichlet` or `classes`, or `examples` instead of `per_client`"
            }
            Self::NotASet => "please report it",
            Self::Digits(_) => "build or install this program again",
            _ => return None,
        })
    }
}

/// Advises to lower `key`, the number of examples per client, until the pool suffices.
fn at_most(key: &str, clients: u32, pool: usize) -> String {
    let most = pool / clients.max(1) as usize;
    format!(
        "lower `{key}` to at most {most}, lower `clients.count`, or give the pool more examples"
    )
}

/// Advises to raise the number of informative features: the hypercube needs a corner per cluster.
fn more_features(classes: u32, clusters_per_class: u32) -> String {
    let clusters = u64::from(classes) * u64::from(clusters_per_class);
    let enough = u64::BITS - clusters.saturating_sub(1).leading_zeros();
    format!(
        "raise `data.set.synthetic.informative` to at least {enough}, or lower `classes` or `clusters_per_class` beside it"
    )
}

/// Advises to raise the number of classes per client or of clients: every class needs a client.
fn more_classes(clients: u32, asked: u32, classes: usize) -> String {
    let each = classes.div_ceil(clients.max(1) as usize);
    let count = classes.div_ceil(asked.max(1) as usize);
    format!(
        "raise `data.partition.classes` to at least {each}, or `clients.count` to at least {count}"
    )
}

/// Advises what to do about a damaged file of a known set.
fn known_file(error: &DecodeError) -> String {
    let again = "get the file again (`fedlayer data fetch NAME` checks its SHA-256), or correct it";
    error.help.as_deref().unwrap_or(again).to_owned()
}

/// Advises what to do about a damaged file of the user.
fn own_file(error: &DecodeError) -> String {
    let advice = match error.fault {
        DecodeFault::Truncated | DecodeFault::TooLong | DecodeFault::Magic | DecodeFault::Gzip => {
            "the file is damaged, or is of another format than its name says: write or copy it again"
        }
        _ => "correct the file",
    };
    error.help.as_deref().unwrap_or(advice).to_owned()
}
