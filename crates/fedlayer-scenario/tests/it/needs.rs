//! Analyses without what they need, such as earlier states of the models.

use fedlayer_core::{
    data::DataFacts,
    model::Layout,
    spec::{DataSpec, Loss},
};
use fedlayer_scenario::{DataFault, Environment, FileFault, read};

use crate::base::{data, read_text};

/// A line that keeps the checkpoints of all rounds.
const EVERY_ROUND: &str = "checkpoints = { every = 1, keep = \"all\" }";

/// Analyses that are refused: description, model, lines before the tables, analysis, and beginning
/// of the message.
const REFUSED: [[&str; 5]; 8] = [
    [
        "alignment of the toy",
        "toy = { curvature = [1.0, 2.0] }",
        "",
        "measure = { align = {} }",
        "`align` needs a network with known operations",
    ],
    [
        "alignment of a diagonal network",
        "diagonal-linear = 2",
        "",
        "measure = { align = {} }",
        "`align` needs a network with known operations",
    ],
    [
        "criticality without a start",
        "toy = { curvature = [1.0, 2.0] }",
        "",
        "measure = { criticality = {} }\nmodels = { values = [[0.0], [1.0]] }",
        "`criticality` needs the initial model",
    ],
    [
        "a subspace of files",
        "mlp = [4]",
        EVERY_ROUND,
        "measure = { subspace = {} }\nmodels = { files = [\"a\", \"b\"] }",
        "`subspace` needs the models' states",
    ],
    [
        "a subspace of one state",
        "mlp = [4]",
        EVERY_ROUND,
        "measure = { subspace = {} }\nrounds = [1, 4]",
        "`subspace` needs the models after at least 2",
    ],
    [
        "a plane of two models",
        "mlp = [4]",
        "",
        "measure = { surface = { through = \"models\" } }\nmodels = { values = [[0.0], [1.0]] }",
        "a plane needs three models",
    ],
    [
        "models alike after a round",
        "mlp = [4]",
        EVERY_ROUND,
        "measure = { predict = {} }\nrounds = [2, 3]",
        "after averaging all layers",
    ],
    [
        "a round that is pruned",
        "mlp = [4]",
        "checkpoints = { every = 1, keep = 2 }",
        "measure = { predict = {} }\nrounds = [1, 4]",
        "an analysis after earlier rounds",
    ],
];

/// Analyses that are accepted: description, lines before the tables, and analysis.
const TAKEN: [[&str; 3]; 3] = [
    [
        "models apart after one of the rounds",
        EVERY_ROUND,
        "measure = { predict = {} }\nrounds = [3, 4]",
    ],
    [
        "rounds that are kept",
        "checkpoints = { every = 1, keep = 2 }",
        "measure = { surface = { through = \"filters\" } }\nrounds = [3, 4]",
    ],
    [
        "directions around one model",
        EVERY_ROUND,
        "measure = { surface = { through = \"filters\" } }\nrounds = [2]",
    ],
];

/// Returns a scenario of four rounds that averages all layers in the first three.
fn four_rounds(model: &str, head: &str, analysis: &str) -> String {
    format!(
        "rounds = 4\n{head}\n[data]\nset = \"digits\"\n[clients]\ncount = 4\n[model]\n{model}\n\
         [local]\nepochs = 1\nbatch = 4\noptimizer = {{ sgd = {{ lr = 0.1 }} }}\n\
         [[strategy]]\nname = \"a\"\naverage = [{{ rounds = \"1-3\", average = \"all\" }}, {{ rounds = \"4\", average = {{ first = 1 }} }}]\n\
         [[analysis]]\n{analysis}\n"
    )
}

#[track_caller]
fn is_refused(about: &str, text: &str, title: &str) {
    let report = read_text(text).err().map_or(String::new(), |report| report.to_string());
    assert!(report.contains(&format!("error: {title}")), "{about}: {report}");
}

/// A measurement that could not be made after the last round is refused before the first.
#[test]
fn an_analysis_that_cannot_be_made_is_refused() {
    for [about, model, head, analysis, title] in REFUSED {
        is_refused(about, &four_rounds(model, head, analysis), title);
    }
    for [about, head, analysis] in TAKEN {
        if let Err(report) = read_text(&four_rounds("mlp = [4]", head, analysis)) {
            panic!("{about}: {report}");
        }
    }
}

