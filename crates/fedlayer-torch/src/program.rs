//! [`Program`]: a network's operations one after another, cut at its layers, so that a forward pass can stop between two of them and go on from there.

use fedlayer_core::{Architecture, Attention, Conv, Linear, Norm, Op, Pool, spec::Activation};

/// The steps of a forward pass. What stands inside a residual stands in the list itself, between steps that keep the other branch's tensor aside.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    steps: Vec<Step>,
    /// Per layer, in the layout's order: the step that takes its tensors.
    starts: Vec<usize>,
}

/// One step, which takes the tensors of one layer or of none.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Conv(Conv),
    Linear(Linear),
    Norm(Norm),
    Activation(Activation),
    Pool(Pool),
    Dropout(f64),
    Flatten,
    Subsample {
        stride: usize,
        channels: usize,
    },
    /// A residual begins: its input is kept aside for the shortcut.
    Fork,
    /// Its body is done: what it made changes places with the input.
    Turn,
    /// Its shortcut is done: both are added.
    Join,
    /// Tokens become their embeddings.
    Tokens,
    /// The embeddings of the places are added.
    Places,
    /// Query, key and value are made, and mixed; what is made of the heads' outputs is a linear step.
    Attend(Attention),
    TiedHead,
}

impl Step {
    fn takes_a_layer(&self) -> bool {
        match self {
            Self::Conv(_)
            | Self::Linear(_)
            | Self::Norm(_)
            | Self::Tokens
            | Self::Places
            | Self::Attend(_) => true,
            Self::Activation(_)
            | Self::Pool(_)
            | Self::Dropout(_)
            | Self::Flatten
            | Self::Subsample { .. }
            | Self::Fork
            | Self::Turn
            | Self::Join
            | Self::TiedHead => false,
        }
    }
}

impl Program {
    /// The steps of a network.
    pub(crate) fn new(architecture: &Architecture) -> Self {
        let mut steps = Vec::new();
        architecture.ops.iter().for_each(|op| add(op, &mut steps));
        Self::of(steps)
    }

    fn of(steps: Vec<Step>) -> Self {
        let takes = |(at, step): (usize, &Step)| step.takes_a_layer().then_some(at);
        Self { starts: steps.iter().enumerate().filter_map(takes).collect(), steps }
    }

    /// The same without its dropouts, so that a fixture can be met.
    #[cfg(test)]
    pub(crate) fn without_dropout(&self) -> Self {
        let stays = |step: &&Step| !matches!(step, Step::Dropout(_));
        Self::of(self.steps.iter().filter(stays).cloned().collect())
    }

    /// Every step.
    pub(crate) fn all(&self) -> &[Step] {
        &self.steps
    }

    /// The steps before the first layer.
    pub(crate) fn lead(&self) -> &[Step] {
        &self.steps[..self.starts.first().copied().unwrap_or(self.steps.len())]
    }

    /// The step of a layer, and those behind it up to the next layer's; nothing where there is no such layer.
    pub(crate) fn of_layer(&self, layer: usize) -> &[Step] {
        let start = |layer: usize| self.starts.get(layer).copied().unwrap_or(self.steps.len());
        &self.steps[start(layer)..start(layer + 1)]
    }
}

/// Appends an operation's steps, its layers in the order in which the layout has them.
fn add(op: &Op, steps: &mut Vec<Step>) {
    let last = match op {
        Op::Conv(conv) => Step::Conv(conv.clone()),
        Op::Linear(linear) => Step::Linear(linear.clone()),
        Op::Norm(norm) => Step::Norm(norm.clone()),
        Op::Activation(activation) => Step::Activation(*activation),
        Op::Pool(pool) => Step::Pool(pool.clone()),
        Op::Dropout(share) => Step::Dropout(*share),
        Op::Flatten => Step::Flatten,
        Op::Subsample { stride, channels } => {
            Step::Subsample { stride: *stride, channels: *channels }
        }
        Op::Residual { body, shortcut } => {
            steps.push(Step::Fork);
            body.iter().for_each(|op| add(op, steps));
            steps.push(Step::Turn);
            shortcut.iter().for_each(|op| add(op, steps));
            Step::Join
        }
        Op::Embedding(_) => {
            steps.push(Step::Tokens);
            Step::Places
        }
        Op::Attention(attention) => {
            steps.push(Step::Attend(attention.clone()));
            Step::Linear(attention.out_proj.clone())
        }
        Op::TiedHead => Step::TiedHead,
    };
    steps.push(last);
}

#[cfg(test)]
mod tests {
    use fedlayer_core::{
        DataFacts,
        spec::{Gpt, ModelSpec, Residual},
    };

    use super::*;

    #[test]
    fn every_layer_has_one_step_and_no_step_is_lost() {
        let images =
            DataFacts { shape: vec![3, 32, 32], classes: 10, targets: 1, pool: 1, test: 1 };
        let texts = DataFacts { shape: vec![8], classes: 11, targets: 8, pool: 1, test: 1 };
        let models = [
            (ModelSpec::Resnet18(Residual::default()), &images, 21),
            (ModelSpec::PflCnn, &images, 4),
            (ModelSpec::Gpt(Gpt { depth: 2, ..Gpt::default() }), &texts, 2 + 2 * 6 + 1),
        ];
        for (model, facts, layers) in models {
            let program = Program::new(&Architecture::new(&model, facts).unwrap());
            assert_eq!(program.starts.len(), layers, "{model:?}");
            assert_eq!(model.layout(facts).unwrap().layers().len(), layers);
            let cut = (0..layers).map(|layer| program.of_layer(layer).len()).sum::<usize>();
            assert_eq!(program.lead().len() + cut, program.all().len());
            assert!(program.of_layer(layers).is_empty());
        }
    }
}
