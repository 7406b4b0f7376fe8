//! `data.scale` and `data.normalize`: from the numbers of a data set to the inputs of the model.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The factor of a data set's numbers: a number or a word.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Scale {
    /// A factor, such as 0.00392156862745098 (1/255).
    Factor(#[schemars(extend("exclusiveMinimum" = 0))] f64),
    /// A word.
    Word(ScaleWord),
}

/// A word for a factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ScaleWord {
    /// Division by the largest number of the format, to the range [0, 1]: bytes by 255 (as
    /// torchvision's `ToTensor`), pixels of `digits` by 16.
    Unit,
    /// The numbers of the file, unchanged.
    None,
}

/// The normalisation of scaled values: constants or a word.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Normalize {
    /// Constants.
    Constants(Constants),
    /// A word.
    Word(NormalizeWord),
}

/// A word for a normalisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NormalizeWord {
    /// The constants of the set: published ones for a named image set, and otherwise those of all
    /// clients' training examples, per channel of an image or per column of a table.
    Set,
    /// Scaled values, unchanged.
    None,
}

/// The constants of (value − mean) / std, as in torchvision's `Normalize`: one for all values, or
/// one per channel of an image or column of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Constants {
    /// The mean, which is subtracted first.
    #[schemars(length(min = 1))]
    pub mean: Vec<f64>,
    /// The standard deviation, which divides the result.
    #[schemars(length(min = 1), extend("items" = { "type": "number", "exclusiveMinimum": 0 }))]
    pub std: Vec<f64>,
}
