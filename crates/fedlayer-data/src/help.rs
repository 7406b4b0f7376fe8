//! What to do about a [`DataError`].

use crate::{DataError, decode::DecodeFault, shelf::OpenError};

impl DataError {
    /// What to do, where there is more to say than the message does.
    pub fn help(&self) -> Option<String> {
        Some(match self.clone() {
            Self::OutOfRange { .. } => return None,
            Self::FewerExamplesThanClasses { examples, classes } => format!(
                "raise `data.set.synthetic.examples` to at least {classes}, or lower `data.set.synthetic.classes` to at most {examples}"
            ),
            Self::Corners { classes, clusters_per_class, .. } => {
                let clusters = u64::from(classes) * u64::from(clusters_per_class);
                let enough = u64::BITS - clusters.saturating_sub(1).leading_zeros();
                format!(
                    "raise `data.set.synthetic.informative` to at least {enough}, or lower `classes` or `clusters_per_class` beside it"
                )
            }
            Self::Memory { key, .. } => {
                format!("lower `{key}`, or the number of the set's features or clusters")
            }
            Self::MoreClientsThanExamples { pool, .. } => format!(
                "lower `clients.count` to at most {pool}, or give the pool more examples (a larger data set, a smaller `data.test_share`)"
            ),
            Self::MoreShardsThanExamples { clients, pool, .. } => {
                at_most("data.partition.shards", clients, pool)
            }
            Self::MoreClassesThanThereAre { classes, .. } => {
                format!("lower `data.partition.classes` to at most {classes}")
            }
            Self::ClassWithoutClient { clients, asked, classes } => {
                let each = classes.div_ceil(clients.max(1) as usize);
                let count = classes.div_ceil(asked.max(1) as usize);
                format!(
                    "raise `data.partition.classes` to at least {each}, or `clients.count` to at least {count}"
                )
            }
            Self::FewerExamplesThanClientClasses { clients, pool, .. } => {
                at_most("data.partition.classes", clients, pool)
            }
            Self::Unopened { set: Some(set), error: OpenError::Missing { .. }, .. } => {
                format!("get it: `fedlayer data fetch {set}`; or say where it is: `--data FOLDER`")
            }
            Self::Unopened { set: None, error: OpenError::Missing { .. }, .. } => {
                "it is looked for beside the scenario, in the data folders (`--data FOLDER`), then where the program was started".into()
            }
            Self::Unopened { .. } => "name a plain file, and allow reading it".into(),
            Self::Decode(error) => error.help.map_or(
                "get the file again (`fedlayer data fetch NAME` checks its SHA-256), or correct it".to_owned(),
                String::from,
            ),
            Self::OwnFile(error) => match (error.help, error.fault) {
                (Some(help), _) => help.into(),
                (None, DecodeFault::Truncated | DecodeFault::TooLong | DecodeFault::Magic | DecodeFault::Gzip) => {
                    "the file is damaged, or is of another format than its name says: write or copy it again".into()
                }
                (None, _) => "correct the file".into(),
            },
            Self::NoClasses { different, .. } => format!(
                "fedlayer trains classifiers, no regression: name another column, or put the targets into bins first (`pandas.qcut(df[\"y\"], 4, labels=False)`); if they are classes, number them from 0 and write `classes = {different}` beside `train`"
            ),
            Self::Scrambled { mend, .. } => format!(
                "leave `shape` out and write the file anew: `{mend}`; `shape` is for rows of numbers"
            ),
            Self::ChannelsLast { shape, .. } => format!(
                "put the channels first and write the files anew: `x = x.transpose(0, 3, 1, 2)`; one constant for all: `normalize = {{ mean = [0.5], std = [0.25] }}`; if the first axis really has the channels, say so beside `train`: `shape = {shape:?}`"
            ),
            Self::OneClass { .. } => {
                "a classifier needs examples of two classes: take more examples (`data.train`; the first ones of a file that is sorted by its labels have one label), or name another label".into()
            }
            Self::BeyondRange { key, .. } => format!("write a smaller `{key}`, or a larger `std`"),
            Self::OneExample { .. } => "take more examples".into(),
            Self::LabelsInside { .. } => "leave it out: `label` names the column of a CSV file".into(),
            Self::NoEffect { .. } => "leave it out".into(),
            Self::FewerExamples { key, there, .. } => format!("lower `{key}` to at most {there}"),
            Self::KeptClasses { classes, .. } => {
                format!("lower `data.keep_classes` to at most {classes}")
            }
            Self::FewKept { .. } => {
                "keep more classes, or take more examples (`data.train`, `data.test`)".into()
            }
            Self::ShortText { .. } => "lower `data.context`, or take a longer text".into(),
            Self::NoLabels { .. } => "name the file of the labels: `train_labels`, `test_labels`".into(),
            Self::UnknownEnding { .. } => "write it in one of these formats; a table between tabs is a `.csv` with `separator = \"\\t\"`".into(),
            Self::OtherShape { .. } => "make `data.set.files.shape` and the files agree".into(),
            Self::NoLargestNumber { .. } => "\"unit\" is for images in bytes and for `digits`; write the factor (`scale = 0.01`), or `normalize = \"set\"`".into(),
            Self::OtherChannels { channels, .. } => format!("give one value for all, or {channels}: one for each"),
            Self::OtherNumbers { .. } => {
                "write both files in one kind of numbers, or say `data.scale`, which is then taken for both".into()
            }
            Self::NotMeasured => "write the constants: `normalize = { mean = [0.0], std = [1.0] }`".into(),
            Self::NoOwners { .. } => "choose another partition; or say whose each example is: in a CSV file a column called `group`, or one that is named beside `train` (`group = \"writer\"`), in a safetensors file a tensor `groups`".into(),
            Self::FewerOwners { owners, .. } => format!("lower `clients.count` to at most {owners}"),
            Self::NotDrawn => "choose `iid`, `dirichlet` or `classes`, or `examples` instead of `per_client`".into(),
            Self::NotASet => "please report it".into(),
            Self::Digits(_) => "build or install this program again".into(),
        })
    }
}

/// The advice to lower `key`, of which every client needs so many examples, until the pool suffices.
fn at_most(key: &str, clients: u32, pool: usize) -> String {
    let most = pool / clients.max(1) as usize;
    format!(
        "lower `{key}` to at most {most}, lower `clients.count`, or give the pool more examples"
    )
}
