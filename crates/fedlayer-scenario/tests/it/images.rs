//! Images of a user's own files with the channels last.

use fedlayer_core::{data::DataFacts, spec::DataSpec};
use fedlayer_scenario::{DataFault, read};

use crate::base::edited;

const CONVOLUTION: &str = "layers = [{ conv = { out = 4, kernel = 3 } }, \"global-pool\", \"flatten\", { linear = { out = 10 } }]";

/// Returns the diagnostics of files with examples of this shape, with this model and these keys
/// beside the file.
fn said(shape: &[usize], model: &str, keys: &str) -> Option<String> {
    let files = format!("set = {{ files = {{ train = \"x.npy\"{keys} }} }}");
    let text = edited("set = \"digits\"", &files).replace("mlp = [128, 64]", model);
    let text = text.replace("{ except = [\"out\"] }", "{ except = [\"fc1\"] }");
    let data = |_: &DataSpec, _| -> Result<DataFacts, DataFault> {
        let shape = shape.to_vec();
        Ok(DataFacts { shape, classes: 10, targets: 1, pool: 1000, test: 100 })
    };
    read("x.toml", &text, &[], &data).err().map(|report| report.to_string())
}

#[test]
fn channels_that_come_last_are_named_before_a_convolution() {
    for shape in [[12, 12, 3], [28, 28, 1], [32, 48, 4]] {
        let report = said(&shape, CONVOLUTION, "").unwrap();
        let title = format!(
            "error: an image of `x.npy` has shape {shape:?}; a convolution takes the first axis"
        );
        assert!(report.starts_with(&title), "{report}");
        assert!(report.contains("x.transpose(0, 3, 1, 2)"), "{report}");
        assert_eq!(report.matches("error: ").count(), 1, "one fault, one message:\n{report}");
    }
}

#[test]
fn channels_that_come_first_or_are_said_or_meet_no_convolution_are_taken() {
    assert_eq!(said(&[3, 12, 12], CONVOLUTION, ""), None);
    assert_eq!(said(&[12, 12, 3], CONVOLUTION, ", shape = [12, 12, 3]"), None);
    let dense = "layers = [\"flatten\", { linear = { out = 8 } }, { linear = { out = 10 } }]";
    assert_eq!(said(&[12, 12, 3], dense, ""), None);
}

#[test]
fn an_image_without_channels_is_answered_with_its_shape() {
    let help = "if an example is an image, add its shape beside `train`: `shape = ";
    let report = said(&[12, 10], CONVOLUTION, "").unwrap();
    assert!(report.contains(&format!("{help}[1, 12, 10]`")), "{report}");
    let report = said(&[64], CONVOLUTION, "").unwrap();
    assert!(report.contains(&format!("{help}[channels, height, width]`")), "{report}");
    let report = said(&[64], CONVOLUTION, ", shape = [64]").unwrap();
    assert!(!report.contains(help), "{report}");
}
