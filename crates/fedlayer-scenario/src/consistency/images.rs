//! Images of a user's own files that a convolution would misread: channels last, or no image shape.

use fedlayer_core::{
    data::DataFacts,
    spec::{Block, DataSet, LayerSpec, ModelSpec},
};

use crate::{
    Scenario,
    problem::{Location, Problem},
    toml_tree::KeyPath,
};

/// Returns the problem of images that look like `[height, width, channels]`, while a convolution
/// takes the first axis for the channels. A shape in the scenario itself is believed.
pub(super) fn channels_last(scenario: &Scenario, facts: Option<&DataFacts>) -> Option<Problem> {
    let DataSet::Files(files) = &scenario.data.set else { return None };
    let &[height, width, channels] = facts?.shape.as_slice() else { return None };
    let looks_so = matches!(channels, 1 | 3 | 4) && height > 4 && width > 4;
    if files.shape.is_some() || !looks_so || !has_convolution(&scenario.model) {
        return None;
    }
    let file = &files.train;
    let title = format!(
        "an image of `{file}` has shape [{height}, {width}, {channels}]; a convolution takes the first axis for its channels"
    );
    let problem = Problem::new(Location::Value(KeyPath::from("data.set.files.train")), title)
        .label("the channels seem to be last")
        .help("put them first and write the file anew: `x = x.transpose(0, 3, 1, 2)`".to_owned())
        .help(format!(
            "if there really are {height} channels, add the shape beside `train`: `shape = [{height}, {width}, {channels}]`"
        ));
    Some(problem)
}

/// Adds to the problem of a convolutional network without layers how a scenario gives the shape of
/// an image.
pub(super) fn with_shape(
    problem: Problem,
    scenario: &Scenario,
    facts: Option<&DataFacts>,
) -> Problem {
    let is_own = matches!(&scenario.data.set, DataSet::Files(files) if files.shape.is_none());
    let shape = match facts.map(|facts| facts.shape.as_slice()) {
        Some([height, width]) => format!("[1, {height}, {width}]"),
        Some([_]) => "[channels, height, width]".to_owned(),
        _ => return problem,
    };
    if !is_own || !has_convolution(&scenario.model) {
        return problem;
    }
    problem
        .help(format!("if an example is an image, add its shape beside `train`: `shape = {shape}`"))
}

/// Returns whether a network has a convolution; for a module, which is not inspected, false.
fn has_convolution(model: &ModelSpec) -> bool {
    let is_convolution = |layer: &LayerSpec| match layer {
        LayerSpec::Conv(_) => true,
        LayerSpec::Residual(blocks) => blocks.iter().any(|block| matches!(block, Block::Conv(_))),
        _ => false,
    };
    match model {
        ModelSpec::Lenet5
        | ModelSpec::McmahanCnn
        | ModelSpec::PflCnn
        | ModelSpec::Vgg11(_)
        | ModelSpec::Resnet18(_)
        | ModelSpec::Resnet20(_) => true,
        ModelSpec::Layers(layers) => layers.iter().any(is_convolution),
        _ => false,
    }
}
