//! [`Scenario::contrasts`]: the keys in which two scenarios differ, with defaults written out.

use fedlayer_core::{
    compare::{Contrast, contrasts},
    spec::{
        DataSet, DataSpec, MlpForm, ModelSpec, NormKind, Normalize, NormalizeWord, Scale,
        ScaleWord, Synthetic,
    },
};
use serde::Serialize;
use serde_json::Value;

use crate::Scenario;

impl Scenario {
    /// Returns every key in which this scenario, the reference, differs from another one and that
    /// matters for a comparison of their results; see [`contrasts`]. A key that only one of them
    /// has gets its default in the other. A key that neither has is not returned.
    ///
    /// # Errors
    /// If a value cannot be written as JSON.
    pub fn contrasts(&self, other: &Self) -> Result<Vec<Contrast>, serde_json::Error> {
        let given = contrasts(&serde_json::to_value(self)?, &serde_json::to_value(other)?);
        let mut found = contrasts(&self.in_full()?, &other.in_full()?);
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
        // Plans leave these keys out at their defaults, because the plans' hashes are older than
        // the keys.
        put(&mut value, "/local", "last_batch", &full.local.last_batch)?;
        put(&mut value, "/data", "label_noise", &full.data.label_noise)?;
        put(&mut value, "/data", "validation_share", &full.data.validation_share)?;
        put(&mut value, "/data", "client_validation_share", &full.data.client_validation_share)?;
        put(&mut value, "/evaluate", "select", &full.evaluate.select)?;
        if let DataSet::Files(files) = &full.data.set {
            put(&mut value, "/data/set/files", "ignore", &files.ignore)?;
        }
        Ok(value)
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
