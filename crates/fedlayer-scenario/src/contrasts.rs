//! [`Scenario::contrasts`]: the keys in which two scenarios differ, with defaults written out;
//! [`local_contrasts`]: those of two strategies' local training.

use fedlayer_core::{
    compare::{Contrast, contrasts},
    spec::{
        DataSet, DataSpec, LocalSpec, MlpForm, ModelSpec, NormKind, Normalize, NormalizeWord,
        Scale, ScaleWord, Synthetic,
    },
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{Scenario, local_overlays, scenario_schema::scenario_schema};

impl Scenario {
    /// Returns every key in which this scenario, the reference, differs from another one and that
    /// matters for a comparison of their results; see [`contrasts`]. A key that only one of them
    /// has gets its default in the other. A key that neither has is not returned.
    ///
    /// # Errors
    /// If a value cannot be written as JSON.
    pub fn contrasts(&self, other: &Self) -> Result<Vec<Contrast>, serde_json::Error> {
        let given = contrasts(&serde_json::to_value(self)?, &serde_json::to_value(other)?);
        let mut full = [self.in_full()?, other.in_full()?];
        if self.has_overlay() || other.has_overlay() {
            let [own, others] = &mut full;
            self.put_locals(own)?;
            other.put_locals(others)?;
            for unused in self.unused_keys().chain(other.unused_keys()) {
                full.iter_mut().for_each(|scenario| remove(scenario, "/local", unused));
            }
        }
        let mut found = without_repeated_locals(contrasts(&full[0], &full[1]));
        let lies_within = |inner: &str, outer: &str| {
            inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        found.retain(|Contrast { key, .. }| {
            given.iter().any(|given| lies_within(key, &given.key) || lies_within(&given.key, key))
        });
        Ok(found)
    }

    /// Returns the scenario as JSON with the defaults of missing keys written out and with seeds in
    /// ascending order, so that two equivalent scenarios are equal. A key stays `null` or absent if
    /// no value expresses its default (`clients.deadline`: none) or if the data decides
    /// (`data.scale` of a user's own files).
    fn in_full(&self) -> Result<Value, serde_json::Error> {
        let mut full = self.clone();
        full.seeds.sort_unstable();
        full.clients.per_round.get_or_insert(full.clients.count);
        data(&mut full.data);
        model(&mut full.model);
        let mut value = serde_json::to_value(&full)?;
        value["local"] = local_in_full(&full.local)?;
        // These keys are left out at their defaults, because the hashes of runs of format 1 are
        // older than the keys.
        put(&mut value, "/data", "label_noise", &full.data.label_noise)?;
        put(&mut value, "/data", "validation_share", &full.data.validation_share)?;
        put(&mut value, "/data", "client_validation_share", &full.data.client_validation_share)?;
        put(&mut value, "/evaluate", "select", &full.evaluate.select)?;
        if let DataSet::Files(files) = &full.data.set {
            put(&mut value, "/data/set/files", "ignore", &files.ignore)?;
        }
        Ok(value)
    }

    /// Returns the local training of each strategy; `None` if a strategy's keys do not fit those of
    /// `[local]`.
    pub fn locals(&self) -> Option<Vec<LocalSpec>> {
        local_overlays::merge(self, scenario_schema()).ok()
    }

    fn has_overlay(&self) -> bool {
        self.strategy.iter().any(|strategy| strategy.local.is_some())
    }

    /// Writes the whole local training of each strategy into the strategies of `full`.
    fn put_locals(&self, full: &mut Value) -> Result<(), serde_json::Error> {
        for (index, local) in self.locals().unwrap_or_default().iter().enumerate() {
            put(full, &format!("/strategy/{index}"), "local", &local_in_full(local)?)?;
        }
        Ok(())
    }

    /// Returns the keys of `[local]` that every strategy replaces.
    fn unused_keys(&self) -> impl Iterator<Item = &str> {
        let first = self.strategy.iter().filter_map(|strategy| strategy.local.as_ref()).take(1);
        let is_unused = |key: &&str| {
            let mut overlays = self.strategy.iter().map(|strategy| strategy.local.as_ref());
            overlays.all(|overlay| overlay.is_some_and(|overlay| overlay.replaces(key)))
        };
        first.flat_map(|overlay| overlay.replaced_keys()).filter(is_unused)
    }
}

/// Returns every key in which the local training of a strategy differs from that of the reference.
///
/// # Errors
/// If a value cannot be written as JSON.
pub fn local_contrasts(
    reference: &LocalSpec,
    other: &LocalSpec,
) -> Result<Vec<Contrast>, serde_json::Error> {
    let [reference, other] = [local_in_full(reference)?, local_in_full(other)?];
    Ok(contrasts(&json!({ "local": reference }), &json!({ "local": other })))
}

/// Returns local training as JSON with all defaults written out.
fn local_in_full(local: &LocalSpec) -> Result<Value, serde_json::Error> {
    let mut value = serde_json::to_value(local)?;
    // It is left out at its default, because the hashes of runs of format 1 are older than the key.
    put(&mut value, "", "last_batch", &local.last_batch)?;
    Ok(value)
}

/// Removes the contrasts of strategies' local training that `[local]` itself has with the same
/// values.
fn without_repeated_locals(mut found: Vec<Contrast>) -> Vec<Contrast> {
    let common: Vec<Contrast> =
        found.iter().filter(|contrast| contrast.key.starts_with("local.")).cloned().collect();
    found.retain(|Contrast { key, reference, other, .. }| {
        let repeats = |common: &Contrast| {
            key.ends_with(&format!(".{}", common.key))
                && (reference, other) == (&common.reference, &common.other)
        };
        !common.iter().any(repeats)
    });
    found
}

/// Removes a key from the table at a pointer.
fn remove(value: &mut Value, table: &str, key: &str) {
    if let Some(Value::Object(table)) = value.pointer_mut(table) {
        table.remove(key);
    }
}

/// Writes a key into the table at a pointer.
fn put(
    value: &mut Value,
    table: &str,
    key: &str,
    written: &impl Serialize,
) -> Result<(), serde_json::Error> {
    if let Some(Value::Object(table)) = value.pointer_mut(table) {
        table.insert(key.to_owned(), serde_json::to_value(written)?);
    }
    Ok(())
}

/// Writes the defaults of `[data]` out.
fn data(spec: &mut DataSpec) {
    let (scale, normalize) = (Scale::Word, Normalize::Word);
    match spec.set {
        DataSet::Digits => {
            spec.scale.get_or_insert(scale(ScaleWord::Unit));
            spec.normalize.get_or_insert(normalize(NormalizeWord::None));
        }
        DataSet::Mnist | DataSet::FashionMnist | DataSet::Cifar10 | DataSet::Cifar100 => {
            spec.scale.get_or_insert(scale(ScaleWord::Unit));
            spec.normalize.get_or_insert(normalize(NormalizeWord::Set));
        }
        DataSet::Synthetic(_) => {
            spec.scale.get_or_insert(scale(ScaleWord::None));
            spec.normalize.get_or_insert(normalize(NormalizeWord::None));
        }
        DataSet::Files(_) => {
            spec.normalize.get_or_insert(normalize(NormalizeWord::None));
        }
        DataSet::Wikitext2 | DataSet::TinyShakespeare | DataSet::Text(_) => {
            spec.context = Some(spec.context());
        }
    }
    if has_no_test_part(&spec.set) {
        spec.test_share = Some(spec.test_share());
    }
    match &mut spec.set {
        DataSet::Synthetic(Synthetic { examples, per_client: None, .. }) => {
            examples.get_or_insert(Synthetic::EXAMPLES);
        }
        DataSet::Files(files) if files.train.contains(".csv") => {
            files.separator.get_or_insert(',');
            files.header.get_or_insert(true);
        }
        _ => {}
    }
}

/// Returns whether the common test set is split off from the training examples.
fn has_no_test_part(set: &DataSet) -> bool {
    match set {
        DataSet::Digits | DataSet::TinyShakespeare | DataSet::Text(_) => true,
        DataSet::Synthetic(synthetic) => synthetic.per_client.is_none(),
        DataSet::Files(files) => files.test.is_none(),
        _ => false,
    }
}

/// Writes the defaults of `[model]` out.
fn model(model: &mut ModelSpec) {
    match model {
        ModelSpec::Mlp(form) => {
            if let MlpForm::Full(full) = form
                && full.activation == Default::default()
            {
                *form = MlpForm::Hidden(std::mem::take(&mut full.hidden));
            }
        }
        ModelSpec::Resnet18(residual) if residual.norm == NormKind::Group => {
            residual.groups.get_or_insert(ModelSpec::RESNET_18_GROUPS);
        }
        ModelSpec::Resnet20(residual) if residual.norm == NormKind::Group => {
            residual.groups.get_or_insert(ModelSpec::RESNET_20_GROUPS);
        }
        _ => {}
    }
}
