//! Checks the forward pass of a module: its logits, and that they depend on parameters and inputs
//! alone.

use fedlayer_core::{data::DataFacts, text::in_backticks};
use tch::{CModule, IValue, Kind, TchError, Tensor};

use crate::{
    Device, TorchError,
    module::{Module, code::ModuleCode, parameters::number_type},
};

/// The number of training runs that must agree. Two might miss a dropout of few values.
const RUNS: usize = 5;

/// The number of inputs of each of these runs.
const INPUTS: i64 = 64;

const RANDOM: &str = "it draws random numbers in training (dropout?), which could not be repeated; save it without them";

const CHANGING: &str = "in training it returns other logits for the same inputs, but its code draws no random numbers: it changes its own values; save it \
     without such changes";

const STATEFUL: &str = "it keeps running statistics (batch normalisation?), which are not parameters; save it without them, or write the network \
     as `model.layers`";

const NOT_FINITE: &str =
    "its logits on inputs of zeros and ones are not finite with the saved values";

/// The reason why a module's forward pass is refused.
pub(super) enum ForwardFault {
    /// Two training runs on the same inputs differ.
    Random,
    /// An evaluation differs after training runs.
    Stateful,
    /// Any other reason.
    Other(TorchError),
}

impl<E: Into<TorchError>> From<E> for ForwardFault {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

impl ForwardFault {
    /// The refusal without the names of parts.
    pub(super) fn without_names(self, file: &Module) -> TorchError {
        match self {
            Self::Random => file.refused(RANDOM),
            Self::Stateful => file.refused(STATEFUL),
            Self::Other(error) => error,
        }
    }

    /// The refusal with the names of the parts that cause it, if the module's code tells them.
    pub(super) fn with_names(self, file: &Module) -> TorchError {
        let Some(code) = file.code() else { return self.without_names(file) };
        let is_random = match self {
            Self::Random => true,
            Self::Stateful => false,
            Self::Other(error) => return error,
        };
        let (random, buffers) = (code.random(), code.buffers());
        if is_random && !random.is_empty() {
            let named = format!("({})", in_backticks(&random));
            return file.refused(&RANDOM.replace("(dropout?)", &named));
        }
        if !buffers.is_empty() {
            // A module that counts its calls gives other logits each time, as a random one does.
            let named =
                format!("(batch normalisation? its buffers are {})", in_backticks(&buffers));
            return file.refused(&STATEFUL.replace("(batch normalisation?)", &named));
        }
        file.refused(if is_random { CHANGING } else { STATEFUL })
    }
}

/// Runs a module several times and checks its logits. Returns those of two inputs in training.
pub(super) fn check_forward(
    module: &mut CModule,
    file: &Module,
    facts: &DataFacts,
    device: Device,
) -> Result<Tensor, ForwardFault> {
    let inputs = sample(facts, device)?; // (2, …)
    let before = run(module, file, facts, &inputs, Run::Evaluation)?;
    let first = run(module, file, facts, &inputs, Run::Training)?;
    for logits in [&before, &first] {
        // NaN must be found first: it is not even equal to itself.
        if logits.f_isfinite()?.f_all()?.f_int64_value(&[])? == 0 {
            return Err(file.refused(NOT_FINITE).into());
        }
    }
    // Among many values, at least one is dropped even by a small dropout. A module that only
    // accepts two inputs is refused here.
    let repeats: Vec<i64> = [INPUTS / 2].into_iter().chain(vec![1; facts.shape.len()]).collect();
    let many = inputs.f_repeat(repeats)?; // (INPUTS, …)
    let expected = run(module, file, facts, &many, Run::Training)?;
    for _ in 1..RUNS {
        if !run(module, file, facts, &many, Run::Training)?.f_equal(&expected)? {
            return Err(ForwardFault::Random);
        }
    }
    if !run(module, file, facts, &inputs, Run::Evaluation)?.f_equal(&before)? {
        return Err(ForwardFault::Stateful);
    }
    check_parameters(file, module, &first)?;
    file.code().map_or(Ok(()), |code| check_code(file, code))?;
    Ok(first)
}

/// The mode in which a module is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Run {
    Training,
    Evaluation,
}

