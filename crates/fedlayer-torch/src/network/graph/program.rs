//! [`Program`]: the operations of a network as a flat list of instructions, cut at the layers.
//!
//! A forward pass can stop between two layers and continue from there.

use fedlayer_core::{
    model::architecture::{Architecture, Conv, Linear, Norm, Op, Pool},
    spec::Activation,
};

/// The instructions of a forward pass.
///
/// A residual is not nested: its body and its shortcut are part of the list, and instructions
/// between them save the tensor of the other branch.
#[derive(Debug, Clone)]
pub(super) struct Program {
    instructions: Vec<Instruction>,
    /// Per layer, in the layout's order: the index of the instruction that uses its tensors.
    starts: Vec<usize>,
}

/// One instruction. It uses the tensors of one layer or of none.
#[derive(Debug, Clone)]
pub(super) enum Instruction {
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
    /// Begins a residual: saves its input for the shortcut.
    SaveInput,
    /// Ends a residual's body: saves its output, and restores the input for the shortcut.
    SwapBranches,
    /// Ends a residual's shortcut: adds the output of the body.
    AddBranches,
    /// Replaces tokens by their embeddings.
    TokenEmbedding,
    /// Adds the embeddings of the positions.
    PositionEmbedding,
    /// Projects to query, key and value, and applies attention. The projection of the heads'
    /// outputs is the [`Linear`](Self::Linear) instruction that follows.
    Attention {
        qkv: Linear,
        heads: usize,
    },
    TiedHead,
}

impl Instruction {
    fn has_layer(&self) -> bool {
        match self {
            Self::Conv(_)
            | Self::Linear(_)
            | Self::Norm(_)
            | Self::TokenEmbedding
            | Self::PositionEmbedding
            | Self::Attention { .. } => true,
            Self::Activation(_)
            | Self::Pool(_)
            | Self::Dropout(_)
            | Self::Flatten
            | Self::Subsample { .. }
            | Self::SaveInput
            | Self::SwapBranches
            | Self::AddBranches
            | Self::TiedHead => false,
        }
    }
}

impl Program {
    /// Compiles the operations of an architecture.
    pub(super) fn new(architecture: &Architecture) -> Self {
        let mut instructions = Vec::new();
        architecture.ops.iter().for_each(|op| compile(op, &mut instructions));
        Self::of(instructions)
    }

    fn of(instructions: Vec<Instruction>) -> Self {
        let indices = instructions.iter().enumerate();
        let starts = indices.filter(|(_, instruction)| instruction.has_layer());
        Self { starts: starts.map(|(index, _)| index).collect(), instructions }
    }

    /// The same program without dropout, which the fixtures of the tests do not have.
    #[cfg(test)]
    pub(super) fn without_dropout(&self) -> Self {
        let is_kept = |instruction: &&Instruction| !matches!(instruction, Instruction::Dropout(_));
        Self::of(self.instructions.iter().filter(is_kept).cloned().collect())
    }

    /// The instructions before the first layer.
    pub(super) fn before_first_layer(&self) -> &[Instruction] {
        &self.instructions[..self.start(0)]
    }

    /// The instruction of a layer and those behind it, up to the next layer. Empty for an index
    /// past the last layer.
    pub(super) fn of_layer(&self, layer: usize) -> &[Instruction] {
        &self.instructions[self.start(layer)..self.start(layer + 1)]
    }

    fn start(&self, layer: usize) -> usize {
        self.starts.get(layer).copied().unwrap_or(self.instructions.len())
    }
}

/// Appends the instructions of an operation, its layers in the layout's order.
fn compile(op: &Op, instructions: &mut Vec<Instruction>) {
    let last = match op {
        Op::Conv(conv) => Instruction::Conv(conv.clone()),
        Op::Linear(linear) => Instruction::Linear(linear.clone()),
        Op::Norm(norm) => Instruction::Norm(norm.clone()),
        Op::Activation(activation) => Instruction::Activation(*activation),
        Op::Pool(pool) => Instruction::Pool(pool.clone()),
        Op::Dropout(probability) => Instruction::Dropout(*probability),
        Op::Flatten => Instruction::Flatten,
        Op::Subsample { stride, channels } => {
            Instruction::Subsample { stride: *stride, channels: *channels }
        }
        Op::Residual { body, shortcut } => {
            instructions.push(Instruction::SaveInput);
            body.iter().for_each(|op| compile(op, instructions));
            instructions.push(Instruction::SwapBranches);
            shortcut.iter().for_each(|op| compile(op, instructions));
            Instruction::AddBranches
        }
        Op::Embedding(_) => {
            instructions.push(Instruction::TokenEmbedding);
            Instruction::PositionEmbedding
        }
        Op::Attention(attention) => {
            let (qkv, heads) = (attention.qkv.clone(), attention.heads);
            instructions.push(Instruction::Attention { qkv, heads });
            Instruction::Linear(attention.out_proj.clone())
        }
        Op::TiedHead => Instruction::TiedHead,
    };
    instructions.push(last);
}

#[cfg(test)]
mod tests {
    use fedlayer_core::{
        data::DataFacts,
        spec::{Gpt, ModelSpec, Residual},
    };

    use super::*;

    #[test]
    fn every_layer_has_one_instruction_and_no_instruction_is_lost() {
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
            assert_eq!(program.before_first_layer().len() + cut, program.instructions.len());
            assert!(program.of_layer(layers).is_empty());
        }
    }
}
