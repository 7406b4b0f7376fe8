//! State dicts as PyTorch writes them, and files that differ from the model.

use std::collections::BTreeMap;

use fedlayer_core::model::{Role, TensorSpec};

use super::*;

fn fixture(name: &str) -> PathBuf {
    super::fixture("state_dicts").join(name)
}

/// Returns the layers of the network of `tests/oracle/state_dicts.py`.
fn net() -> Arc<Layout> {
    use Role::{Statistic, Trained};
    let tensors = [
        ("fc1.weight", vec![2, 3], Trained),
        ("fc1.bias", vec![2], Trained),
        ("norm.weight", vec![2], Trained),
        ("norm.bias", vec![2], Trained),
        ("norm.running_mean", vec![2], Statistic),
        ("norm.running_var", vec![2], Statistic),
        ("norm.num_batches_tracked", vec![], Statistic),
        ("out.weight", vec![4, 2], Trained),
        ("out.bias", vec![4], Trained),
    ];
    Arc::new(Layout::with_roles(tensors).unwrap())
}

/// Returns the layers of the tied network in that script.
fn tied() -> Arc<Layout> {
    let tensors = [
        ("transformer.wte.weight", vec![5, 3]),
        ("transformer.ln_f.weight", vec![3]),
        ("transformer.ln_f.bias", vec![3]),
    ];
    Arc::new(Layout::new(tensors).unwrap())
}

#[test]
fn state_dicts_as_pytorch_users_have_them_have_the_values_that_pytorch_says() {
    let expected = std::fs::read_to_string(fixture("expected.json")).unwrap();
    let expected: BTreeMap<String, BTreeMap<String, Vec<f32>>> =
        serde_json::from_str(&expected).unwrap();
    let said = [
        ("plain", ""),
        ("data-parallel", "names are taken without `module.`"),
        ("compiled", "names are taken without `_orig_mod.`"),
        ("lightning-compiled-parallel", "without `_orig_mod.` and `module.` and `model.`"),
        ("bfloat16", "BF16 is converted to F32 (tensors: 8)"),
        ("float16", "F16 is converted to F32 (tensors: 8)"),
        ("float64", "F64 is converted to F32 (tensors: 8)"),
        ("uncounted", "`num_batches_tracked` is missing, and taken as 0 (tensors: 1)"),
        ("tied-both", "are one tensor, and have the same values"),
        ("tied-save-model", "`lm_head.weight` is taken as `transformer.wte.weight`"),
        ("tied-body", ""),
    ];
    assert_eq!(expected.len(), said.len());
    for (name, words) in said {
        let layout = if name.starts_with("tied") { tied() } else { net() };
        let values = read(fixture(&format!("{name}.safetensors")), &layout).unwrap();
        for tensor in layout.tensors() {
            let found = values.params.range(&tensor.range);
            assert_eq!(found, expected[name][&tensor.name], "{name}: {}", tensor.name);
        }
        assert_eq!(values.notes.is_empty(), words.is_empty(), "{name}: {:?}", values.notes);
        assert!(values.notes.join("\n").contains(words), "{name}: {:?}", values.notes);
    }
}

#[test]
fn two_names_of_one_tensor_with_different_values_are_refused() {
    let (said, help) = refused(fixture("tied-different.safetensors"), &tied());
    assert!(
        said.contains("`transformer.wte.weight` and `lm_head.weight` are one tensor"),
        "{said}"
    );
    assert!(help.contains("tied = false"), "{help}");
}

#[test]
fn a_model_with_a_head_of_its_own_says_how_to_copy_a_tied_one() {
    let mut tensors: Vec<(String, Vec<usize>)> =
        tied().tensors().map(|tensor| (tensor.name.clone(), tensor.shape.clone())).collect();
    tensors.push(("lm_head.weight".to_owned(), vec![5, 3]));
    let untied = Arc::new(Layout::new(tensors).unwrap());
    let (said, help) = refused(fixture("tied-body.safetensors"), &untied);
    assert!(said.contains("tensor `lm_head.weight`: found nothing"), "{said}");
    let copy = r#"state["lm_head.weight"] = state["transformer.wte.weight"].clone()"#;
    assert!(help.contains("tied = true") && help.contains(copy), "{help}");
    let both = read(fixture("tied-both.safetensors"), &untied).unwrap();
    assert_eq!((both.params.values().len(), both.notes.len()), (36, 0));
}

