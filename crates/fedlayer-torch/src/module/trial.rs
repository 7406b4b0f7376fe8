//! [`try_module`]: a TorchScript module is run once, forward and backward, so that what training
//! would stumble over is said before a run is begun.

use fedlayer_core::{DataFacts, in_backticks, spec::Loss};
use tch::{CModule, IValue, Kind, TchError, Tensor};

use crate::{
    Device, Module, TorchError, loss::Criterion, one_thread, script::number_type, trainer::caught,
};

/// What a module is tried for.
#[derive(Debug, Clone, Copy)]
pub struct Trial<'a> {
    /// What the data look like.
    pub facts: &'a DataFacts,
    /// What is differentiated.
    pub loss: Loss,
    /// Whether second derivatives are needed.
    pub twice: bool,
}

/// Runs a module on the processor, on two inputs of zeros and ones.
///
/// # Errors
/// When the module does not make logits of the data's shape, has a parameter without a part in them, keeps running statistics or draws random
/// numbers; when its loss or a gradient is not finite, or it cannot be differentiated as often as is asked.
pub fn try_module(file: &Module, trial: &Trial<'_>) -> Result<(), TorchError> {
    one_thread();
    caught(|| {
        let mut module = file.open(Device::Cpu)?;
        let logits = match logits(&mut module, file, trial.facts, Device::Cpu) {
            Err(TorchError::Module { reason, .. }) => {
                return Err(file.refused(&named(reason, file)));
            }
            logits => logits?,
        };
        derivatives(&module, file, trial, &logits)
    })?
}

/// How often a module is run in training to see whether it does the same: twice might miss a dropout of a few values.
const TRIALS: usize = 5;

/// Inputs of each of these runs.
const MANY: i64 = 64;

const RANDOM: &str = "it draws random numbers in training (dropout?), which could not be repeated; save it without them";

const CHANGING: &str = "it gives other logits for the same inputs in training, and its code draws no random numbers: it changes values of its own; save it \
     without that";

const STATEFUL: &str = "it keeps running statistics (batch normalisation?), which are no parameters; save it without them, or spell the network out \
     in `model.layers`";

const NOT_FINITE: &str =
    "its logits on inputs of zeros and ones are not finite numbers, as it was saved";

/// A refusal with the names of what is at fault in the module, where its code tells them.
fn named(reason: String, file: &Module) -> String {
    if reason != RANDOM && reason != STATEFUL {
        return reason;
    }
    let (random, buffers) = (file.random(), file.buffers());
    if reason == RANDOM && !random.is_empty() {
        return reason.replace("(dropout?)", &format!("({})", in_backticks(&random)));
    }
    if buffers.is_empty() {
        return if reason == RANDOM && file.is_readable() { CHANGING.to_owned() } else { reason };
    }
    // A module that counts its calls does something else each time, too.
    let found = format!("(batch normalisation? its buffers are {})", in_backticks(&buffers));
    STATEFUL.replace("(batch normalisation?)", &found)
}

