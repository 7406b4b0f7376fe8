//! `data.scale` and `data.normalize`: from the numbers of a data set to what the model sees.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the numbers of a data set are multiplied by: a factor, or a word.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Scale {
    /// This factor, such as 0.00392156862745098 (1/255).
    Factor(#[schemars(extend("exclusiveMinimum" = 0))] f64),
    /// A word.
    Word(ScaleWord),
}

/// A scale by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ScaleWord {
    /// Divided by the largest number that the format holds, so that values lie in [0, 1]: bytes by 255 (as torchvision's `ToTensor`), pixels of `digits` by 16.
    Unit,
    /// The numbers as they are in the file.
    None,
}

/// How scaled values are normalised: by constants, or by a word.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Normalize {
    /// By these constants.
    Constants(Constants),
    /// A word.
    Word(NormalizeWord),
}

/// A normalisation by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NormalizeWord {
    /// By the set's own constants: the published ones of an image set; of any other set those of all clients' training examples, per channel of an image
    /// and per column of a table.
    Set,
    /// Scaled values as they are.
    None,
}

/// The constants of (value − mean) / std, as torchvision's `Normalize` takes them: one for all values, or one per channel (of a table: per column).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Constants {
    /// What is taken away from scaled values.
    #[schemars(length(min = 1))]
    pub mean: Vec<f64>,
    /// What they are divided by then.
    #[schemars(length(min = 1), extend("items" = { "type": "number", "exclusiveMinimum": 0 }))]
    pub std: Vec<f64>,
}
