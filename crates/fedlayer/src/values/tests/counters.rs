//! Counters of batches that no batch normalisation can have counted.

use super::*;

/// A batch normalisation of one channel.
fn norm() -> Arc<Layout> {
    let tensors = ["running_mean", "running_var", "num_batches_tracked"];
    let tensors = tensors.map(|name| {
        let shape = if name == "num_batches_tracked" { vec![] } else { vec![1] };
        (format!("norm.{name}"), shape, fedlayer_core::model::Role::Statistic)
    });
    Arc::new(Layout::with_roles(tensors).unwrap())
}

/// The file of such a normalisation with this counter.
fn counted(kind: &str, counter: &[u8]) -> Written {
    let end = 8 + counter.len();
    let header = format!(
        r#"{{"norm.running_mean":{{"dtype":"F32","shape":[1],"data_offsets":[0,4]}},"norm.running_var":{{"dtype":"F32","shape":[1],"data_offsets":[4,8]}},"norm.num_batches_tracked":{{"dtype":"{kind}","shape":[],"data_offsets":[8,{end}]}}}}"#
    );
    let length = (header.len() as u64).to_le_bytes();
    Written::new([&length, header.as_bytes(), &[0; 8], counter].concat())
}

#[test]
fn a_counter_that_is_negative_or_a_fraction_is_refused() {
    let negative = counted("I64", &(-3_i64).to_le_bytes());
    let (said, _) = refused(negative.path(), &norm());
    assert!(said.contains("layer `norm` holds a count of -3 batches"), "{said}");
    let fraction = counted("F32", &2.5_f32.to_le_bytes());
    let (said, _) = refused(fraction.path(), &norm());
    assert!(said.contains("a count of 2.5 batches (tensor `norm.num_batches_tracked`)"), "{said}");
    for whole in [counted("I64", &7_i64.to_le_bytes()), counted("F32", &7_f32.to_le_bytes())] {
        assert_eq!(read(whole.path(), &norm()).unwrap().params.values(), [0.0, 0.0, 7.0]);
    }
}
