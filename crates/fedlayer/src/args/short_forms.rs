//! [`ShortForms`]: `--seeds` and `--rounds`, short for the most common uses of `--set`.

use std::str::FromStr;

use clap::Args;
use fedlayer_scenario::Setting;

use crate::numbers::{whole, within};

/// Short forms of common settings.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ShortForms {
    /// The seeds, such as `1`, `1,2,5` or `1-5`; short for `--set seeds=[…]`.
    #[arg(long, value_name = "SEEDS", allow_hyphen_values = true)]
    seeds: Option<Seeds>,
    /// The number of rounds; short for `--set rounds=…`.
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true, value_parser = within(0..=u32::MAX))]
    rounds: Option<u32>,
}

impl ShortForms {
    /// Returns the given settings, and then these.
    ///
    /// # Errors
    /// When both set the same key, because either of the two values could be meant.
    pub(crate) fn beside(&self, given: &[Setting]) -> Result<Vec<Setting>, String> {
        let seeds = self.seeds.as_ref().map(|seeds| ("seeds", list(&seeds.0)));
        let rounds = self.rounds.map(|rounds| ("rounds", rounds.to_string()));
        let mut all = given.to_vec();
        for (key, value) in seeds.into_iter().chain(rounds) {
            if given.iter().any(|setting| setting.sets(key)) {
                return Err(format!(
                    "`--{key}` and `--set {key}=…` set the same key\nhint: give one of the two"
                ));
            }
            let setting = format!("{key}={value}").parse::<Setting>();
            all.push(setting.map_err(|error| error.to_string())?);
        }
        Ok(all)
    }
}

/// Writes numbers as a list in TOML.
fn list(numbers: &[u64]) -> String {
    let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
    format!("[{}]", numbers.join(", "))
}

/// The most seeds of a range; a larger one is a typing error.
const MOST: u64 = 10_000;

/// Seeds, written `1`, `1,2,5`, `1-5` or `1-3,7`.
#[derive(Debug, Clone, PartialEq)]
struct Seeds(Vec<u64>);

impl FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all: Result<Vec<Vec<u64>>, String> = text.split(',').map(seeds).collect();
        Ok(Self(all?.concat()))
    }
}

/// Reads one seed, or a range of seeds.
fn seeds(text: &str) -> Result<Vec<u64>, String> {
    let number = |text: &str| whole::<u64>(text.trim());
    let range = match text.split_once('-') {
        Some((first, last)) => number(first).zip(number(last)),
        None => number(text).map(|seed| (seed, seed)),
    };
    match range {
        Some((first, last)) if first <= last && last - first < MOST => Ok((first..=last).collect()),
        _ => Err(format!(
            "found `{}`; seeds are written `1`, `1,2,5` or `1-5`, the smaller first, {MOST} of them at most",
            text.trim()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<Vec<u64>> {
        text.parse::<Seeds>().ok().map(|seeds| seeds.0)
    }

    #[test]
    fn seeds_are_numbers_lists_and_ranges() {
        assert_eq!(parsed("1"), Some(vec![1]));
        assert_eq!(parsed("1,2,5"), Some(vec![1, 2, 5]));
        assert_eq!(parsed("1-5"), Some(vec![1, 2, 3, 4, 5]));
        assert_eq!(parsed("7, 1-3"), Some(vec![7, 1, 2, 3]));
        assert_eq!(parsed("4-4"), Some(vec![4]));
    }

    #[test]
    fn what_are_no_seeds_is_refused() {
        for text in [
            "",
            "a",
            "1,",
            "5-1",
            "1-",
            "-1",
            "1-2-3",
            "1.5",
            "0-10000",
            "1-99999999999",
            "+1",
            "01",
        ] {
            assert_eq!(parsed(text), None, "{text}");
        }
        let error = "1,x".parse::<Seeds>().unwrap_err();
        assert!(error.starts_with("found `x`; seeds are written"), "{error}");
    }

    #[test]
    fn a_short_form_is_a_setting_and_never_beside_the_same_one() {
        let short = ShortForms { seeds: Some(Seeds(vec![1, 2])), rounds: Some(3) };
        let set = |text: &str| text.parse::<Setting>().unwrap();
        let all = short.beside(&[set("local.epochs=2")]).unwrap();
        assert!(all[1].sets("seeds") && all[2].sets("rounds"));
        assert_eq!(all.len(), 3);
        for same in ["seeds=[3]", "seeds.0=3", "rounds=4"] {
            let error = short.beside(&[set(same)]).unwrap_err();
            assert!(error.contains("set the same key"), "{error}");
        }
    }
}
