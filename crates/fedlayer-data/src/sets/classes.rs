//! [`Classes`]: the classes of the user's own files, numbered once for all files.

use std::{collections::BTreeSet, sync::Arc};

use fedlayer_core::text::in_backticks;

use crate::{
    DataError,
    decode::{DecodeError, DecodeFault, FilePosition, label::Label},
};

/// The number of different labels that are accepted as classes without further evidence.
const SURELY_CLASSES: usize = 20;

/// The classes: the different labels of the training file in ascending order, or as many numbers as
/// the scenario says.
pub(super) struct Classes {
    /// The label of each class, ascending.
    labels: Vec<Label>,
    /// True if the scenario gives the number of classes.
    is_said: bool,
}

impl Classes {
    /// Finds the classes of a training file with these labels; `said` is `data.set.files.classes`.
    ///
    /// # Errors
    /// When most examples have a label of their own: such labels are not classes.
    pub(super) fn of(file: &str, labels: &[Label], said: Option<u32>) -> Result<Self, DataError> {
        if let Some(count) = said {
            let labels = (0..count.into()).map(Label::Number).collect();
            return Ok(Self { labels, is_said: true });
        }
        let different: BTreeSet<&Label> = labels.iter().collect();
        if different.len() > SURELY_CLASSES && 2 * different.len() > labels.len() {
            let (different, examples) = (different.len(), labels.len());
            return Err(DataError::NoClasses { file: file.to_owned(), different, examples });
        }
        Ok(Self { labels: different.into_iter().cloned().collect(), is_said: false })
    }

    pub(super) fn count(&self) -> usize {
        self.labels.len()
    }

    /// Returns the names of the classes; `None` if they are 0, 1, 2, ….
    pub(super) fn names(&self) -> Option<Arc<[String]>> {
        let are_numbers = (0..).zip(&self.labels).all(|(at, label)| *label == Label::Number(at));
        (!are_numbers).then(|| self.labels.iter().map(Label::to_string).collect())
    }

    /// Returns the classes of the examples of a file, `(N)`.
    ///
    /// # Errors
    /// When a label is not one of the classes.
    pub(super) fn number(&self, file: &str, labels: &[Label]) -> Result<Vec<u32>, DecodeError> {
        let number = |(at, label): (usize, &Label)| {
            let class = self.labels.binary_search(label).map(|class| class as u32);
            class.map_err(|_| self.unknown(file, at, label))
        };
        labels.iter().enumerate().map(number).collect()
    }

    fn unknown(&self, file: &str, example: usize, label: &Label) -> DecodeError {
        const SHOWN: usize = 8;
        let shown = self.labels.iter().take(SHOWN).map(|label| in_backticks([label.to_string()]));
        let shown = shown.collect::<Vec<_>>().join(", ");
        let more = if self.count() > SHOWN { ", …" } else { "" };
        let (expected, help) = match self.is_said {
            true => (
                format!("a class from 0 to {}", self.count() - 1),
                "raise `classes` beside `train`, or correct the label",
            ),
            false => (
                format!("one of the {} labels of training: {shown}{more}", self.count()),
                "correct the label; or write beside `train` how many `classes` there are, if they are numbered from 0 and training does not have all of them",
            ),
        };
        DecodeError {
            file: file.to_owned(),
            position: FilePosition::Example(example),
            fault: DecodeFault::Label,
            found: format!("the label {}", in_backticks([label.to_string()])),
            expected,
            help: Some(help.into()),
        }
    }
}
