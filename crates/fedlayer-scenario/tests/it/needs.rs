//! Analyses that lack what they need.

use crate::base::read_text;

/// What a measurement would be refused for once all rounds are over is refused before the first.
#[test]
fn an_analysis_that_cannot_be_made_is_refused() {
    let base = |model: &str, head: &str, analysis: &str| {
        format!(
            "rounds = 4\n{head}\n[data]\nset = \"digits\"\n[clients]\ncount = 4\n[model]\n{model}\n\
             [local]\nepochs = 1\nbatch = 4\noptimizer = {{ sgd = {{ lr = 0.1 }} }}\n\
             [[strategy]]\nname = \"a\"\naverage = [{{ rounds = \"1-3\", average = \"all\" }}, {{ rounds = \"4\", average = {{ first = 1 }} }}]\n\
             [[analysis]]\n{analysis}\n"
        )
    };
    let every = "checkpoints = { every = 1, keep = \"all\" }";
    // 64 + 1 and 10 + 10 values.
    let zeros = ["0.0"; 84].join(", ");
    let large = format!(
        "measure = {{ predict = {{}} }}\nmodels = {{ values = [[0.0, {zeros}], [1e39, {zeros}]] }}"
    );
    for (about, model, head, analysis, title) in [
        (
            "alignment of the toy",
            "toy = { curvature = [1.0, 2.0] }",
            "",
            "measure = { align = {} }",
            "`align` permutes the units",
        ),
        (
            "alignment of a diagonal network",
            "diagonal-linear = 2",
            "",
            "measure = { align = {} }",
            "`align` permutes the units",
        ),
        (
            "criticality without a start",
            "toy = { curvature = [1.0, 2.0] }",
            "",
            "measure = { criticality = {} }\nmodels = { values = [[0.0], [1.0]] }",
            "`criticality` needs the initial model",
        ),
        (
            "a subspace of files",
            "mlp = [4]",
            every,
            "measure = { subspace = {} }\nmodels = { files = [\"a\", \"b\"] }",
            "`subspace` needs the models' states",
        ),
        (
            "a subspace of one state",
            "mlp = [4]",
            every,
            "measure = { subspace = {} }\nrounds = [1, 4]",
            "`subspace` needs the models after at least 2",
        ),
        (
            "a plane of two models",
            "mlp = [4]",
            "",
            "measure = { surface = { through = \"models\" } }\nmodels = { values = [[0.0], [1.0]] }",
            "a plane goes through three models",
        ),
        (
            "models alike after a round",
            "mlp = [4]",
            every,
            "measure = { predict = {} }\nrounds = [2, 3]",
            "after averaging all layers",
        ),
        (
            "a round that is pruned",
            "mlp = [4]",
            "checkpoints = { every = 1, keep = 2 }",
            "measure = { predict = {} }\nrounds = [1, 4]",
            "an analysis after earlier rounds",
        ),
        ("a value beyond 32 bits", "mlp = [1]", "", &large, "found 1e39; f32 reaches"),
    ] {
        let text = base(model, head, analysis);
        let report = read_text(&text).err().map_or(String::new(), |report| report.to_string());
        assert!(report.contains(&format!("error: {title}")), "{about}: {report}");
    }
    for (about, head, analysis) in [
        (
            "models apart after one of the rounds",
            every,
            "measure = { predict = {} }\nrounds = [3, 4]",
        ),
        (
            "rounds that are kept",
            "checkpoints = { every = 1, keep = 2 }",
            "measure = { surface = { through = \"filters\" } }\nrounds = [3, 4]",
        ),
        (
            "directions around one model",
            every,
            "measure = { surface = { through = \"filters\" } }\nrounds = [2]",
        ),
    ] {
        if let Err(report) = read_text(&base("mlp = [4]", head, analysis)) {
            panic!("{about}: {report}");
        }
    }
}
