//! Files in memory, and rounds to export.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    sync::{Arc, Mutex},
};

use fedlayer_core::{
    data::ClientId,
    model::LayerName,
    record::{BarrierRow, EvaluationRecord, LayerBytes, LayerMovement, MissingRecord, RoundRecord},
    spec::{SweptValue, Variant},
};
use fedlayer_export::{
    ExportedRound, LongTables, PlanKeys, RoundTimes, RunOrigin, TableFormat, WrittenTable,
};

/// A file in memory; its clones are the same file.
#[derive(Debug, Clone, Default)]
pub(crate) struct MemoryFile(Arc<Mutex<Vec<u8>>>);

impl MemoryFile {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }
}

impl Write for MemoryFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Exports rounds; returns the files by their names, and the tables.
pub(crate) fn exported(
    format: TableFormat,
    swept: &[&str],
    rounds: impl IntoIterator<Item = (PlanKeys, ExportedRound)>,
) -> (BTreeMap<String, Vec<u8>>, Vec<WrittenTable>) {
    let mut files = BTreeMap::new();
    let open = |name: &str| -> io::Result<Box<dyn Write + Send>> {
        let file = MemoryFile::default();
        files.insert(name.to_owned(), file.clone());
        Ok(Box::new(file))
    };
    let swept = swept.iter().map(|&key| key.to_owned()).collect();
    let mut tables = LongTables::new(format, swept, vec![provenance()], open);
    for (keys, round) in rounds {
        tables.add(&keys, &round).unwrap();
    }
    let written = tables.finish().unwrap();
    (files.into_iter().map(|(name, file)| (name, file.bytes())).collect(), written)
}

fn provenance() -> RunOrigin {
    RunOrigin {
        run: "digits".to_owned(),
        scenario: "digits".to_owned(),
        blake3: "c0ffee".to_owned(),
        fedlayer: "0.1.0".to_owned(),
    }
}

pub(crate) fn keys(strategy: &str, seed: u64) -> PlanKeys {
    PlanKeys {
        run: "digits".to_owned(),
        scenario: "digits".to_owned(),
        strategy: strategy.to_owned(),
        seed,
        variant: None,
    }
}

/// Returns the variant of a sweep that sets one key.
pub(crate) fn variant(key: &str, value: &str) -> Variant {
    let [key, name, value] = [key, key, value].map(str::to_owned);
    Variant { folder: format!("{name}-{value}"), settings: vec![SweptValue { key, name, value }] }
}

/// Returns a round with two layers, one client that reported and one that is missing.
pub(crate) fn round(round: u32) -> ExportedRound {
    let layer = |name: &str, up| LayerBytes { layer: LayerName::new(name), up, down: 2 * up };
    let moved = LayerMovement {
        layer: LayerName::new("fc1"),
        mean_update_norm: 0.5,
        update_norm: 2.0,
        cosine: Some(0.25),
    };
    let dropped = MissingRecord { client: ClientId(7), reason: "dropped out".to_owned() };
    ExportedRound {
        record: RoundRecord {
            round,
            attempt: 1,
            reported: vec![ClientId(3)],
            missing: vec![dropped],
            averaged: "fc1".to_owned(),
            examples: 10,
            steps: 4,
            train_loss: 0.1 + f64::from(round),
            evaluation: None,
            barriers: None,
            bytes_up: 8,
            bytes_down: 16,
            bytes: vec![layer("fc1", 8), layer("out", 0)],
            layers: vec![moved],
        },
        barriers: Vec::new(),
        times: None,
    }
}

/// Adds an evaluation, times and the barrier and the norms of `fc1`.
pub(crate) fn measured(before: ExportedRound) -> ExportedRound {
    let round = before.record.round;
    let evaluation = EvaluationRecord {
        test_loss: Some(f64::NAN),
        test_accuracy: Some(0.5),
        ..EvaluationRecord::default()
    };
    let row = |text: &str| -> BarrierRow {
        serde_json::from_str(&format!("{{\"round\":{round},{text}}}")).unwrap()
    };
    let norm = |base: &str, value: f64| {
        row(&format!(
            r#""split":null,"metric":"norm","kind":"geometry","set":"fc1","base":"{base}","alpha":null,"baseline":null,"value":{value},"std_error":null"#
        ))
    };
    let times = RoundTimes { round, train: 0.5, barriers: 0.25, average: 0.0, evaluate: 0.25 };
    ExportedRound {
        record: RoundRecord { evaluation: Some(evaluation), ..before.record },
        barriers: vec![
            row(
                r#""split":"test","metric":"loss","kind":"layer","set":"fc1","base":"mean","alpha":0.5,"baseline":"mean","value":-0.25,"std_error":0.01"#,
            ),
            norm("0", 1.0),
            norm("1", 3.0),
            norm("mean", 2.0),
        ],
        times: Some(times),
    }
}
