//! Exports 200 rounds of 100,000 clients: reads a line of `rounds.jsonl` for each, and writes the
//! tables. It prints seconds and the most memory.
//!
//! `cargo run --release -p fedlayer-export --example many_clients`

#![allow(clippy::print_stdout, reason = "an example prints")]
#![allow(clippy::disallowed_methods, reason = "the system says how much memory was used")]

use std::{
    error::Error,
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use fedlayer_export::{ExportedRound, LongTables, PlanKeys, TableFormat};

const ROUNDS: u32 = 200;
const CLIENTS: u32 = 100_000;

fn main() -> Result<(), Box<dyn Error>> {
    for format in [TableFormat::Parquet, TableFormat::Csv] {
        let began = Instant::now();
        let bytes = export(format)?;
        let seconds = began.elapsed().as_secs_f64();
        println!("{format:?}: {seconds:.1} s, {:.0} MB written", bytes as f64 / 1e6);
    }
    let status = std::fs::read_to_string("/proc/self/status")?;
    println!("{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default());
    Ok(())
}

/// Exports all rounds; returns the bytes that were written.
fn export(format: TableFormat) -> Result<u64, Box<dyn Error>> {
    let counted = Counted::default();
    let open = |_: &str| -> io::Result<Box<dyn Write + Send>> { Ok(Box::new(counted.clone())) };
    let mut tables = LongTables::new(format, Vec::new(), Vec::new(), open);
    let keys = PlanKeys {
        run: "many".to_owned(),
        scenario: "many".to_owned(),
        strategy: "all".to_owned(),
        seed: 1,
        variant: None,
    };
    for round in 1..=ROUNDS {
        let record = serde_json::from_str(&line(round))?;
        tables.add(&keys, &ExportedRound { record, barriers: Vec::new(), times: None })?;
    }
    tables.finish()?;
    Ok(counted.0.load(Ordering::Relaxed))
}

/// Returns a line of `rounds.jsonl`; every tenth client is missing.
fn line(round: u32) -> String {
    let (missing, reported): (Vec<u32>, Vec<u32>) =
        (0..CLIENTS).partition(|client| (client + round).is_multiple_of(10));
    let missing: Vec<_> = missing
        .into_iter()
        .map(|client| serde_json::json!({ "client": client, "reason": "dropped out" }))
        .collect();
    serde_json::json!({
        "round": round, "attempt": 1, "reported": reported, "missing": missing, "averaged": "all",
        "examples": 1, "steps": 1, "train_loss": 1.0 / f64::from(round), "evaluation": null,
        "barriers": null, "bytes_up": 1, "bytes_down": 1, "bytes": [],
    })
    .to_string()
}

/// Counts bytes and drops them.
#[derive(Debug, Clone, Default)]
struct Counted(Arc<AtomicU64>);

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
