//! `initial`: a run that starts from the model of another one.

use std::fs;

use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::support::{DIGITS, Place};

/// A run of two rounds, and a scenario that starts from its checkpoint.
fn continued() -> Place {
    let place = Place::with(&DIGITS.replace("rounds = 6", "rounds = 2"));
    place.fedlayer("run scenario.toml --out first --quiet").ok();
    let end = place.path("first/all/seed-1/checkpoints/round-0000002.safetensors");
    fs::copy(end, place.path("end.safetensors")).unwrap();
    let next = DIGITS.replace("rounds = 6", "rounds = 1\ninitial = \"end.safetensors\"");
    fs::write(place.path("next.toml"), next).unwrap();
    place
}

/// Returns the tensors of the model in a file, by name.
fn model(place: &Place, file: &str) -> Vec<(String, Vec<usize>, Vec<u8>)> {
    let bytes = fs::read(place.path(file)).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let own = tensors.tensors().into_iter().filter(|(name, _)| !name.starts_with("client/"));
    let mut model: Vec<_> =
        own.map(|(name, view)| (name, view.shape().to_vec(), view.data().to_vec())).collect();
    model.sort();
    model
}

#[test]
fn a_checkpoint_is_where_another_run_starts() {
    let place = continued();
    place.fedlayer("run next.toml --out second --quiet --set local.optimizer.sgd.lr=1e-30").ok();
    let after = "second/all/seed-1/checkpoints/round-0000001.safetensors";
    // Steps of 1e-30 change nothing: the average is the common start.
    assert_eq!(model(&place, "end.safetensors"), model(&place, after));
    place.fedlayer("run scenario.toml --out drawn --quiet --set rounds=1 --set local.optimizer.sgd.lr=1e-30").ok();
    assert_ne!(
        model(&place, "end.safetensors"),
        model(&place, "drawn/all/seed-1/checkpoints/round-0000001.safetensors")
    );
}

#[test]
fn values_of_another_model_are_refused_by_name() {
    let place = continued();
    let said_with = |code: i32, words: &str| {
        let done = place.fedlayer("check next.toml");
        assert_eq!(done.code, Some(code), "{}", done.stderr);
        assert!(done.stderr.contains(words), "{}", done.stderr);
    };
    let said = |words: &str| said_with(3, words);
    let whole = model(&place, "end.safetensors");
    let write = |tensors: &[(String, Vec<usize>, Vec<u8>)]| {
        let views = tensors.iter().map(|(name, shape, data)| {
            (name.clone(), TensorView::new(Dtype::F32, shape.clone(), data).unwrap())
        });
        let bytes = safetensors::serialize(views.collect::<Vec<_>>(), None).unwrap();
        fs::write(place.path("end.safetensors"), bytes).unwrap();
    };
    write(&whole[1..]);
    said("tensor `fc1.bias`: found nothing; the model has shape [16] of F32");
    let mut other = whole.clone();
    other.push(("fc9.bias".to_owned(), vec![1], vec![0; 4]));
    write(&other);
    said("tensor `fc9.bias`: found it in the file; the model has no such tensor");
    let mut turned = whole.clone();
    turned[1].1.reverse();
    write(&turned);
    said("tensor `fc1.weight`: found shape [64, 16] of F32; the model has shape [16, 64] of F32");
    let mut broken = whole.clone();
    broken[0].2[..4].copy_from_slice(&f32::NAN.to_le_bytes());
    write(&broken);
    said("fc1");
    fs::write(place.path("end.safetensors"), "no tensors").unwrap();
    said("is not a safetensors file");
    fs::remove_file(place.path("end.safetensors")).unwrap();
    said_with(4, "not found in");
}