/// One tensor for two names would keep the last of them and silently make another model.
#[test]
fn two_tensors_are_never_renamed_to_one() {
    let zeros = |tensor: &TensorSpec| {
        let values = vec![0; 4 * tensor.range.len()];
        (tensor.name.clone(), "F32", tensor.shape.clone(), values)
    };
    let mut tensors: Vec<Tensor> = net().tensors().map(zeros).collect();
    tensors[0].0 = "fc1.weight_v".to_owned();
    tensors.push(("fc1.weight_g".to_owned(), "F32", vec![2, 1], vec![0; 8]));
    let (said, help) = refused(Written::new(written(&tensors)).path(), &net());
    assert!(said.contains("also not in the file: `fc1.weight`"), "{said}");
    assert!(help.contains("`fc1.weight` may be any of `fc1.weight_"), "{help}");
    assert!(help.contains("`fc1.weight_v`") && help.contains("`fc1.weight_g`"), "{help}");
    assert!(help.contains("remove_weight_norm") && !help.contains("names = "), "{help}");
}

#[test]
fn files_of_other_kinds_are_named_by_their_bytes_with_the_line_that_converts_them() {
    let cases = [
        ("state_dict.pt", "a `state_dict` that `torch.save` pickled", "torch.load("),
        ("old.pt", "a pickle, such as an old `torch.save` wrote", "torch.load("),
        ("checkpoint.pt", "a dictionary that `torch.save` pickled", "[\"state_dict\"]"),
        ("module.pth", "an object of `torch.nn.modules.linear.Linear`", ".state_dict()"),
        ("tensor.pt", "an object of `torch.Tensor`", "{\"NAME\": state}"),
        ("arrays.npz", "an archive of NumPy arrays", "numpy.load("),
        ("../net.pt", "a TorchScript module", "torch.jit.load("),
        ("expected.json", "text", "safetensors file"),
    ];
    for (name, kind, line) in cases {
        let (said, help) = refused(fixture(name), &net());
        assert!(said.contains(&format!("is not a safetensors file: it is {kind}")), "{said}");
        assert!(help.contains(line), "{name}: {help}");
    }
    let bytes: [(&[u8], &str); 7] = [
        (b"", "empty"),
        (b"GGUF\x03\0\0\0\0", "a GGUF file"),
        (b"\x93NUMPY\x01\0", "one NumPy array"),
        (b"\x89HDF\r\n\x1a\n\0", "an HDF5 file"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "a Git LFS pointer"),
        (b"<!DOCTYPE html>\n<html>", "a web page"),
        (b"\0\x01\x02\x03", "of an unknown kind"),
    ];
    for (bytes, kind) in bytes {
        let place = Written::new(bytes.to_vec());
        let (said, _) = refused(place.path(), &net());
        assert!(said.contains(&format!("it is {kind}")), "{said}");
    }
}

/// Returns the tensors of `net`; each value is its index in the flat parameters.
fn whole() -> Vec<Tensor> {
    let tensor = |spec: &fedlayer_core::model::TensorSpec| {
        let bytes = spec.range.clone().flat_map(|value| (value as f32).to_le_bytes());
        (spec.name.clone(), "F32", spec.shape.clone(), bytes.collect())
    };
    net().tensors().map(tensor).collect()
}

/// Returns the message and the advice about a changed file.
fn said(change: impl FnOnce(&mut Vec<Tensor>)) -> String {
    let mut tensors = whole();
    change(&mut tensors);
    let place = Written::new(written(&tensors));
    let (said, help) = refused(place.path(), &net());
    let said = said.replace(&place.path().display().to_string(), "F");
    format!("{said}\n{help}").replace(&place.path().display().to_string(), "F")
}

#[test]
fn the_order_of_tensors_in_a_file_says_nothing() {
    let mut tensors = whole();
    for turns in 0..tensors.len() {
        tensors.rotate_left(1);
        if turns % 2 == 0 {
            tensors.reverse();
        }
        let place = Written::new(written(&tensors));
        let values = read(place.path(), &net()).unwrap();
        let places: Vec<f32> = (0..net().value_count()).map(|place| place as f32).collect();
        assert_eq!(values.params.values(), places);
        assert_eq!(values.notes, Vec::<String>::new());
    }
}