/// Runs a module and sees that it makes logits, that they depend on every parameter, and that nothing but parameters and input decides them. Returns
/// what it makes in training: `(2, C)` or `(2, T, C)`.
pub(crate) fn logits(
    module: &mut CModule,
    file: &Module,
    facts: &DataFacts,
    device: Device,
) -> Result<Tensor, TorchError> {
    let inputs = sample(facts, device)?; // (2, …)
    let mut run = |inputs: &Tensor, training: bool| -> Result<Tensor, TorchError> {
        if training {
            module.f_set_train()?
        } else {
            module.f_set_eval()?
        }
        let returned = module.forward_is(&[IValue::Tensor(inputs.shallow_clone())]);
        let returned = returned.map_err(|error| {
            let words = match TorchError::from(error) {
                TorchError::Torch(words) => words,
                other => other.to_string(),
            };
            let (shape, why) = (inputs.size(), explained(&words, facts));
            let when = if training { " in training" } else { "" };
            file.refused(&format!("it does not take inputs of shape {shape:?}{when}: {why}"))
        })?;
        let logits = one_tensor(file, returned)?;
        check_logits(file, facts, inputs, &logits)?;
        Ok(logits)
    };
    let before = run(&inputs, false)?;
    let first = run(&inputs, true)?;
    // What is no number is not even equal to itself.
    for logits in [&before, &first] {
        if logits.f_isfinite()?.f_all()?.f_int64_value(&[])? == 0 {
            return Err(file.refused(NOT_FINITE));
        }
    }
    // Among many values one is dropped even where few are; a module for two inputs alone does not take them.
    let many = inputs
        .f_repeat([MANY / 2].into_iter().chain(vec![1; facts.shape.len()]).collect::<Vec<_>>())?;
    let of_many = run(&many, true)?;
    for _ in 1..TRIALS {
        if !run(&many, true)?.f_equal(&of_many)? {
            return Err(file.refused(RANDOM));
        }
    }
    if !run(&inputs, false)?.f_equal(&before)? {
        return Err(file.refused(STATEFUL));
    }
    check_parts(file, module, &first)?;
    check_code(file)?;
    Ok(first)
}

/// Refuses what a module's code says and a few inputs need not show.
fn check_code(file: &Module) -> Result<(), TorchError> {
    if file.draws_on_some_inputs() {
        return Err(file.refused(RANDOM));
    }
    match file.assigned()[..] {
        [] => Ok(()),
        ref names => Err(file.refused(&format!(
            "it sets {} when it is called, so that what it does depends on the calls before; save it without",
            in_backticks(names)
        ))),
    }
}

/// What libtorch says of an error inside a module, with what may help.
fn explained(words: &str, facts: &DataFacts) -> String {
    let has = |parts: &[&str]| parts.iter().any(|part| words.contains(part));
    if has(&["NVIDIA", "CUDA", "cuda"]) {
        // What libtorch says is about its own libraries.
        return "it asks for a GPU by itself; let it follow its input (`device=x.device`)"
            .to_owned();
    }
    let advice = if has(&["scalar type", "dtype"]) {
        "; inputs are float32, tokens too: turn these into whole numbers by `x.long()`".to_owned()
    } else if has(&["missing value for argument"]) {
        "; it is given the inputs alone".to_owned()
    } else if has(&["shape", "size", "dimension"]) {
        format!("; an example of this data has shape {:?}", facts.shape)
    } else {
        String::new()
    };
    format!("libtorch: {words}{advice}")
}

/// Two inputs of zeros and ones, which are tokens, too: uneven, so that no unit is silent for want of a contrast.
fn sample(facts: &DataFacts, device: Device) -> Result<Tensor, TchError> {
    let shape: Vec<i64> =
        [2].into_iter().chain(facts.shape.iter().map(|&length| length as i64)).collect();
    let count = 2 * facts.features() as i64;
    let places = Tensor::f_arange(count, (Kind::Float, device.into()))?; // (2·F)
    places.f_remainder(3.0)?.f_clamp_max(1.0)?.f_view(shape.as_slice()) // (2, …)
}

/// The tensor that a module returns, and nothing but it.
fn one_tensor(file: &Module, returned: IValue) -> Result<Tensor, TorchError> {
    let found = match returned {
        IValue::Tensor(logits) => return Ok(logits),
        IValue::None => "nothing".to_owned(),
        IValue::Tuple(values) => format!("a tuple of {}", values.len()),
        IValue::TensorList(values) => format!("a list of {}", values.len()),
        IValue::GenericList(values) => format!("a list of {}", values.len()),
        IValue::GenericDict(values) => format!("a dictionary of {}", values.len()),
        _ => "no tensor".to_owned(),
    };
    let reason = format!("it returns {found}; let `forward` return the logits alone, one tensor");
    Err(file.refused(&reason))
}

