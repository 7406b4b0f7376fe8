//! Missing files are distinguished from faults of the scenario, and are listed after them.

use fedlayer_core::{data::DataFacts, model::Layout, spec::DataSpec};
use fedlayer_scenario::{DataFault, Diagnostics, Environment, FileFault, read};

use crate::base::{BASE, data, edited};

/// An environment without files.
struct Nowhere {
    /// True if the data set is missing, too.
    no_data: bool,
}

impl Environment for Nowhere {
    fn data_facts(&self, spec: &DataSpec, clients: u32) -> Result<DataFacts, DataFault> {
        if !self.no_data {
            return data(spec, clients);
        }
        let message = "`digits` is nowhere".to_owned();
        Err(DataFault { key: "data.set".to_owned(), message, help: None, is_absence: true })
    }

    fn check_values(&self, file: &str, _layout: &Layout) -> Result<(), FileFault> {
        Err(not_to_be_had(file))
    }

    fn module_layout(&self, file: &str) -> Result<Layout, FileFault> {
        Err(not_to_be_had(file))
    }
}

fn not_to_be_had(file: &str) -> FileFault {
    let message = format!("`{file}` is not to be had");
    FileFault { message, help: None, is_absence: file.starts_with("absent") }
}

fn report(text: &str, no_data: bool) -> Diagnostics {
    read("x.toml", text, &[], &Nowhere { no_data }).unwrap_err()
}

fn starting_from(file: &str) -> String {
    edited("rounds = 20", &format!("rounds = 20\ninitial = \"{file}\""))
}

#[test]
fn a_set_that_is_nowhere_is_an_absence() {
    let alone = report(&edited("rounds = 20", "rounds = 21"), true);
    assert!(alone.is_absence());
    assert_eq!(alone.len(), 1);
}

#[test]
fn a_file_that_is_nowhere_is_an_absence_and_one_of_another_model_is_not() {
    assert!(report(&starting_from("absent.safetensors"), false).is_absence());
    assert!(!report(&starting_from("other.safetensors"), false).is_absence());
    let module = edited("mlp = [128, 64]", "torchscript = \"absent.pt\"");
    assert!(report(&module, false).is_absence());
    let module = edited("mlp = [128, 64]", "torchscript = \"other.pt\"");
    assert!(!report(&module, false).is_absence());
    let files = "models = { files = [\"absent.a\", \"absent.b\"] }";
    let text = format!("{BASE}\n[[analysis]]\nmeasure = {{ barriers = {{}} }}\n{files}\n");
    let files = report(&text, false);
    assert!(files.is_absence(), "{files}");
}

#[test]
fn faults_of_the_scenario_come_before_files_that_cannot_be_had() {
    let both = report(&edited("name = \"late\"", "name = \"all\""), true);
    assert!(!both.is_absence());
    let text = both.to_string();
    let (fault, absence) = (text.find("[[strategy]]"), text.find("`digits` is nowhere"));
    assert!(fault.or(text.find("\"all\"")).unwrap() < absence.unwrap(), "{text}");
}
