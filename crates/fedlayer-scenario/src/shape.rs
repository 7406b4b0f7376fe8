//! [`Shape`]: what may stand at a place of a scenario, read from the JSON Schema that the specification's types give.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::words::number;

/// What may stand at a place of a scenario.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shape {
    /// A table with these keys and no others.
    Table(BTreeMap<String, Field>),
    /// A table with any keys, whose values are all alike.
    Map(Box<Shape>),
    /// An array.
    List {
        /// What each item is.
        item: Box<Shape>,
        /// How many items there may be.
        len: Bounds,
    },
    /// A number without fraction.
    Integer(Bounds),
    /// Any finite number.
    Number(Bounds),
    /// A text of so many characters.
    Text(Bounds),
    /// `true` or `false`.
    Boolean,
    /// One of several words and of several tables with one key: an externally tagged enum.
    Choice {
        /// The words.
        words: Vec<String>,
        /// The key of each table, and what is its value.
        forms: Vec<(String, Shape)>,
    },
    /// Any of several shapes that are told apart by the type of the value: an untagged enum.
    Either(Vec<Shape>),
    /// What the schema does not say; reading the scenario decides.
    Anything,
}

/// A key of a table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Field {
    /// What its value is.
    pub(crate) shape: Shape,
    /// The key's place among those that must be there; nothing where it may be left out.
    pub(crate) required: Option<usize>,
    /// What it is for, in a sentence.
    pub(crate) about: String,
}

/// The range of a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bounds {
    /// The lower end, and whether it belongs to the range.
    pub(crate) low: Option<(f64, bool)>,
    /// The upper end, and whether it belongs to the range.
    pub(crate) high: Option<(f64, bool)>,
    /// The largest integer that the type takes, said only to those who pass it.
    pub(crate) most: f64,
}

impl Shape {
    /// The shape that a whole JSON Schema describes.
    pub(crate) fn of_schema(schema: &Value) -> Self {
        Self::of(schema, schema)
    }

    fn of(schema: &Value, root: &Value) -> Self {
        if let Some(reference) = schema["$ref"].as_str() {
            return match root.pointer(reference.trim_start_matches('#')) {
                Some(target) => Self::of(target, root),
                None => Self::Anything,
            };
        }
        if let Some(arms) = schema["oneOf"].as_array() {
            return Self::choice(arms, root).unwrap_or(Self::Anything);
        }
        if let Some(arms) = schema["anyOf"].as_array() {
            let arms = arms.iter().filter(|arm| arm["type"] != "null");
            let mut shapes: Vec<Self> = arms.map(|arm| Self::of(arm, root)).collect();
            return match shapes.len() {
                1 => shapes.remove(0),
                _ => Self::Either(shapes),
            };
        }
        if schema["enum"].is_array() || schema["const"].is_string() {
            return Self::choice(std::slice::from_ref(schema), root).unwrap_or(Self::Anything);
        }
        match type_of(schema) {
            Some("object") => Self::table(schema, root),
            Some("array") => Self::List {
                item: Box::new(Self::of(&schema["items"], root)),
                len: Bounds::between(&schema["minItems"], &schema["maxItems"]),
            },
            Some("integer") => Self::Integer(Bounds::of(schema)),
            Some("number") => Self::Number(Bounds::of(schema)),
            Some("string") => {
                Self::Text(Bounds::between(&schema["minLength"], &schema["maxLength"]))
            }
            Some("boolean") => Self::Boolean,
            _ => Self::Anything,
        }
    }

    fn table(schema: &Value, root: &Value) -> Self {
        if schema["properties"].is_null() && schema["additionalProperties"] != Value::Bool(false) {
            return Self::Map(Box::new(Self::of(&schema["additionalProperties"], root)));
        }
        let required: Vec<&str> = strings(&schema["required"]).collect();
        let fields = schema["properties"].as_object().into_iter().flatten();
        let field = |(name, schema): (&String, &Value)| {
            let field = Field {
                shape: Self::of(schema, root),
                required: required.iter().position(|required| required == name),
                about: first_sentence(schema["description"].as_str().unwrap_or_default()),
            };
            (name.clone(), field)
        };
        Self::Table(fields.map(field).collect())
    }

    /// The choice between these arms, where each is a word or a table with one key.
    fn choice(arms: &[Value], root: &Value) -> Option<Self> {
        let (mut words, mut forms) = (Vec::new(), Vec::new());
        for arm in arms {
            if let Some(word) = arm["const"].as_str() {
                words.push(word.to_owned());
            } else if arm["enum"].is_array() {
                words.extend(strings(&arm["enum"]).map(str::to_owned));
            } else {
                let fields = arm["properties"].as_object().filter(|fields| fields.len() == 1)?;
                let (name, schema) = fields.iter().next()?;
                forms.push((name.clone(), Self::of(schema, root)));
            }
        }
        Some(Self::Choice { words, forms })
    }

