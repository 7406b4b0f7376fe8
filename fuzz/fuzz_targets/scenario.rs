//! Fuzzes the reader of scenarios: a whole text, and a text with its first line as a `--set`. The
//! result must be plans or a report that can be shown.
#![no_main]

use fedlayer_core::{data::DataFacts, spec::DataSpec};
use fedlayer_scenario::{Color, Setting, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    plans_or_report(text, &[]);
    if let Some((first, rest)) = text.split_once('\n')
        && let Ok(setting) = first.parse()
    {
        plans_or_report(rest, &[setting]);
    }
});

fn plans_or_report(text: &str, settings: &[Setting]) {
    let facts = DataFacts { shape: vec![64], classes: 10, targets: 1, pool: 1438, test: 359 };
    let data = |_: &DataSpec, _: u32| Ok(facts.clone());
    match read("scenario.toml", text, settings, &data) {
        Ok(read) => {
            let plain = read.scenario.seeds.len() * read.scenario.strategy.len();
            assert!(plain > 0 && read.plans.len() % plain == 0);
        }
        Err(report) => {
            assert!(!report.is_empty());
            let shown = report.render(Color::Plain);
            assert!(shown.chars().all(|shown| shown == '\n' || !shown.is_control()), "{shown:?}");
        }
    }
}
