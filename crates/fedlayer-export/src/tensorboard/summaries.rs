//! Values as messages of TensorBoard.

use prost::Message;

use super::messages::{
    Dimension, Histogram, HparamKind, HparamValue, HparamsData, Image, PluginData, SessionEnd,
    SessionInfo, SessionStart, Shown, SummaryMetadata, SummaryValue, TensorShape, TensorValue,
};

/// The tags of TensorBoard's plugin of hyperparameters.
const SESSION_START: &str = "_hparams_/session_start_info";
const SESSION_END: &str = "_hparams_/session_end_info";

/// The types of tensors.
const FLOAT: i32 = 1;
const STRING: i32 = 7;

/// The data class of a tensor.
const TENSOR: i32 = 2;

/// The status of a session that succeeded.
const SUCCESS: i32 = 1;

/// The buckets of a histogram.
const BUCKETS: usize = 16;

/// Makes the value of a number, rounded to 32 bits.
pub(super) fn scalar(tag: String, value: f64) -> SummaryValue {
    shown(tag, Shown::Simple(value as f32))
}

/// Makes the value of a picture of this width and height in pixels.
pub(super) fn image(tag: &str, (width, height): (u32, u32), png: Vec<u8>) -> SummaryValue {
    let image = Image {
        height: height as i32,
        width: width as i32,
        colorspace: 3,
        encoded_image_string: png,
    };
    shown(tag.to_owned(), Shown::Image(image))
}

/// Makes the value of a text in Markdown.
pub(super) fn text(tag: &str, markdown: &str) -> SummaryValue {
    let tensor = TensorValue {
        dtype: STRING,
        shape: Some(TensorShape { dim: vec![Dimension { size: 1 }] }),
        string_val: vec![markdown.as_bytes().to_vec()],
        ..TensorValue::default()
    };
    of_plugin(tag, "text", Vec::new(), tensor)
}

/// Makes the histogram of finite numbers in buckets of equal width; `None` of no numbers.
pub(super) fn histogram(tag: String, numbers: &[f64]) -> Option<SummaryValue> {
    let (first, rest) = numbers.split_first()?;
    let min = rest.iter().copied().fold(*first, f64::min);
    let max = rest.iter().copied().fold(*first, f64::max);
    let (limits, counts) = buckets(numbers, min, max);
    let histogram = Histogram {
        min,
        max,
        num: numbers.len() as f64,
        sum: numbers.iter().sum(),
        sum_squares: numbers.iter().map(|number| number * number).sum(),
        bucket_limit: limits,
        bucket: counts,
    };
    Some(shown(tag, Shown::Histogram(histogram)))
}

/// Returns the upper ends of the buckets and their counts. Equal numbers share one bucket.
fn buckets(numbers: &[f64], min: f64, max: f64) -> (Vec<f64>, Vec<f64>) {
    let width = (max - min) / BUCKETS as f64;
    if width <= 0.0 {
        return (vec![max], vec![numbers.len() as f64]);
    }
    let mut counts = vec![0.0; BUCKETS];
    for number in numbers {
        let bucket = ((number - min) / width) as usize;
        counts[bucket.min(BUCKETS - 1)] += 1.0;
    }
    let inner = (1..BUCKETS).map(|bucket| min + width * bucket as f64);
    (inner.chain([max]).collect(), counts)
}

/// Makes the beginning of a session with these hyperparameters. Those that are numbers are sent as
/// numbers.
pub(super) fn session_start(parameters: &[(String, String)], time: f64) -> SummaryValue {
    let value = |text: &str| match text.parse::<f64>() {
        Ok(number) if number.is_finite() => HparamKind::Number(number),
        _ => HparamKind::Text(text.to_owned()),
    };
    let start = SessionStart {
        hparams: parameters
            .iter()
            .map(|(name, text)| (name.clone(), HparamValue { kind: Some(value(text)) }))
            .collect(),
        group_name: String::new(),
        start_time_secs: time,
    };
    of_hparams(SESSION_START, SessionInfo::Start(start))
}

/// Makes the end of a session.
pub(super) fn session_end(time: f64) -> SummaryValue {
    let end = SessionEnd { status: SUCCESS, end_time_secs: time };
    of_hparams(SESSION_END, SessionInfo::End(end))
}

fn of_hparams(tag: &str, session: SessionInfo) -> SummaryValue {
    let content = HparamsData { version: 0, session: Some(session) }.encode_to_vec();
    // The plugin reads the content; TensorBoard wants some tensor beside it.
    let nothing =
        TensorValue { dtype: FLOAT, shape: Some(TensorShape::default()), ..TensorValue::default() };
    of_plugin(tag, "hparams", content, TensorValue { float_val: vec![0.0], ..nothing })
}

fn of_plugin(tag: &str, plugin: &str, content: Vec<u8>, tensor: TensorValue) -> SummaryValue {
    let plugin_data = PluginData { plugin_name: plugin.to_owned(), content };
    let metadata = SummaryMetadata { plugin_data: Some(plugin_data), data_class: TENSOR };
    SummaryValue { metadata: Some(metadata), ..shown(tag.to_owned(), Shown::TensorValue(tensor)) }
}

fn shown(tag: String, shown: Shown) -> SummaryValue {
    SummaryValue { tag, metadata: None, shown: Some(shown) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_counts_every_number_once() {
        let count = |numbers: &[f64]| match histogram("a".to_owned(), numbers)?.shown? {
            Shown::Histogram(found) => Some((found.bucket.iter().sum::<f64>(), found)),
            _ => None,
        };
        assert!(count(&[]).is_none());
        let (all, one) = count(&[2.0, 2.0, 2.0]).unwrap();
        assert_eq!((all, one.bucket_limit, one.sum_squares), (3.0, vec![2.0], 12.0));
        let (all, many) = count(&[1.0, 4.0, 2.0, 17.0]).unwrap();
        assert_eq!((all, many.min, many.max, many.sum), (4.0, 1.0, 17.0, 24.0));
        // Buckets of width 1: [1, 2), [2, 3), …, [16, 17].
        assert_eq!(many.bucket_limit[..3], [2.0, 3.0, 4.0]);
        let filled: Vec<usize> = (0..BUCKETS).filter(|&k| many.bucket[k] > 0.0).collect();
        assert_eq!(filled, [0, 1, 3, 15]);
    }
}
