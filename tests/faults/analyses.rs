//! Analyses after the rounds, which the workers make.
//!
//! * Two workers make the analyses of a run: the bytes of one process. Counts: `jobs_done`.
//! * The only worker is killed while it differentiates: the analysis waits for the next worker, and
//!   the coordinator makes nothing of it itself. Counts: `workers_lost`, `jobs_waiting`.
//! * A run in one process is told to stop in an analysis: it ends at once, and `resume` makes the
//!   analysis.
//! * The coordinator is told to stop in an analysis, and then killed in it: the worker waits both
//!   times; after a restart the analysis is made.

use std::{fs, process::Stdio};

use crate::{
    cluster::{Cluster, NO_GRACE, Process, in_one_process, until},
    support::{DIGITS, Place, assert_same_bytes},
};

/// Two clients that are never averaged, with analyses of these measures.
fn scenario(measures: &[&str]) -> String {
    let shared = DIGITS
        .replace("rounds = 6", "rounds = 3")
        .replace("count = 6\nper_round = 5\ndropout = 0.1", "count = 2")
        .replace("[checkpoints]\nevery = 2", "[checkpoints]\nkeep = \"all\"")
        .replace("average = \"all\"", "average = \"none\"");
    let table = |measure: &&str| format!("[[analysis]]\nmeasure = {{ {measure} }}\n");
    shared + &measures.iter().map(table).collect::<String>()
}

/// An analysis that takes long enough to be disturbed.
fn long() -> String {
    scenario(&["hessian = { draws = 200, steps = 200, tolerance = 1e-300 }"])
}

/// The metric of the jobs that asked for derivatives.
const DERIVATIVES: &str = "fedlayer_jobs_done_total{kind=\"differentiate\"}";

#[test]
fn two_workers_make_the_analyses_with_the_bytes_of_one_process() {
    let measures = [
        "hessian = { draws = 3, steps = 5 }",
        "flatness = { draws = 3 }",
        "predict = {}",
        "criticality = { draws = 1 }",
        "robustness = { draws = 2 }",
    ];
    let mut cluster = Cluster::start(&scenario(&measures), "--min-workers 2");
    let mut workers = [cluster.worker(), cluster.worker()];
    cluster.finish_like_one_process();
    for worker in &mut workers {
        assert_eq!(worker.ended(), Some(0), "a worker goes when the analyses are made");
    }
    for name in ["hessian", "flatness", "predict", "criticality", "robustness"] {
        let values = cluster.place.path(&format!("several/analyses/{name}.jsonl"));
        assert!(values.metadata().unwrap().len() > 0, "{name}");
    }
}

#[test]
fn an_analysis_of_a_killed_worker_waits_for_the_next_one() {
    let mut cluster = Cluster::start(&long(), NO_GRACE);
    let victim = cluster.worker();
    // A stopped worker holds its job until it is killed.
    until("a worker that differentiates", || {
        victim.signal("-STOP");
        let found =
            cluster.counted(DERIVATIVES) > 0 && cluster.counted("fedlayer_jobs_running") > 0;
        if !found {
            victim.signal("-CONT");
        }
        found
    });
    assert!(cluster.said().contains("analysis `hessian`"), "{}", cluster.said());
    victim.kill();
    until("the loss", || cluster.counted("fedlayer_workers_lost_total") == 1);
    until("the waiting job", || cluster.counted("fedlayer_jobs_waiting") > 0);
    assert_eq!(cluster.counted("fedlayer_workers"), 0);
    let mut next = cluster.worker();
    cluster.finish_like_one_process();
    assert_eq!(next.ended(), Some(0));
}

#[test]
fn a_coordinator_that_ends_in_an_analysis_makes_it_after_a_restart_with_the_same_worker() {
    let mut cluster = Cluster::start(&long(), NO_GRACE);
    let mut worker = cluster.worker();
    until("derivatives", || cluster.counted(DERIVATIVES) > 0);
    cluster.coordinator.signal("-TERM");
    assert_eq!(cluster.coordinator.ended(), Some(130), "{}", cluster.said());
    let said = cluster.said();
    assert!(said.contains("every finished analysis is kept"), "{said}");
    assert!(said.contains("go on with `fedlayer coordinator several"), "{said}");
    until("the worker's patience", || {
        cluster.worker_said(1).contains("it stopped, and may come back")
    });
    cluster.restart();
    until("derivatives", || cluster.counted(DERIVATIVES) > 0);
    cluster.kill();
    cluster.restart();
    cluster.finish_like_one_process();
    assert_eq!(worker.ended(), Some(0));
}

#[test]
fn a_run_that_is_stopped_in_an_analysis_makes_it_when_it_is_resumed() {
    let place = Place::with(&long());
    let log = place.path("log");
    let mut command = place.command("run scenario.toml --out stopped");
    command.stdout(Stdio::null()).stderr(fs::File::create(&log).unwrap());
    let mut run = Process(command.spawn().unwrap());
    let said = || fs::read_to_string(&log).unwrap();
    until("the analysis", || said().contains("analysis `hessian`"));
    run.signal("-TERM");
    assert_eq!(run.ended(), Some(130), "{}", said());
    assert!(said().contains("every finished analysis is kept"), "{}", said());
    assert!(said().contains("go on with `fedlayer resume stopped`"), "{}", said());
    assert!(!place.path("stopped/analyses").exists());
    place.fedlayer("resume stopped").ok();
    assert_same_bytes(&in_one_process(long()), &place.records("stopped"));
}
