//! The protocol buffers of TensorBoard, as far as they are needed.
//!
//! Names, numbers and types of the fields are those of `event.proto`, `summary.proto`,
//! `histogram.proto`, `tensor.proto`, `plugin_data.proto` of the plugin `hparams` in TensorBoard
//! 2.20, and of `struct.proto`.

use std::collections::BTreeMap;

use prost::{Message, Oneof};

/// `tensorflow.Event`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct BoardEvent {
    /// Seconds since 1970 (UTC).
    #[prost(double, tag = "1")]
    pub(super) wall_time: f64,
    /// The round.
    #[prost(int64, tag = "2")]
    pub(super) step: i64,
    #[prost(oneof = "EventContent", tags = "3, 5")]
    pub(super) content: Option<EventContent>,
}

/// The content of an event.
#[derive(Clone, PartialEq, Oneof)]
pub(super) enum EventContent {
    /// The first event: the version of the format.
    #[prost(string, tag = "3")]
    FileVersion(String),
    /// Values.
    #[prost(message, tag = "5")]
    Values(EventSummary),
}

/// `tensorflow.Summary`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct EventSummary {
    #[prost(message, repeated, tag = "1")]
    pub(super) value: Vec<SummaryValue>,
}

/// `tensorflow.Summary.Value`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SummaryValue {
    #[prost(string, tag = "1")]
    pub(super) tag: String,
    #[prost(message, optional, tag = "9")]
    pub(super) metadata: Option<SummaryMetadata>,
    #[prost(oneof = "Shown", tags = "2, 4, 5, 8")]
    pub(super) shown: Option<Shown>,
}

/// The value of a `tensorflow.Summary.Value`.
#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Shown {
    #[prost(float, tag = "2")]
    Simple(f32),
    #[prost(message, tag = "4")]
    Image(Image),
    #[prost(message, tag = "5")]
    Histogram(Histogram),
    #[prost(message, tag = "8")]
    TensorValue(TensorValue),
}

/// `tensorflow.SummaryMetadata`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SummaryMetadata {
    #[prost(message, optional, tag = "1")]
    pub(super) plugin_data: Option<PluginData>,
    /// `tensorflow.DataClass`: 2 is a tensor.
    #[prost(int32, tag = "4")]
    pub(super) data_class: i32,
}

/// `tensorflow.SummaryMetadata.PluginData`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct PluginData {
    #[prost(string, tag = "1")]
    pub(super) plugin_name: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) content: Vec<u8>,
}

/// `tensorflow.Summary.Image`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Image {
    /// In pixels.
    #[prost(int32, tag = "1")]
    pub(super) height: i32,
    /// In pixels.
    #[prost(int32, tag = "2")]
    pub(super) width: i32,
    /// 3 is red, green and blue.
    #[prost(int32, tag = "3")]
    pub(super) colorspace: i32,
    #[prost(bytes = "vec", tag = "4")]
    pub(super) encoded_image_string: Vec<u8>,
}

/// `tensorflow.HistogramProto`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Histogram {
    #[prost(double, tag = "1")]
    pub(super) min: f64,
    #[prost(double, tag = "2")]
    pub(super) max: f64,
    #[prost(double, tag = "3")]
    pub(super) num: f64,
    #[prost(double, tag = "4")]
    pub(super) sum: f64,
    #[prost(double, tag = "5")]
    pub(super) sum_squares: f64,
    /// The upper ends of the buckets.
    #[prost(double, repeated, tag = "6")]
    pub(super) bucket_limit: Vec<f64>,
    /// The counts of the buckets.
    #[prost(double, repeated, tag = "7")]
    pub(super) bucket: Vec<f64>,
}

/// `tensorflow.TensorProto`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct TensorValue {
    /// `tensorflow.DataType`: 7 is a string, 1 a float.
    #[prost(int32, tag = "1")]
    pub(super) dtype: i32,
    #[prost(message, optional, tag = "2")]
    pub(super) shape: Option<TensorShape>,
    #[prost(float, repeated, tag = "5")]
    pub(super) float_val: Vec<f32>,
    #[prost(bytes = "vec", repeated, tag = "8")]
    pub(super) string_val: Vec<Vec<u8>>,
}

/// `tensorflow.TensorShapeProto`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct TensorShape {
    #[prost(message, repeated, tag = "2")]
    pub(super) dim: Vec<Dimension>,
}

/// `tensorflow.TensorShapeProto.Dim`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Dimension {
    #[prost(int64, tag = "1")]
    pub(super) size: i64,
}

/// `tensorboard.hparams.HParamsPluginData`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct HparamsData {
    #[prost(int32, tag = "1")]
    pub(super) version: i32,
    #[prost(oneof = "SessionInfo", tags = "3, 4")]
    pub(super) session: Option<SessionInfo>,
}

/// The content of an `HParamsPluginData`.
#[derive(Clone, PartialEq, Oneof)]
pub(super) enum SessionInfo {
    #[prost(message, tag = "3")]
    Start(SessionStart),
    #[prost(message, tag = "4")]
    End(SessionEnd),
}

/// `tensorboard.hparams.SessionStartInfo`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SessionStart {
    #[prost(btree_map = "string, message", tag = "1")]
    pub(super) hparams: BTreeMap<String, HparamValue>,
    #[prost(string, tag = "4")]
    pub(super) group_name: String,
    #[prost(double, tag = "5")]
    pub(super) start_time_secs: f64,
}

/// `tensorboard.hparams.SessionEndInfo`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SessionEnd {
    /// `tensorboard.hparams.Status`: 1 is success.
    #[prost(int32, tag = "1")]
    pub(super) status: i32,
    #[prost(double, tag = "2")]
    pub(super) end_time_secs: f64,
}

/// `google.protobuf.Value`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct HparamValue {
    #[prost(oneof = "HparamKind", tags = "2, 3")]
    pub(super) kind: Option<HparamKind>,
}

/// The content of a `google.protobuf.Value`.
#[derive(Clone, PartialEq, Oneof)]
pub(super) enum HparamKind {
    #[prost(double, tag = "2")]
    Number(f64),
    #[prost(string, tag = "3")]
    Text(String),
}