#[test]
fn a_given_value_beyond_32_bits_is_refused() {
    // The model has 64 + 1 and 10 + 10 values.
    let zeros = ["0.0"; 84].join(", ");
    let analysis = format!(
        "measure = {{ predict = {{}} }}\nmodels = {{ values = [[0.0, {zeros}], [1e39, {zeros}]] }}"
    );
    let text = four_rounds("mlp = [1]", "", &analysis);
    is_refused("1e39", &text, "found 1e39; the largest f32");
}

/// Returns a scenario with five rounds of a small network, and an analysis.
fn analysed(checkpoints: &str, analysis: &str) -> String {
    format!(
        "rounds = 5\n{checkpoints}\n[data]\nset = \"digits\"\n[clients]\ncount = 4\n[model]\nmlp = [4]\n\
         [local]\nepochs = 1\nbatch = 4\noptimizer = {{ sgd = {{ lr = 0.1 }} }}\n\
         [[strategy]]\nname = \"a\"\naverage = \"none\"\n[[analysis]]\n{analysis}\n"
    )
}

#[track_caller]
fn subspace(checkpoints: &str, rounds: &str, refused: Option<&str>) {
    let text = analysed(checkpoints, &format!("measure = {{ subspace = {{}} }}\n{rounds}"));
    let report = read_text(&text).err().map_or(String::new(), |report| report.to_string());
    match refused {
        Some(words) => assert!(report.contains(words), "{report}"),
        None => assert_eq!(report, ""),
    }
}

/// The states of a subspace are the kept rounds up to the analysed one; the last round is always
/// kept.
#[test]
fn the_rounds_that_are_kept_decide_whether_a_subspace_has_states() {
    let every = |every: u32| format!("checkpoints = {{ every = {every}, keep = \"all\" }}");
    // Rounds 4 and 5 are kept.
    subspace(&every(4), "", None);
    subspace(&every(4), "rounds = \"last\"", None);
    // Only round 5 is kept.
    subspace(&every(9), "", Some("1 checkpoint up to round 5"));
    // Up to the first kept round there is one state.
    subspace(&every(4), "rounds = \"all\"", Some("1 checkpoint up to round 4"));
    subspace(&every(4), "rounds = [4]", Some("1 checkpoint up to round 4"));
}

#[test]
fn units_of_a_module_are_not_known() {
    struct Modules;
    impl Environment for Modules {
        fn data_facts(&self, spec: &DataSpec, clients: u32) -> Result<DataFacts, DataFault> {
            data(spec, clients)
        }

        fn module_layout(&self, _: &str) -> Result<Layout, FileFault> {
            Ok(Layout::new([("fc.weight".to_owned(), vec![10, 64])]).unwrap())
        }

        fn try_module(&self, _: &str, _: &DataFacts, _: Loss, _: bool) -> Result<(), FileFault> {
            Ok(())
        }
    }
    let text = analysed("", "measure = { align = {} }");
    let text = text.replace("mlp = [4]", "torchscript = \"net.pt\"");
    let report = read("x.toml", &text, &[], &Modules).unwrap_err().to_string();
    assert!(report.contains("`align` needs a network with known operations"), "{report}");
}

/// `initial` names the common start of given models, and the third model of a plane.
#[test]
fn an_initial_model_is_what_values_lack() {
    struct Values;
    impl Environment for Values {
        fn data_facts(&self, spec: &DataSpec, clients: u32) -> Result<DataFacts, DataFault> {
            data(spec, clients)
        }

        fn check_values(&self, _: &str, _: &Layout) -> Result<(), FileFault> {
            Ok(())
        }
    }
    for measure in ["criticality = {}", "surface = { through = \"models\" }"] {
        let analysis = format!(
            "measure = {{ {measure} }}\nmodels = {{ files = [\"a.safetensors\", \"b.safetensors\"] }}"
        );
        let read = |head: &str| read("x.toml", &analysed(head, &analysis), &[], &Values);
        assert!(read("").is_err(), "{measure}");
        if let Err(report) = read("initial = \"start.safetensors\"") {
            panic!("{measure}: {report}");
        }
    }
}

#[test]
fn a_layer_is_on_one_axis_of_a_plane() {
    let through = |first: &str, second: &str| {
        let through = format!("through = {{ layers = [[\"{first}\"], [\"{second}\"]] }}");
        let text = analysed("", &format!("measure = {{ surface = {{ {through} }} }}"));
        read_text(&text).err().map_or(String::new(), |report| report.to_string())
    };
    assert_eq!(through("fc1", "out"), "");
    assert!(through("*", "out").contains("layer `out` is on both axes"));
}
