//! [`Bounds`]: the range of a number, or of a length.

use serde_json::Value;

use crate::phrasing::grouped_digits;

/// The range of a number, or of the length of a list or a text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bounds {
    /// The lower end, and whether the range includes it.
    pub(crate) low: Option<(f64, bool)>,
    /// The upper end, and whether the range includes it.
    pub(crate) high: Option<(f64, bool)>,
    /// The largest integer that the type can hold. A message names it only if it is exceeded.
    pub(crate) most: f64,
}

impl Bounds {
    /// Reads the range of a number from its schema.
    pub(super) fn of(schema: &Value) -> Self {
        let end = |inside: &str, outside: &str| {
            let inside = schema[inside].as_f64().map(|end| (end, true));
            inside.or_else(|| schema[outside].as_f64().map(|end| (end, false)))
        };
        Self {
            low: end("minimum", "exclusiveMinimum"),
            high: end("maximum", "exclusiveMaximum"),
            most: match schema["format"].as_str() {
                Some("uint8") => f64::from(u8::MAX),
                Some("uint16") => f64::from(u16::MAX),
                Some("uint32") => f64::from(u32::MAX),
                _ => i64::MAX as f64,
            },
        }
    }

    /// Reads the range of a length from its two ends, which may be absent.
    pub(super) fn between(low: &Value, high: &Value) -> Self {
        let end = |value: &Value| value.as_f64().map(|end| (end, true));
        Self { low: end(low), high: end(high), most: f64::INFINITY }
    }

    /// Returns whether a number is in the range.
    pub(crate) fn contain(&self, number: f64) -> bool {
        self.low.is_none_or(|(end, inside)| number > end || inside && number == end)
            && self.high.is_none_or(|(end, inside)| number < end || inside && number == end)
    }

    /// Returns the range in words: `above 0 and at most 1`.
    pub(crate) fn words(&self) -> Option<String> {
        let low = self.low.map(|(end, inside)| match inside {
            true => format!("at least {}", grouped_digits(end)),
            false => format!("above {}", grouped_digits(end)),
        });
        let high = self.high.map(|(end, inside)| match inside {
            true => format!("at most {}", grouped_digits(end)),
            false => format!("below {}", grouped_digits(end)),
        });
        match (self.low, self.high) {
            (Some((low, true)), Some((high, true))) => {
                Some(format!("between {} and {}", grouped_digits(low), grouped_digits(high)))
            }
            _ => match (low, high) {
                (Some(low), Some(high)) => Some(format!("{low} and {high}")),
                (low, high) => low.or(high),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_read_like_sentences() {
        let words = |schema| Bounds::of(&schema).words();
        use serde_json::json;
        assert_eq!(words(json!({})), None);
        assert_eq!(words(json!({ "minimum": 1 })).unwrap(), "at least 1");
        assert_eq!(words(json!({ "minimum": 1, "maximum": 9 })).unwrap(), "between 1 and 9");
        assert_eq!(
            words(json!({ "exclusiveMinimum": 0, "maximum": 1 })).unwrap(),
            "above 0 and at most 1"
        );
        assert_eq!(
            words(json!({ "minimum": 0, "exclusiveMaximum": 1 })).unwrap(),
            "at least 0 and below 1"
        );
    }
}