#[test]
fn renamed_missing_and_extra_tensors_are_named_all_at_once() {
    let renamed = said(|tensors| tensors[0].0 = "fc1.wieght".to_owned());
    insta::assert_snapshot!("renamed", renamed);
    let missing = said(|tensors| drop(tensors.drain(..2)));
    insta::assert_snapshot!("missing", missing);
    let extra = said(|tensors| {
        tensors.push(("criterion.\u{1b}[31mw".to_owned(), "F32", vec![1], vec![0; 4]))
    });
    insta::assert_snapshot!("extra", extra);
    let other = said(|tensors| tensors.iter_mut().for_each(|t| t.0 = format!("{}x", t.0)));
    insta::assert_snapshot!("other", other);
    let unrelated = said(|tensors| {
        tensors.iter_mut().enumerate().for_each(|(i, t)| t.0 = format!("layer{i}.q"))
    });
    insta::assert_snapshot!("unrelated", unrelated);
    let inside = said(|tensors| {
        tensors.iter_mut().for_each(|tensor| tensor.0 = format!("state.{}", tensor.0));
        tensors.push(("epoch".to_owned(), "F32", vec![], vec![0; 4]));
    });
    insta::assert_snapshot!("inside", inside);
}

#[test]
fn transposed_tensors_and_other_types_are_named_with_the_line_that_mends_them() {
    let turned = said(|tensors| {
        tensors[0].2 = vec![3, 2];
        tensors[7].2 = vec![2, 4];
    });
    insta::assert_snapshot!("turned", turned);
    let whole_numbers = said(|tensors| {
        (tensors[1].1, tensors[1].3) = ("I64", vec![0; 16]);
    });
    insta::assert_snapshot!("whole_numbers", whole_numbers);
    let flat = said(|tensors| tensors[0].2 = vec![6]);
    insta::assert_snapshot!("flat", flat);
    let squeezed = said(|tensors| {
        tensors[0].2 = vec![1, 2, 3];
        tensors[6].2 = vec![1];
    });
    insta::assert_snapshot!("squeezed", squeezed);
}

#[test]
fn repeated_tensors_and_files_that_end_early_are_refused() {
    let repeated = said(|tensors| {
        let again = tensors[0].clone();
        tensors.push(again);
    });
    insta::assert_snapshot!("repeated", repeated);
    let bytes = written(&whole());
    for length in [20, bytes.len() - 1] {
        let place = Written::new(bytes[..length].to_vec());
        let (said, help) = refused(place.path(), &net());
        assert!(said.contains("is a damaged safetensors file"), "{length}: {said}");
        assert!(help.contains("again"), "{help}");
    }
}

#[test]
fn values_that_no_model_may_have_are_refused_by_tensor_and_element() {
    let with = |tensor: usize, value: f32| {
        said(move |tensors| tensors[tensor].3[4..8].copy_from_slice(&value.to_le_bytes()))
    };
    assert!(with(2, f32::NAN).contains("layer `norm` holds NaN (tensor `norm.weight`, element 1)"));
    assert!(with(4, f32::INFINITY).contains("holds inf (tensor `norm.running_mean`, element 1)"));
    let negative = with(5, -0.25);
    for words in ["`norm.running_var`", "-0.25", "element 1", "a running variance"] {
        assert!(negative.contains(words), "{negative}");
    }
    let beyond = said(|tensors| {
        let bytes = [1.0, -1e300].into_iter().flat_map(f64::to_le_bytes);
        (tensors[1].1, tensors[1].3) = ("F64", bytes.collect());
    });
    assert!(beyond.contains("tensor `fc1.bias` holds -1e300 (element 1); f32 reaches"), "{beyond}");
}

#[test]
fn parts_of_names_that_the_model_has_itself_stay() {
    let layout = Layout::new([("module.module.w", vec![1]), ("module.w", vec![1])]).unwrap();
    let tensors: Vec<Tensor> = [("module.module.w", 1f32), ("module.w", 2.0)]
        .map(|(name, value)| (name.to_owned(), "F32", vec![1], value.to_le_bytes().to_vec()))
        .into();
    let place = Written::new(written(&tensors));
    let values = read(place.path(), &Arc::new(layout)).unwrap();
    assert_eq!((values.params.values(), values.notes.len()), (&[1.0, 2.0][..], 0));
}
