//! Networks that a user saved with `torch.jit.save`: their training and evaluation, and refusals.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use fedlayer_core::{
    Plan, Seed,
    data::{Examples, FederatedData, Split},
    model::{Layout, Params},
    spec::*,
    trainer::{Trainer, Update},
};
use fedlayer_torch::{Device, TorchError, TorchTrainer};
use rand::RngExt;
use tch::{CModule, Kind, Tensor};
use tempfile::TempDir;

use crate::{
    archive::{Archive, net},
    setup::*,
};

/// Images `[1, 8, 8]` with the index of the bright third as label: 45 for the one client, 60 for
/// tests.
fn images(classes: usize) -> Arc<FederatedData> {
    of_shape(&[1, 8, 8], classes)
}

fn of_shape(shape: &[usize], classes: usize) -> Arc<FederatedData> {
    let mut generator = Seed::new(4).child("images").generator();
    let pixels: usize = shape.iter().product();
    let mut draw = |count: usize| {
        let labels: Vec<u32> = (0..count).map(|example| (example % 3) as u32).collect();
        let pixels = labels.iter().flat_map(|&label| {
            (0..pixels)
                .map(move |pixel| if pixel * 3 / pixels == label as usize { 1.0 } else { 0.0 })
        });
        let values = pixels.collect::<Vec<f32>>().into_iter();
        let values = values.map(|lit| lit + generator.random::<f32>() - 0.5).collect();
        Arc::new(Examples::new(shape.to_vec(), classes, values, labels))
    };
    let pool = draw(45);
    Arc::new(FederatedData::new(pool, draw(60), [((0..45).collect(), vec![])]))
}

/// A plan of a module, with the layout of its file.
fn of_module(file: &Path, data: &FederatedData) -> Plan {
    let layout = module(file).unwrap().layout().unwrap();
    let mut plan = plan(ModelSpec::Linear, data, local(momentum(0.05)));
    plan.model = ModelSpec::Torchscript("net.pt".into());
    plan.layout = Arc::new(layout);
    plan
}

fn open(file: &Path, data: &Arc<FederatedData>) -> Result<TorchTrainer, TorchError> {
    let plan = of_module(file, data);
    TorchTrainer::with_module(&plan, data.clone(), Device::Cpu, Some(&module(file)?))
}

fn loss(trainer: &mut TorchTrainer, params: &Arc<Params>) -> f64 {
    trainer.evaluate(&[probe(params, Split::Test)]).unwrap()[0].loss().unwrap()
}

fn tensors(layout: &Layout) -> Vec<(&str, &[usize])> {
    layout.tensors().map(|tensor| (tensor.name.as_str(), &tensor.shape[..])).collect()
}

const TENSORS: [(&str, &[usize]); 4] = [
    ("conv.weight", &[4, 1, 3, 3]),
    ("conv.bias", &[4]),
    ("fc.weight", &[3, 144]),
    ("fc.bias", &[3]),
];