    /// Every key of the shape's tables and forms, with the keys that lead to it.
    pub(crate) fn keys(&self) -> Vec<(Vec<String>, String)> {
        let mut keys = Vec::new();
        self.collect_keys(&[], &mut keys);
        keys
    }

    fn collect_keys(&self, above: &[String], keys: &mut Vec<(Vec<String>, String)>) {
        let mut go_on = |name: &String, shape: &Self| {
            keys.push((above.to_vec(), name.clone()));
            shape.collect_keys(&[above, std::slice::from_ref(name)].concat(), keys);
        };
        match self {
            Self::Table(fields) => {
                fields.iter().for_each(|(name, field)| go_on(name, &field.shape));
            }
            Self::Choice { forms, .. } => forms.iter().for_each(|(name, form)| go_on(name, form)),
            Self::Either(shapes) => {
                shapes.iter().for_each(|shape| shape.collect_keys(above, keys));
            }
            // A key inside a list has no path that could be written down, and a free key is no key of a scenario.
            Self::List { .. }
            | Self::Map(_)
            | Self::Integer(_)
            | Self::Number(_)
            | Self::Text(_)
            | Self::Boolean
            | Self::Anything => {}
        }
    }
}

impl Bounds {
    fn of(schema: &Value) -> Self {
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

    fn between(low: &Value, high: &Value) -> Self {
        let end = |value: &Value| value.as_f64().map(|end| (end, true));
        Self { low: end(low), high: end(high), most: f64::INFINITY }
    }

    /// Whether the number is in the range.
    pub(crate) fn contain(&self, number: f64) -> bool {
        self.low.is_none_or(|(end, inside)| number > end || inside && number == end)
            && self.high.is_none_or(|(end, inside)| number < end || inside && number == end)
    }

    /// The range in words: `above 0 and at most 1`.
    pub(crate) fn words(&self) -> Option<String> {
        let low = self.low.map(|(end, inside)| match inside {
            true => format!("at least {}", number(end)),
            false => format!("above {}", number(end)),
        });
        let high = self.high.map(|(end, inside)| match inside {
            true => format!("at most {}", number(end)),
            false => format!("below {}", number(end)),
        });
        match (self.low, self.high) {
            (Some((low, true)), Some((high, true))) => {
                Some(format!("between {} and {}", number(low), number(high)))
            }
            _ => match (low, high) {
                (Some(low), Some(high)) => Some(format!("{low} and {high}")),
                (low, high) => low.or(high),
            },
        }
    }
}

/// The type of a schema that is not `null`.
fn type_of(schema: &Value) -> Option<&str> {
    match &schema["type"] {
        Value::String(one) => Some(one),
        many => strings(many).find(|&name| name != "null"),
    }
}

fn strings(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// A description's first sentence, without its full stop.
fn first_sentence(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.split_once(". ").map_or(line, |(first, _)| first).trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape() -> Shape {
        Shape::of_schema(&crate::schema())
    }

    /// Every shape, the inner ones too.
    fn all(shape: &Shape, found: &mut Vec<Shape>) {
        found.push(shape.clone());
        match shape {
            Shape::Table(fields) => fields.values().for_each(|field| all(&field.shape, found)),
            Shape::List { item, .. } | Shape::Map(item) => all(item, found),
            Shape::Choice { forms, .. } => forms.iter().for_each(|(_, form)| all(form, found)),
            Shape::Either(shapes) => shapes.iter().for_each(|shape| all(shape, found)),
            _ => {}
        }
    }

    #[test]
    fn the_schema_of_a_scenario_leaves_nothing_open_but_what_a_sweep_sets() {
        let mut found = Vec::new();
        all(&shape(), &mut found);
        assert!(found.len() > 100);
        // The values of a grid and those of a list, which are checked where they are set.
        assert_eq!(found.iter().filter(|shape| **shape == Shape::Anything).count(), 2);
    }

    #[test]
    fn every_key_of_a_scenario_is_explained() {
        let mut found = Vec::new();
        all(&shape(), &mut found);
        for shape in found {
            if let Shape::Table(fields) = shape {
                for (name, field) in fields {
                    assert!(!field.about.is_empty(), "`{name}` has no description");
                }
            }
        }
    }

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

    #[test]
    fn keys_come_with_the_way_to_them() {
        let keys = shape().keys();
        let way = |name: &str| {
            let found = keys.iter().find(|(_, key)| key == name);
            found.map(|(above, _)| above.join("."))
        };
        assert_eq!(way("momentum").unwrap(), "local.optimizer.sgd");
        assert_eq!(way("rounds").unwrap(), "");
        assert_eq!(way("hidden").unwrap(), "model.mlp");
    }
}
