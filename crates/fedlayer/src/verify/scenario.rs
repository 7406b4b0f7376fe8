//! Compares `scenario.toml` of a run folder with the scenario that the run began with. Comments and
//! analyses may change, plans may not.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::{Cure, Fault, Findings};
use crate::{
    files::{self, Content},
    run_folder::{
        NOTE, SCENARIO,
        format::FolderFormat,
        note::{Provenance, says},
        sealed::Sealed,
    },
};

/// The number of keys that a message names; an unrelated file would differ in all.
const NAMED: usize = 8;

/// Checks that a scenario still has the plans that the run began with.
pub(super) fn check(path: &Path, provenance: &Provenance, found: &mut Findings) {
    if Content::of(path).is_ok_and(|now| now == provenance.scenario_file) {
        return;
    }
    let text = match files::read_text(path) {
        Ok(text) => text,
        Err(error) => return found.add_damage(error.into(), Cure::Restore),
    };
    let differ = match says(&text) {
        Ok(now) => differences(&provenance.scenario_says, &now),
        Err(report) => {
            // The report's first lines name the error and its position.
            let reason: Vec<&str> = report.lines().take(2).map(str::trim).collect();
            let words = format!("it is not a scenario any more: {}", reason.join(" "));
            return found.add(Fault::damaged(path.to_owned(), words, Cure::Restore));
        }
    };
    if differ.is_empty() {
        found.changed_text = Some(format!(
            "the text of `{}` has changed since the run began; its plans are the same",
            path.display()
        ));
    }
    for difference in differ {
        let words = format!("differs from the scenario in `{NOTE}`: {difference}");
        found.add(Fault { path: path.to_owned(), words, cure: Cure::Restore });
    }
}

/// Returns the provenance of a run, if its note has one, for commands that take a single model of
/// the run. The scenario is compared with it.
///
/// # Errors
/// When the note or the scenario has changed.
pub(crate) fn provenance(run: &Path) -> Result<Option<Provenance>, Fault> {
    let note = run.join(NOTE);
    let damaged =
        |reason: &dyn std::fmt::Display| Fault::damaged(note.clone(), reason, Cure::Restore);
    FolderFormat::of(run).map_err(|failure| Fault::later(note.clone(), &failure))?;
    let sealed = Sealed::read(&note).map_err(|failure| damaged(&failure.first_line()))?;
    let began = sealed
        .checked(|began: &ProvenanceOnly| began.provenance.is_some())
        .map_err(|error| damaged(&error))?;
    let Some(provenance) = began.provenance else { return Ok(None) };
    let mut found = Findings::default();
    check(&run.join(SCENARIO), &provenance, &mut found);
    found.faults.into_iter().next().map_or(Ok(Some(provenance)), Err)
}

/// The provenance in a run's note.
#[derive(Deserialize)]
struct ProvenanceOnly {
    #[serde(default)]
    provenance: Option<Provenance>,
}

/// Lists the keys in which two scenarios differ, each with both values. Both scenarios are in the
/// form of [`says`]; one that an earlier version wrote lacks the keys that are new.
pub(crate) fn differences(began: &Value, now: &Value) -> Vec<String> {
    let [began, now] = [began, now].map(fedlayer_scenario::with_defaults);
    let mut all = Vec::new();
    visit("", &began, &now, &mut all);
    let more = all.len().saturating_sub(NAMED);
    all.truncate(NAMED);
    if more > 0 {
        all.push(format!("{more} more keys"));
    }
    all
}

fn visit(key: &str, began: &Value, now: &Value, found: &mut Vec<String>) {
    let inner = |name: &str| match key {
        "" => name.to_owned(),
        key => format!("{key}.{name}"),
    };
    match (began, now) {
        (began, now) if began == now => {}
        (Value::Object(a), Value::Object(b)) => {
            let only_b = b.keys().filter(|name| !a.contains_key(*name));
            for name in a.keys().chain(only_b) {
                let [a, b] = [a, b].map(|table| table.get(name).unwrap_or(&Value::Null));
                visit(&inner(name), a, b, found);
            }
        }
        (Value::Array(a), Value::Array(b))
            if a.len() == b.len() && a.iter().all(Value::is_object) =>
        {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                visit(&inner(&index.to_string()), a, b, found);
            }
        }
        (began, now) => found.push(format!("`{key}` was {} and is {}", shown(began), shown(now))),
    }
}

/// Formats a value for a message, shortened to a line.
fn shown(value: &Value) -> String {
    const LONGEST: usize = 200;
    if value.is_null() {
        return "not given".to_owned();
    }
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_key_that_changed_is_named_with_both_values() {
        let began =
            json!({ "seeds": [1], "strategy": [{ "name": "all" }], "local": { "lr": 0.1 } });
        let now = json!({ "seeds": [1, 2], "strategy": [{ "name": "none" }], "local": { "lr": 0.1 }, "initial": "x" });
        assert_eq!(differences(&began, &began), Vec::<String>::new());
        assert_eq!(
            differences(&began, &now),
            [
                "`seeds` was [1] and is [1,2]",
                "`strategy.0.name` was \"all\" and is \"none\"",
                "`initial` was not given and is \"x\"",
            ]
        );
    }
}
