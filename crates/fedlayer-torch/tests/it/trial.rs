//! A module is tried before a run. The reason why it cannot be trained is one sentence, with
//! advice.

use std::path::{Path, PathBuf};

use fedlayer_core::{data::DataFacts, spec::Loss};
use fedlayer_torch::{TorchError, Trial, try_module};

use crate::setup::module;

/// A module that the oracle saved.
fn odd(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracle/fixtures/odd");
    folder.join(format!("{name}.pt"))
}

/// Images of one channel and 4 × 4 pixels, of 3 classes.
fn facts() -> DataFacts {
    DataFacts { shape: vec![1, 4, 4], classes: 3, targets: 1, pool: 30, test: 10 }
}

fn tried(name: &str, facts: &DataFacts, loss: Loss, twice: bool) -> Result<(), TorchError> {
    let module = module(&odd(name))?;
    module.layout()?;
    try_module(&module, &Trial { facts, loss, twice })
}

/// The reason why a module is refused.
#[track_caller]
pub(crate) fn reason(name: &str) -> String {
    match tried(name, &facts(), Loss::CrossEntropy, true) {
        Err(TorchError::Module { reason, .. }) => reason,
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn a_plain_module_is_taken() {
    for loss in [Loss::CrossEntropy, Loss::Squared] {
        for twice in [false, true] {
            assert_eq!(tried("plain", &facts(), loss, twice), Ok(()), "{loss:?}, {twice}");
        }
    }
}

#[test]
fn a_result_that_is_not_one_tensor_is_named() {
    for (name, found) in
        [("pair", "a tuple of 2"), ("names", "a dictionary of 1"), ("parts", "a list of 1")]
    {
        let words = format!("it returns {found}; `forward` must return one tensor, the logits");
        assert_eq!(reason(name), words);
    }
}

#[test]
fn an_exception_inside_a_module_says_what_it_is_and_what_to_do() {
    for (name, words, advice) in [
        (
            "wide",
            "mat1 and mat2 shapes cannot be multiplied (2x16 and 17x3)",
            "; an example of this data has shape [1, 4, 4]",
        ),
        ("raises", "ValueError: three channels, please", ""),
        (
            "tokens",
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got",
            "; inputs are float32, also tokens: convert them by `x.long()`",
        ),
        (
            "masked",
            "forward() is missing value for argument 'mask'.",
            "; `forward` receives the inputs alone",
        ),
    ] {
        let found = reason(name);
        let begin = format!("it does not accept inputs of shape [2, 1, 4, 4]: libtorch: {words}");
        assert!(found.starts_with(&begin) && found.ends_with(advice), "{name}: {found}");
        assert!(!found.contains('\n'), "{name}: {found}");
    }
}

#[test]
fn a_fault_that_only_shows_in_training_is_found() {
    assert_eq!(
        reason("fussy"),
        "it does not accept inputs of shape [2, 1, 4, 4] in training: libtorch: ValueError: more examples, please"
    );
    assert_eq!(
        reason("twofold"),
        "it returns [2, 6] (float32) for inputs [2, 1, 4, 4]; the logits of this data are [2, 3] (float32)"
    );
}

/// libtorch's own message depends on the machine, and is about its libraries.
#[test]
fn a_module_that_asks_for_a_gpu_is_told_to_follow_its_input() {
    assert_eq!(
        reason("cuda"),
        "it does not accept inputs of shape [2, 1, 4, 4]: it selects a GPU itself; use the device of its input (`device=x.device`)"
    );
}

#[test]
fn other_types_of_numbers_are_called_as_pytorch_calls_them() {
    for (name, found) in [("double", "float64"), ("half", "float16"), ("brain", "bfloat16")] {
        assert_eq!(
            reason(name),
            format!(
                "its parameter `fc.weight` is {found}; parameters are float32: save it after `module.float()`"
            )
        );
    }
}

#[test]
fn a_module_without_parameters_is_told_why() {
    let found = reason("frozen");
    assert!(found.starts_with("it has no parameters to train"), "{found}");
    assert!(found.contains("`torch.jit.freeze`"), "{found}");
}

#[test]
fn dropout_and_buffers_are_named() {
    assert_eq!(
        reason("drops"),
        "it draws random numbers in training (`forward`, `blocks.0.drop`), which could not be repeated; save it without them"
    );
    let buffers = "`body.1.running_mean`, `body.1.running_var`, `body.1.num_batches_tracked`";
    assert_eq!(
        reason("norms"),
        format!(
            "it keeps running statistics (batch normalisation? its buffers are {buffers}), which are not parameters; save it without them, or write the network as `model.layers`"
        )
    );
    let found = reason("counts");
    assert!(found.contains("its buffers are `calls`"), "{found}");
}

#[test]
fn a_loss_and_gradients_that_are_not_finite_are_refused() {
    assert_eq!(
        reason("nan"),
        "its logits on inputs of zeros and ones are not finite with the saved values"
    );
    assert_eq!(
        reason("steep"),
        "the gradient with respect to its parameter `fc.weight` is not finite on inputs of zeros and ones"
    );
}

#[test]
fn a_module_is_differentiated_twice_only_if_the_run_needs_it() {
    assert_eq!(tried("attends", &facts(), Loss::CrossEntropy, false), Ok(()));
    let found = reason("attends");
    assert!(
        found.starts_with("it cannot be differentiated twice, which `hessian`, `flatness` and `predict` need: libtorch: derivative for aten::_scaled"),
        "{found}"
    );
}

#[test]
fn other_classes_are_refused() {
    let facts = DataFacts { classes: 5, ..facts() };
    let found = tried("plain", &facts, Loss::CrossEntropy, false).unwrap_err().to_string();
    let end = "it returns [2, 3] (float32) for inputs [2, 1, 4, 4]; the logits of this data are [2, 5] (float32)";
    assert!(found.ends_with(end), "{found}");
}

#[test]
fn rare_random_numbers_are_refused_and_a_dropout_of_0_is_not() {
    let words = "which could not be repeated; save it without them";
    assert_eq!(reason("rarely"), format!("it draws random numbers in training (`drop`), {words}"));
    assert_eq!(
        reason("sometimes"),
        format!("it draws random numbers in training (`forward`), {words}")
    );
    assert_eq!(tried("nothing", &facts(), Loss::CrossEntropy, true), Ok(()));
}

#[test]
fn a_module_that_depends_on_earlier_calls_is_refused_with_the_right_reason() {
    assert_eq!(
        reason("ages"),
        "it sets `age` when it is called, so that its result depends on earlier calls; save it without this"
    );
    let found = reason("shrinks");
    assert!(
        found.contains("its code draws no random numbers: it changes its own values"),
        "{found}"
    );
}

#[test]
fn a_module_for_batches_of_two_is_refused() {
    let found = reason("couple");
    assert!(found.starts_with("it does not accept inputs of shape [64, 1, 4, 4]"), "{found}");
}
