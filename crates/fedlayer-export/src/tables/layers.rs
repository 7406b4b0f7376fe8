//! `layers`: a row per round and layer.

use fedlayer_core::{
    model::LayerName,
    record::{LayerBytes, LayerMovement},
};

use super::column::{Table, count, flag, number, text};
use crate::{ExportedRound, cell::Cell};

/// A layer in a round.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LayerRow {
    pub(crate) round: u32,
    pub(crate) layer: LayerName,
    /// Its position from the input, counted from 0.
    position: u64,
    is_averaged: bool,
    up: u64,
    down: u64,
    barrier: Option<f64>,
    /// Absent in runs of versions that did not record it.
    movement: Option<LayerMovement>,
}

/// A row per committed round and layer, starting at the input.
pub(crate) static LAYERS: Table<LayerRow> = Table {
    name: "layers",
    columns: &[
        count("round", |row| Cell::Count(row.round.into())),
        text("layer", |row| Cell::text(row.layer.as_str())),
        count("position", |row| Cell::Count(row.position)),
        flag("averaged", |row| Cell::Flag(row.is_averaged)),
        count("bytes_up", |row| Cell::Count(row.up)),
        count("bytes_down", |row| Cell::Count(row.down)),
        number("barrier", |row| Cell::number(row.barrier)),
        number("mean_update_norm", |row| moved(row, |of| Some(of.mean_update_norm))),
        number("update_norm", |row| moved(row, |of| Some(of.update_norm))),
        number("cosine", |row| moved(row, |of| of.cosine)),
    ],
};

/// Returns a value of the clients' updates of a layer; null if there is none.
fn moved(row: &LayerRow, of: fn(&LayerMovement) -> Option<f64>) -> Cell<'static> {
    Cell::number(row.movement.as_ref().and_then(of))
}

/// Returns the layers of a round.
pub(crate) fn layer_rows(round: &ExportedRound) -> impl Iterator<Item = LayerRow> {
    let averaged: Vec<&str> = round.record.averaged.split('+').collect();
    let row = move |(position, bytes): (usize, &LayerBytes)| LayerRow {
        round: round.record.round,
        layer: bytes.layer.clone(),
        position: position as u64,
        is_averaged: averaged == ["all"] || averaged.contains(&bytes.layer.as_str()),
        up: bytes.up,
        down: bytes.down,
        barrier: round.layer_barrier(&bytes.layer),
        movement: round.record.layers.iter().find(|of| of.layer == bytes.layer).cloned(),
    };
    round.record.bytes.iter().enumerate().map(row)
}