/// Runs a module and checks that it returns logits.
fn run(
    module: &mut CModule,
    file: &Module,
    facts: &DataFacts,
    inputs: &Tensor,
    mode: Run,
) -> Result<Tensor, TorchError> {
    match mode {
        Run::Training => module.f_set_train()?,
        Run::Evaluation => module.f_set_eval()?,
    }
    let returned = module.forward_is(&[IValue::Tensor(inputs.shallow_clone())]);
    let returned = returned.map_err(|error| {
        let words = match TorchError::from(error) {
            TorchError::Torch(words) => words,
            other => other.to_string(),
        };
        let (shape, why) = (inputs.size(), explained(&words, facts));
        let when = if mode == Run::Training { " in training" } else { "" };
        file.refused(&format!("it does not accept inputs of shape {shape:?}{when}: {why}"))
    })?;
    let logits = one_tensor(file, returned)?;
    check_logits(file, facts, inputs, &logits)?;
    Ok(logits)
}

/// Checks a module's code for effects that the runs need not show.
fn check_code(file: &Module, code: &ModuleCode) -> Result<(), ForwardFault> {
    if code.always_draws() {
        return Err(ForwardFault::Random);
    }
    let assigned = code.assigned();
    if assigned.is_empty() {
        return Ok(());
    }
    Err(file
        .refused(&format!(
            "it sets {} when it is called, so that its result depends on earlier calls; save it without this",
            in_backticks(&assigned)
        ))
        .into())
}

/// libtorch's message about an error inside a module, with advice if there is any.
fn explained(words: &str, facts: &DataFacts) -> String {
    let has = |parts: &[&str]| parts.iter().any(|part| words.contains(part));
    if has(&["NVIDIA", "CUDA", "cuda"]) {
        // libtorch's message is about its own libraries.
        return "it selects a GPU itself; use the device of its input (`device=x.device`)"
            .to_owned();
    }
    let advice = if has(&["scalar type", "dtype"]) {
        "; inputs are float32, also tokens: convert them by `x.long()`".to_owned()
    } else if has(&["missing value for argument"]) {
        "; `forward` receives the inputs alone".to_owned()
    } else if has(&["shape", "size", "dimension"]) {
        format!("; an example of this data has shape {:?}", facts.shape)
    } else {
        String::new()
    };
    format!("libtorch: {words}{advice}")
}

/// Returns two inputs of zeros and ones, which are valid tokens, too. The pattern is uneven, so
/// that every unit sees a contrast.
fn sample(facts: &DataFacts, device: Device) -> Result<Tensor, TchError> {
    let shape: Vec<i64> =
        [2].into_iter().chain(facts.shape.iter().map(|&length| length as i64)).collect();
    let count = 2 * facts.features() as i64;
    let indices = Tensor::f_arange(count, (Kind::Float, device.into()))?; // (2·F)
    indices.f_remainder(3.0)?.f_clamp_max(1.0)?.f_view(shape.as_slice()) // (2, …)
}

/// The tensor that a module returns; an error if it returns anything else.
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
    let reason = format!("it returns {found}; `forward` must return one tensor, the logits");
    Err(file.refused(&reason))
}

/// Checks that the result of a module has the shape and the number type of logits.
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
        "it returns {found:?} ({}) for inputs {shape:?}; the logits of this data are {expected:?} (float32)",
        number_type(kind)
    )))
}

/// Checks that every parameter influences the logits: without a gradient it cannot be trained.
fn check_parameters(file: &Module, module: &CModule, logits: &Tensor) -> Result<(), TorchError> {
    let sum = logits.f_sum(Kind::Float)?;
    for (name, parameter) in module.named_parameters()? {
        // A parameter without influence has no gradient; if no parameter has any, libtorch fails.
        let gradients = Tensor::f_run_backward(&[&sum], &[parameter], true, false);
        if !gradients.is_ok_and(|gradients| gradients.iter().all(Tensor::defined)) {
            let reason = format!(
                "its parameter `{name}` has no influence on the logits; save the module without it"
            );
            return Err(file.refused(&reason));
        }
    }
    Ok(())
}
