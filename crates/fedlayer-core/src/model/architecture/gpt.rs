//! A causal transformer, with the layer names of nanoGPT and GPT-2.

use super::{
    Architecture, ArchitectureError, Attention, Embedding, Init, Norm, Op, builder::Builder,
};
use crate::{
    data::DataFacts,
    spec::{Activation, Gpt},
};

/// The standard deviation of GPT-2's initial weights (Radford et al. 2019).
const DEVIATION: f64 = 0.02;

pub(super) fn gpt(gpt: &Gpt, data: &DataFacts) -> Result<Architecture, ArchitectureError> {
    let [context] = data.shape[..] else {
        let takes = "texts of shape `[context]`";
        return Err(ArchitectureError::Input { model: "gpt", takes, found: data.shape.clone() });
    };
    if data.targets != context {
        let predicts = "one label per token of an example";
        return Err(ArchitectureError::Targets { model: "gpt", predicts, found: data.targets });
    }
    let (width, heads, vocabulary) = (gpt.width as usize, gpt.heads as usize, data.classes);
    if !width.is_multiple_of(heads) {
        let what = "the width";
        return Err(ArchitectureError::Divide {
            divisor: "model.gpt.heads",
            by: heads,
            what,
            value: width,
        });
    }
    let mut net = Builder::new(&[context, width]);
    net.push(Op::Embedding(Embedding {
        tokens: "transformer.wte".to_owned(),
        positions: "transformer.wpe".to_owned(),
        vocabulary,
        context,
        width,
    }));
    net.dropout(gpt.dropout);
    let norm = |name: String| Op::Norm(Norm::Layer { name, width });
    // The stream receives 2·depth additions. Their weights start smaller, so the variance of the
    // stream does not grow with the depth.
    let added = Init::Normal(DEVIATION / (2.0 * f64::from(gpt.depth)).sqrt());
    for block in 0..gpt.depth {
        let name = |part: &str| format!("transformer.h.{block}.{part}");
        let attention = |net: &mut Builder| {
            net.push(norm(name("ln_1")));
            let qkv = net.dense(name("attn.c_attn"), 3 * width, true, Init::Normal(DEVIATION));
            net.shape = vec![context, width];
            let out_proj = net.dense(name("attn.c_proj"), width, true, added);
            // The cost of query–key products and of the weighted sums of values.
            net.count(4 * (context * context * width) as u64);
            net.push(Op::Attention(Attention { qkv, out_proj, heads })).dropout(gpt.dropout);
            Ok(())
        };
        net.residual(attention, |_, _| Ok(()))?;
        let perceptron = |net: &mut Builder| {
            net.push(norm(name("ln_2")));
            let wide = net.dense(name("mlp.c_fc"), 4 * width, true, Init::Normal(DEVIATION));
            net.push(Op::Linear(wide)).activation(Activation::Gelu);
            let narrow = net.dense(name("mlp.c_proj"), width, true, added);
            net.push(Op::Linear(narrow)).dropout(gpt.dropout);
            Ok(())
        };
        net.residual(perceptron, |_, _| Ok(()))?;
    }
    net.push(norm("transformer.ln_f".to_owned()));
    let head = net.dense("lm_head", vocabulary, false, Init::Normal(DEVIATION));
    net.push(if gpt.tied { Op::TiedHead } else { Op::Linear(head) });
    Ok(net.finish_unchecked())
}