/// The storages in an archive, as numbers.
fn storages() -> Vec<f32> {
    let archive = Archive::net();
    let bytes = (0..4).flat_map(|storage| archive.read(&format!("net/data/{storage}")));
    let bytes: Vec<u8> = bytes.collect();
    bytes.chunks(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect()
}

#[test]
fn a_modules_layers_are_its_parameters_with_the_saved_values() {
    let layout = module(&net()).unwrap().layout().unwrap();
    assert_eq!(tensors(&layout), TENSORS);
    let mut trainer = open(&net(), &images(3)).unwrap();
    assert_eq!(**trainer.layout(), layout);
    let seeded = |trainer: &mut TorchTrainer, seed| trainer.initial(Seed::new(seed)).unwrap();
    assert_eq!(seeded(&mut trainer, 1).values(), storages(), "the archive's own bytes");
    // The same for every seed, and after any use of the module.
    let start = initial(&mut trainer);
    train(&mut trainer, &[job(0, &start)]);
    assert_eq!(seeded(&mut trainer, 2), *start);
}

#[test]
fn the_same_network_spelt_out_learns_the_same() {
    let data = images(3);
    let conv = ConvSpec {
        out_channels: 4,
        kernel: 3,
        stride: 1,
        padding: 0,
        bias: true,
        name: Some("conv".into()),
    };
    let fc = LinearSpec { out_features: 3, bias: true, name: Some("fc".into()) };
    let spelt = ModelSpec::Layers(vec![
        LayerSpec::Conv(conv),
        LayerSpec::Relu,
        LayerSpec::Flatten,
        LayerSpec::Linear(fc),
    ]);
    let mut spelt = trainer(&plan(spelt, &data, local(momentum(0.05))), &data);
    let mut module = open(&net(), &data).unwrap();
    let start = initial(&mut module);
    assert_eq!(**spelt.layout(), **module.layout());
    let evaluated = [loss(&mut spelt, &start), loss(&mut module, &start)];
    assert!((evaluated[0] - evaluated[1]).abs() < 1e-6, "{evaluated:?}");
    let jobs = [job(0, &start)];
    let (spelt, module) = (train(&mut spelt, &jobs).remove(0), train(&mut module, &jobs).remove(0));
    assert_near(module.params.values(), spelt.params.values(), 1e-5, "after two epochs");
    assert!((module.loss - spelt.loss).abs() < 1e-5, "{} and {}", module.loss, spelt.loss);
}

#[test]
fn training_moves_every_tensor_and_lowers_the_loss() {
    let data = images(3);
    let mut trainer = open(&net(), &data).unwrap();
    let start = initial(&mut trainer);
    let update = train(&mut trainer, &[job(0, &start)]).remove(0);
    for tensor in start.layout().tensors() {
        assert_ne!(
            start.range(&tensor.range),
            update.params.range(&tensor.range),
            "{}",
            tensor.name
        );
    }
    let (before, after) = (loss(&mut trainer, &start), loss(&mut trainer, &update.params));
    assert!(after < 0.5 * before, "from {before} to {after}");
}

#[test]
fn a_job_gives_the_same_bytes_after_any_use_of_the_module() {
    let data = images(3);
    let mut one = open(&net(), &data).unwrap();
    let start = initial(&mut one);
    let other = Arc::new(Params::zeros(start.layout().clone()));
    let jobs = [job(0, &start)];
    let first = train(&mut one, &jobs);
    // libtorch recompiles a module while it runs: the tenth run must equal the first.
    for time in 2..=10 {
        assert_eq!(train(&mut one, &jobs), first, "time {time}");
        train(&mut one, &[job(0, &other)]);
        loss(&mut one, &other);
    }
    assert_eq!(train(&mut open(&net(), &data).unwrap(), &jobs), first, "another trainer");
    let elsewhere = std::thread::scope(|scope| {
        let train: std::thread::ScopedJoinHandle<'_, Vec<Update>> =
            scope.spawn(|| train(&mut one, &jobs));
        train.join().unwrap()
    });
    assert_eq!(elsewhere, first, "another thread");
    let together = [job(0, &other), job(0, &start), job(0, &first[0].params)];
    assert_eq!(train(&mut one, &together)[1], first[0], "in company");
}

#[test]
fn an_evaluation_depends_on_its_parameters_alone() {
    let data = images(3);
    let mut trainer = open(&net(), &data).unwrap();
    let start = initial(&mut trainer);
    let probes = [probe(&start, Split::Test), probe(&start, Split::Train)];
    let first = trainer.evaluate(&probes).unwrap();
    let update = train(&mut trainer, &[job(0, &start)]).remove(0);
    let trained = trainer.evaluate(&[probe(&update.params, Split::Test)]).unwrap();
    assert_ne!(trained[0], first[0]);
    for _ in 0..5 {
        assert_eq!(trainer.evaluate(&probes).unwrap(), first);
        assert_eq!(trainer.evaluate(&[probe(&update.params, Split::Test)]).unwrap(), trained);
    }
    let mut fresh = open(&net(), &data).unwrap();
    assert_eq!(fresh.evaluate(&[probe(&update.params, Split::Test)]).unwrap(), trained);
}

#[test]
fn parameters_need_not_be_row_major_in_the_file() {
    // `fc.weight` has strides (144, 1); here the file says (1, 3), column after column.
    let folder = TempDir::new().unwrap();
    let file = Archive::net().values(b"(K\x90K\x01t", b"(K\x01K\x03t").save(&folder);
    let start = initial(&mut open(&file, &images(3)).unwrap());
    let saved = storages();
    let weight = start.layout().tensors().nth(2).unwrap().range.clone();
    let transposed = (0..3 * 144).map(|at| saved[weight.start + (at % 144) * 3 + at / 144]);
    assert_eq!(start.range(&weight), transposed.collect::<Vec<_>>());
}

/// The reason why a file is refused. The message begins with the file.
#[track_caller]
fn reason<T>(file: &Path, result: Result<T, TorchError>) -> String {
    let Err(error) = result else { panic!("it is taken") };
    let message = error.to_string();
    let begin = format!("module `{}`: ", file.display());
    message.strip_prefix(&begin).unwrap_or_else(|| panic!("{message}")).to_owned()
}

/// The reason why this archive is refused for images.
#[track_caller]
fn refused(archive: &Archive) -> String {
    let folder = TempDir::new().unwrap();
    let file = archive.save(&folder);
    reason(
        &file,
        module(&file).and_then(|module| module.layout()).and_then(|_| open(&file, &images(3))),
    )
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a test writes into its own folder")]
fn a_file_that_is_not_a_module_is_refused() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("words.pt");
    fs::write(&file, "no archive at all").unwrap();
    let words = reason(&file, module(&file).and_then(|module| module.layout()));
    assert!(
        words.starts_with("it is not a module that `torch.jit.save` wrote: invalid Zip archive"),
        "{words}"
    );
    assert!(!words.contains('\n'), "{words}");
}

/// A traced function: its weights are constants, and it has no parameters.
fn traced(folder: &TempDir) -> PathBuf {
    let weight = Tensor::f_ones([3, 64], (Kind::Float, tch::Device::Cpu)).unwrap();
    let input = Tensor::f_ones([2, 1, 8, 8], (Kind::Float, tch::Device::Cpu)).unwrap();
    let mut forward = |inputs: &[Tensor]| {
        vec![inputs[0].f_flatten(1, -1).unwrap().f_linear(&weight, None::<Tensor>).unwrap()]
    };
    let module = CModule::create_by_tracing("Traced", "forward", &[input], &mut forward).unwrap();
    let file = folder.path().join("traced.pt");
    module.save(&file).unwrap();
    file
}

#[test]
fn a_module_without_parameters_is_refused() {
    let folder = TempDir::new().unwrap();
    let file = traced(&folder);
    let words = reason(&file, module(&file).and_then(|module| module.layout()));
    assert!(words.starts_with("it has no parameters to train"), "{words}");
}

#[test]
fn a_plan_without_its_module_is_refused() {
    let data = images(3);
    let plan = of_module(&net(), &data);
    assert_eq!(
        TorchTrainer::new(&plan, data, Device::Cpu).unwrap_err().to_string(),
        "the plan's model is the module `net.pt`, but its file was not given"
    );
}

#[test]
fn a_file_that_changed_since_the_plan_was_made_is_refused() {
    let (data, folder) = (images(3), TempDir::new().unwrap());
    let plan = of_module(&net(), &data);
    // `fc.weight` now has one row of 144 values instead of three.
    let file = Archive::net().values(b"(K\x03K\x90t", b"(K\x01K\x90t").save(&folder);
    let result = TorchTrainer::with_module(&plan, data, Device::Cpu, Some(&module(&file).unwrap()));
    assert_eq!(reason(&file, result), "its parameters are not those that the plan was made for");
}

#[test]
fn a_module_for_other_data_is_refused() {
    assert_eq!(
        reason(&net(), open(&net(), &images(5))),
        "it returns [2, 3] (float32) for inputs [2, 1, 8, 8]; the logits of this data are [2, 5] (float32)"
    );
    let words = reason(&net(), open(&net(), &of_shape(&[1, 9, 9], 3)));
    assert!(
        words.starts_with("it does not accept inputs of shape [2, 1, 9, 9]: libtorch: "),
        "{words}"
    );
}

/// The forward pass with the line `before` ReLU and the line `behind` it.
fn between(before: &str, behind: &str) -> String {
    format!(
        "    conv = (self.conv).forward(x, )\n    {before}\n    hidden = torch.flatten(torch.relu(conv), 1)\n    {behind}\n    return (self.fc).forward(hidden, )\n"
    )
}

#[test]
fn random_numbers_in_training_are_refused() {
    const WORDS: &str = "it draws random numbers in training (dropout?), which could not be repeated; save it without them";
    for share in ["0.5", "0.02"] {
        let drop = format!("hidden = torch.dropout(hidden, {share}, self.training)");
        let archive = Archive::net().forward("", &between("conv = conv", &drop));
        assert_eq!(refused(&archive), WORDS, "dropout of {share}");
    }
    let noise = "conv = torch.add(conv, torch.rand_like(conv))";
    let archive = Archive::net().forward("", &between(noise, "hidden = hidden"));
    assert_eq!(refused(&archive), WORDS);
}

#[test]
fn random_numbers_behind_units_that_are_silent_on_a_plain_image_are_refused() {
    // The units are only active on images with a dark corner: on images of ones, dropout has no
    // effect.
    let dark = "conv = torch.sub(torch.mul(conv, 0.), torch.slice(torch.slice(torch.sub(x, 0.5), 2, 1, 7), 3, 1, 7))";
    let drop = "hidden = torch.dropout(hidden, 0.5, self.training)";
    let words = refused(&Archive::net().forward("", &between(dark, drop)));
    assert!(words.starts_with("it draws random numbers in training"), "{words}");
}

#[test]
fn running_statistics_are_refused() {
    // Two buffers of four values, in the pickle's form of the other tensors.
    let tensor = |name: &str, storage: u8| {
        let mut bytes = [b"X", &(name.len() as u32).to_le_bytes()[..], name.as_bytes()].concat();
        bytes.extend(b"h\x06((h\x07h\x08X\x01\0\0\0");
        bytes.extend([storage]);
        bytes.extend(b"h\x0aK\x04tQK\0(K\x04t(K\x01t\x89h\x0c)RtR");
        bytes
    };
    let buffers = [&b"q\x1e"[..], &tensor("mean", b'4'), &tensor("var", b'5')].concat();
    let ones = [1.0_f32; 4].map(f32::to_le_bytes).concat();
    let archive = Archive::net()
        .values(b"q\x1e", &buffers)
        .with("net/data/4", vec![0; 16])
        .with("net/data/5", ones)
        .forward(
            "  mean : Tensor\n  var : Tensor\n",
            &between(
                "conv = torch.batch_norm(conv, None, None, self.mean, self.var, self.training, 0.1, 1e-05, False)",
                "hidden = hidden",
            ),
        );
    assert_eq!(
        refused(&archive),
        "it keeps running statistics (batch normalisation?), which are not parameters; save it without them, or write the network as `model.layers`"
    );
}

#[test]
fn parameters_that_are_not_trained_are_refused() {
    // `requires_grad` of `conv.bias` is false.
    let frozen = Archive::net().values(b"(K\x04t(K\x01t\x88", b"(K\x04t(K\x01t\x89");
    assert_eq!(
        refused(&frozen),
        "its parameter `conv.bias` is frozen; set `requires_grad`, or save it as a buffer"
    );
    // 144 pixels of the image replace the output of the convolution.
    let idle = "hidden = torch.slice(torch.repeat(torch.flatten(x, 1), [1, 3]), 1, 0, 144)";
    assert_eq!(
        refused(&Archive::net().forward("", &between("conv = conv", idle))),
        "its parameter `conv.weight` has no influence on the logits; save the module without it"
    );
    // No parameter has a gradient behind a comparison.
    let choice = "hidden = torch.to(torch.gt(hidden, 0.), 6)";
    let words = refused(&Archive::net().forward("", &between("conv = conv", choice)));
    assert!(words.starts_with("its parameter `conv.weight` has no influence"), "{words}");
}

#[test]
fn a_tensor_of_two_names_is_refused() {
    // `head` is the same layer as `fc`.
    let twice = Archive::net().values(b"q\x1e", b"q\x1eX\x04\0\0\0headh\x1e").forward(
        "  head : __torch__.torch.nn.modules.linear.Linear\n",
        &between(
            "conv = conv",
            "hidden = torch.mul(hidden, torch.mean((self.head).forward(hidden, )))",
        ),
    );
    assert_eq!(
        refused(&twice),
        "its parameters `fc.weight` and `head.weight` are one tensor; give each a tensor of its own"
    );
}

/// Its normalisation has no running statistics, so that the fault only shows in training. The
/// client's error is then PyTorch's message, and not the first line of a trace.
#[test]
fn a_module_that_cannot_take_a_batch_of_one_says_so_and_hurts_no_other_client() {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracle/fixtures/statless.pt");
    let data = data(4, 3, &[9, 8], 20);
    let mut plan = of_module(&file, &data);
    plan.local.batch = 4;
    let mut trainer =
        TorchTrainer::with_module(&plan, data, Device::Cpu, Some(&module(&file).unwrap())).unwrap();
    let start = initial(&mut trainer);
    let results = trainer.train(&[0, 1].map(|client| job(client, &start)));
    let words = results[0].clone().unwrap_err().to_string();
    assert!(words.contains("Expected more than 1 value per channel when training"), "{words}");
    results[1].clone().unwrap().check(&plan.layout).unwrap();
}
