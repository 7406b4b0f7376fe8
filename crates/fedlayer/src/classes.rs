//! The names of the classes in the user's own files: in tables, and in a run folder's `data.json`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use fedlayer_core::{Plan, data::FederatedData, spec::DataSet};
use serde::Serialize;

use crate::{exit::Failure, run_folder::RunFolder, screen::Screen, trainers::Trainers};

/// The longest name above a column.
const LONGEST: usize = 16;

/// The classes of one set, in `data.json`.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct NamedClasses {
    /// The training file, as in the scenario.
    set: String,
    /// The name of each class.
    classes: Arc<[String]>,
}

/// Returns the heading of a class's column: its name or its number.
pub(crate) fn heading(names: Option<&[String]>, class: usize) -> String {
    let Some(name) = names.and_then(|names| names.get(class)) else { return class.to_string() };
    let name = name.replace(char::is_control, " ");
    match name.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name,
    }
}

/// Warns of test examples of classes without training examples, or of a single class; `None` for
/// texts and for drawn clients.
pub(crate) fn untrained(data: &FederatedData) -> Option<String> {
    let pool = data.pool().filter(|pool| pool.targets == 1)?;
    let trained: BTreeSet<u32> =
        data.union_train().iter().map(|&row| pool.labels[row as usize]).collect();
    let names = data.test.class_names.as_deref();
    if let (Some(&class), 1) = (trained.first(), trained.len()) {
        let class = called(names, class);
        return Some(format!(
            "all training examples are of one class, {class}: there is nothing to learn"
        ));
    }
    let is_untrained = |label: &&u32| !trained.contains(label);
    let lost = data.test.labels.iter().filter(is_untrained);
    let (count, untrained) = (lost.clone().count(), lost.copied().collect::<BTreeSet<_>>());
    if untrained.is_empty() {
        return None;
    }
    const SHOWN: usize = 8;
    let shown = untrained.iter().take(SHOWN).map(|&class| called(names, class));
    let shown = shown.collect::<Vec<_>>().join(", ");
    let more = match untrained.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let (classes, all) = (if untrained.len() == 1 { "class" } else { "classes" }, data.test.len());
    Some(format!(
        "{count} of {all} test examples are of the {classes} {shown}{more} without any training example; take more training examples, or fewer classes (`data.keep_classes`)"
    ))
}

/// Warns of names of classes that differ in case or blanks alone.
pub(crate) fn alike(data: &FederatedData) -> Option<String> {
    let names = data.test.class_names.as_deref()?;
    let plain = |name: &str| name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let mut by_plain: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for (class, name) in (0..).zip(names) {
        by_plain.entry(plain(name)).or_default().push(class);
    }
    let groups = by_plain.into_values().filter(|classes| classes.len() > 1);
    const SHOWN: usize = 4;
    let mut groups: Vec<Vec<u32>> = groups.collect();
    groups.sort();
    let more = groups.len().saturating_sub(SHOWN);
    let named = |classes: &Vec<u32>| {
        let names = classes.iter().map(|&class| called(Some(names), class));
        names.collect::<Vec<_>>().join(" and ")
    };
    let shown: Vec<String> = groups.iter().take(SHOWN).map(named).collect();
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    (!groups.is_empty()).then(|| {
        format!(
            "labels that differ in case or blanks alone are different classes: {}{more}; write them alike in the file if they mean the same",
            shown.join("; ")
        )
    })
}

/// Returns the name of a class for a sentence.
fn called(names: Option<&[String]>, class: u32) -> String {
    let heading = heading(names, class as usize);
    if names.is_some() { format!("`{heading}`") } else { heading }
}

/// Writes the names of a run's classes into its `data.json` and prints them; does nothing if they
/// are numbers.
pub(crate) fn record(
    plans: &[Arc<Plan>],
    trainers: &Trainers,
    folder: &RunFolder,
    screen: &Screen,
) -> Result<(), Failure> {
    let mut sets = Vec::new();
    for plan in plans {
        let DataSet::Files(files) = &plan.data.set else { continue };
        if let Some(classes) = trainers.class_names(plan).map_err(Failure::Data)? {
            let set = NamedClasses { set: files.train.clone(), classes };
            if !sets.contains(&set) {
                sets.push(set);
            }
        }
    }
    if sets.is_empty() {
        return Ok(());
    }
    folder.write_data(&sets)?;
    sets.iter().for_each(|set| screen.talk(&set.sentence()));
    Ok(())
}

impl NamedClasses {
    /// Names the first classes of the set.
    fn sentence(&self) -> String {
        const SHOWN: usize = 4;
        let of = |class: usize| format!("{class} is `{}`", heading(Some(&self.classes), class));
        let shown: Vec<String> = (0..self.classes.len().min(SHOWN)).map(of).collect();
        let more = if self.classes.len() > SHOWN { ", …" } else { "" };
        let set = self.set.replace(char::is_control, " ");
        format!("classes of `{set}`: {}{more} (all in data.json)", shown.join(", "))
    }
}
