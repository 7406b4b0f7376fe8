//! [`upload`]: a plan as a run of an MLflow server.

use std::path::PathBuf;

use fedlayer_export::metrics;
use serde_json::{Value, json};

use super::server::TrackingServer;
use crate::{
    commands::export::{
        rounds::PlanRounds,
        source::{ExportSource, PlanSource},
    },
    exit::Failure,
    files,
    run_folder::{SCENARIO, plan_folder::RecordFile},
    screen::Screen,
};

/// The most metrics of a request, as MLflow allows them.
const METRICS: usize = 1000;
/// The most parameters of a request.
const PARAMETERS: usize = 100;
/// The most characters of a parameter's value.
const VALUE_CHARS: usize = 6000;

/// The tag that names run folder and plan.
const KEY: &str = "fedlayer.key";
/// The tag with the number of rounds.
const ROUNDS: &str = "fedlayer.rounds";

/// Sends a plan; returns false if the server has it already.
///
/// # Errors
/// When the records cannot be read, or the server does not answer or refuses.
pub(super) fn upload(
    server: &TrackingServer,
    experiment: &str,
    source: &ExportSource,
    plan: &PlanSource,
    screen: &Screen,
) -> Result<bool, Failure> {
    let key = key(source, plan);
    for earlier in server.runs(experiment, KEY, &key)? {
        if is_complete(&earlier, plan.rounds) {
            return Ok(false);
        }
        server.post("runs/delete", &json!({ "run_id": earlier["info"]["run_id"] }))?;
    }
    let created = server.post("runs/create", &beginning(experiment, &key, source, plan))?;
    let info = &created["run"]["info"];
    let run = Sent {
        server,
        id: server.text(&info["run_id"], "run_id")?,
        artifacts: info["artifact_uri"].as_str().unwrap_or_default().to_owned(),
        start: source.started * 1000,
    };
    match run.fill(source, plan, screen) {
        Ok(()) => run.end("FINISHED").map(|()| true),
        Err(failure) => {
            // The first failure matters more than this one.
            let _unmarked = run.end("FAILED");
            Err(failure)
        }
    }
}

/// Returns a name of run folder and plan without characters that a query would have to escape.
fn key(source: &ExportSource, plan: &PlanSource) -> String {
    let text = format!("{}/{}/{}", source.provenance.run, plan.name, plan.hash);
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

/// Returns whether a run on the server was sent to its end, with this number of rounds.
fn is_complete(run: &Value, rounds: u32) -> bool {
    let tags = run["data"]["tags"].as_array().into_iter().flatten();
    let mut sent = tags.filter(|tag| tag["key"] == ROUNDS).map(|tag| &tag["value"]);
    let rounds = rounds.to_string();
    run["info"]["status"] == "FINISHED" && sent.any(|sent| *sent == rounds)
}

/// Makes the request that creates a run.
fn beginning(experiment: &str, key: &str, source: &ExportSource, plan: &PlanSource) -> Value {
    let origin = &source.provenance;
    let tag = |key: &str, value: &str| json!({ "key": key, "value": value });
    let tags = [
        tag(KEY, key),
        tag(ROUNDS, &plan.rounds.to_string()),
        tag("fedlayer.run", &origin.run),
        tag("fedlayer.scenario.blake3", &origin.blake3),
        tag("fedlayer.version", &origin.fedlayer),
    ];
    json!({
        "experiment_id": experiment,
        "run_name": format!("{}/{}", origin.run, plan.name),
        "start_time": source.started * 1000,
        "tags": tags,
    })
}

/// A run on the server that is being filled.
struct Sent<'s> {
    server: &'s TrackingServer,
    id: String,
    /// The address of its files.
    artifacts: String,
    /// Milliseconds since 1970 (UTC).
    start: u64,
}

impl Sent<'_> {
    fn fill(
        &self,
        source: &ExportSource,
        plan: &PlanSource,
        screen: &Screen,
    ) -> Result<(), Failure> {
        let parameter = |(key, value): &(String, String)| {
            let value: String = value.chars().take(VALUE_CHARS).collect();
            json!({ "key": allowed(key), "value": value })
        };
        let parameters: Vec<Value> = plan.parameters.iter().map(parameter).collect();
        for batch in parameters.chunks(PARAMETERS) {
            self.log("params", batch)?;
        }
        self.send_metrics(plan, screen)?;
        self.send_files(source, plan, screen)
    }

    /// Sends every number of every round; a step is a round.
    fn send_metrics(&self, plan: &PlanSource, screen: &Screen) -> Result<(), Failure> {
        let mut batch = Vec::new();
        let mut seconds = 0.0;
        for round in PlanRounds::open(plan, screen)? {
            let round = round?;
            seconds += round.times.map_or(0.0, |times| times.total());
            for measured in metrics(&round) {
                batch.push(json!({
                    "key": allowed(&measured.name),
                    "value": measured.value,
                    "timestamp": self.start + (seconds * 1000.0) as u64,
                    "step": round.record.round,
                }));
                if batch.len() == METRICS {
                    self.log("metrics", &batch)?;
                    batch.clear();
                }
            }
        }
        self.log("metrics", &batch)
    }

    fn log(&self, kind: &str, batch: &[Value]) -> Result<(), Failure> {
        let mut body = json!({ "run_id": self.id });
        body[kind] = batch.into();
        self.server.post("runs/log-batch", &body).map(drop)
    }

    /// Sends the scenario and the plan's records up to its last checkpoint.
    fn send_files(
        &self,
        source: &ExportSource,
        plan: &PlanSource,
        screen: &Screen,
    ) -> Result<(), Failure> {
        let record = |file: RecordFile, bytes: u64| (plan.folder.record_file(file), bytes);
        let all: [(PathBuf, u64); 3] = [
            (source.path.join(SCENARIO), u64::MAX),
            record(RecordFile::Rounds, plan.records.rounds_bytes),
            record(RecordFile::Barriers, plan.records.barriers_bytes),
        ];
        for (path, bytes) in all.iter().filter(|(path, _)| files::exists(path)) {
            let content = files::read_first(path, *bytes)?;
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if !self.server.put(&self.artifacts, &name, &content)? {
                screen.talk(&format!(
                    "note: files are not sent: the server keeps them at `{}`, which is not behind the server (`mlflow server --serve-artifacts`)",
                    self.artifacts
                ));
                return Ok(());
            }
        }
        Ok(())
    }

    fn end(&self, status: &str) -> Result<(), Failure> {
        let body = json!({ "run_id": self.id, "status": status, "end_time": self.start });
        self.server.post("runs/update", &body).map(drop)
    }
}

/// Returns a name with the characters that MLflow allows.
fn allowed(name: &str) -> String {
    let is_allowed = |c: char| c.is_alphanumeric() || "/_-. ".contains(c);
    name.chars().map(|c| if is_allowed(c) { c } else { '_' }).collect()
}