/// Checks that what a module makes of `inputs` are logits.
fn check_logits(
    file: &Module,
    facts: &DataFacts,
    inputs: &Tensor,
    logits: &Tensor,
) -> Result<(), TorchError> {
    let classes = facts.classes as i64;
    let expected = match facts.targets {
        1 => vec![inputs.size()[0], classes],
        targets => vec![inputs.size()[0], targets as i64, classes],
    };
    let (shape, found, kind) = (inputs.size(), logits.size(), logits.kind());
    if found == expected && kind == Kind::Float {
        return Ok(());
    }
    Err(file.refused(&format!(
        "it makes {found:?} ({}) of inputs {shape:?}; logits are {expected:?} (float32)",
        number_type(kind)
    )))
}

/// Checks that every parameter has a part in the logits: without a gradient there is nothing to train.
fn check_parts(file: &Module, module: &CModule, logits: &Tensor) -> Result<(), TorchError> {
    let sum = logits.f_sum(Kind::Float)?;
    for (name, parameter) in module.named_parameters()? {
        // Without a part there is no gradient, or an error where nothing has one.
        let gradients = Tensor::f_run_backward(&[&sum], &[parameter], true, false);
        if !gradients.is_ok_and(|gradients| gradients.iter().all(Tensor::defined)) {
            let reason =
                format!("its parameter `{name}` has no part in the logits; save it without");
            return Err(file.refused(&reason));
        }
    }
    Ok(())
}

/// Checks that the loss and its derivatives are finite numbers that can be had.
fn derivatives(
    module: &CModule,
    file: &Module,
    trial: &Trial<'_>,
    logits: &Tensor,
) -> Result<(), TorchError> {
    let rows = logits.f_flatten(0, -2)?; // (2·T, C)
    let labels: Vec<i64> =
        (0..rows.size()[0]).map(|row| row % trial.facts.classes as i64).collect();
    let criterion = Criterion::new(trial.loss, false, trial.facts.classes, tch::Device::Cpu)?;
    let losses = criterion.each(&rows, &Tensor::f_from_slice(&labels)?)?; // (2·T)
    let loss = losses.f_mean(Kind::Float)?;
    let value = loss.f_double_value(&[])?;
    if !value.is_finite() {
        return Err(file.refused(&format!(
            "its loss on inputs of zeros and ones is {value}, as it was saved"
        )));
    }
    let (names, parameters): (Vec<String>, Vec<Tensor>) =
        module.named_parameters()?.into_iter().unzip();
    let slopes =
        Tensor::f_run_backward(&[&loss], &parameters, true, trial.twice).map_err(|error| {
            file.refused(&format!("it cannot be trained: {}", TorchError::from(error)))
        })?;
    for (name, slope) in names.iter().zip(&slopes) {
        if slope.defined() && slope.f_isfinite()?.f_all()?.f_int64_value(&[])? == 0 {
            return Err(file.refused(&format!(
                "the gradient by its parameter `{name}` is not finite on inputs of zeros and ones"
            )));
        }
    }
    if trial.twice { second_derivatives(file, &slopes, &parameters) } else { Ok(()) }
}

/// Checks that gradients can be differentiated: as products of the Hessian are had.
fn second_derivatives(
    file: &Module,
    slopes: &[Tensor],
    parameters: &[Tensor],
) -> Result<(), TorchError> {
    let sums = slopes.iter().filter(|slope| slope.defined() && slope.requires_grad());
    let sums: Vec<Tensor> = sums.map(|slope| slope.f_sum(Kind::Float)).collect::<Result<_, _>>()?;
    if sums.is_empty() {
        return Ok(());
    }
    let sum = Tensor::f_stack(&sums, 0)?.f_sum(Kind::Float)?;
    Tensor::f_run_backward(&[sum], parameters, true, false).map(drop).map_err(|error| {
        let words = TorchError::from(error);
        file.refused(&format!(
            "it cannot be differentiated twice, as `hessian`, `flatness` and `predict` do: {words}"
        ))
    })
}
