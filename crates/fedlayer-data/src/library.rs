//! [`Library`]: data sets, read once and shared by everything that asks for them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use fedlayer_core::{
    DataFacts, Examples, FederatedData, Seed,
    spec::{DataSet, DataSpec, Synthetic},
};

use crate::{
    DataError, digits,
    drawn::{self, DrawnClients},
    effect, error,
    file_source::FileSource,
    image_set::ImageSet,
    inputs, keep_classes, label_noise,
    partition::{self, PoolFacts},
    set_name::set_name,
    set_part::SetPart,
    sets::{self, ImageReader, SetParts, first},
    split, synthetic,
};

/// Data sets and the files that they come from. What was read is kept, so that seeds and plans share it.
///
/// Three functions, each needing more than the one before: [`facts`](Self::facts) says what a data set looks like, [`check`](Self::check) whether so many
/// clients can share it, [`load`](Self::load) shares it out.
#[derive(Debug)]
pub struct Library {
    source: Box<dyn FileSource>,
    read: Mutex<BTreeMap<String, SetParts>>,
}

impl Library {
    /// Reads files from `source`.
    pub fn new(source: Box<dyn FileSource>) -> Self {
        Self { source, read: Mutex::default() }
    }

    /// What the data set looks like: the shape of an example, the number of classes, and the sizes of the pool and of the common
    /// test set. Files of images are looked for and not read, but where `data.keep_classes` makes their labels count; texts and files of one's own are read.
    ///
    /// # Errors
    /// When `[data]` says what cannot be, whatever the number of clients, or a file is not there or not what it should be.
    pub fn facts(&self, spec: &DataSpec) -> Result<DataFacts, DataError> {
        error::share("data.client_test_share", spec.client_test_share)?;
        partition::check_value(&spec.partition)?;
        effect::check(spec)?;
        inputs::check(spec)?;
        let facts = match (&spec.set, ImageSet::of(&spec.set)) {
            (DataSet::Synthetic(synthetic), _) => drawn_facts(spec, synthetic)?,
            (DataSet::Digits, _) if spec.keep_classes.is_none() => {
                let all = first(spec.train, "data.train", digits::EXAMPLES)?;
                split_facts(spec, (digits::SHAPE.to_vec(), digits::CLASSES, 1), all, None)?
            }
            (_, Some(images)) if spec.keep_classes.is_none() => {
                let train = first(spec.train, "data.train", images.sizes.0)?;
                let test = first(spec.test, "data.test", images.sizes.1)?;
                ImageReader { set: images, source: &*self.source }.find(train)?;
                split_facts(spec, (images.shape.to_vec(), images.classes, 1), train, Some(test))?
            }
            _ => {
                let SetParts { train, test, .. } = self.parts(spec)?;
                refuse_one_class(spec, &train.examples)?;
                let test = test.map(|test| test.examples.len());
                let train = &train.examples;
                let form = (train.shape.clone(), train.classes, train.targets);
                split_facts(spec, form, train.len(), test)?
            }
        };
        effect::check_augment(spec, &facts)?;
        inputs::check_channels(spec, &facts)?;
        Ok(facts)
    }

    /// What the classes of files of one's own are called; nothing where they are called by their numbers, and for other sets.
    ///
    /// # Errors
    /// Those of [`facts`](Self::facts) that a file has.
    pub fn class_names(&self, spec: &DataSpec) -> Result<Option<Arc<[String]>>, DataError> {
        match &spec.set {
            DataSet::Files(_) => Ok(self.parts(spec)?.train.examples.class_names.clone()),
            _ => Ok(None),
        }
    }

    /// [`facts`](Self::facts), and whether `clients` clients can share the pool as `data.partition` wants it.
    ///
    /// # Errors
    /// Those of [`facts`](Self::facts); no clients, or more of them than the pool has examples; more shards than examples; classes that do not
    /// suffice for a client, or clients that do not suffice for the classes; fewer natural owners than clients.
    pub fn check(&self, spec: &DataSpec, clients: u32) -> Result<DataFacts, DataError> {
        let facts = self.facts(spec)?;
        if let DataSet::Synthetic(Synthetic { per_client: Some(each), .. }) = spec.set {
            drawn::check(spec, &facts, clients)?;
            let pool = clients as usize * each as usize;
            return Ok(DataFacts { pool, ..facts });
        }
        // Digits, drawn sets and images have classes and no owners, whatever is in the files.
        let (classes, owners) = match &spec.set {
            DataSet::Digits | DataSet::Synthetic(_) => (facts.classes, None),
            set if ImageSet::of(set).is_some() => (facts.classes, None),
            _ => {
                let train = self.parts(spec)?.train.examples;
                (train.strata().1, train.groups.as_deref().map(partition::natural::owners))
            }
        };
        let set = set_name(&spec.set);
        let pool = PoolFacts { set: &set, examples: facts.pool, classes, owners };
        partition::check(&spec.partition, pool, clients)?;
        Ok(facts)
    }

    /// Shares the examples out among `clients` clients.
    ///
    /// A set without a test part of its own is split first, stratified by class (a text by owner): `data.test_share` of all examples, rounded, at least one, and at
    /// least one is left. The rest is the pool; `data.partition` gives every example of it to exactly one client (`whole`: to each), and
    /// no client is empty. Each client then holds out `data.client_test_share` of its own examples, rounded: at least one where it has two
    /// or more, and one at least is left for training. Its examples stand in ascending order. Last of all, `data.label_noise` of the training labels are drawn
    /// anew: who has which example does not depend on it.
    ///
    /// The result depends on the arguments and the files alone. `seed` is the run's root seed; everything here is drawn from its child `data`.
    ///
    /// # Errors
    /// Those of [`check`](Self::check); a synthetic set that does not fit into memory; a file that does not decode.
    pub fn load(
        &self,
        spec: &DataSpec,
        clients: u32,
        seed: Seed,
    ) -> Result<FederatedData, DataError> {
        let facts = self.check(spec, clients)?;
        let seed = seed.child("data");
        if let DataSet::Synthetic(synthetic @ Synthetic { per_client: Some(_), .. }) = &spec.set {
            let drawn = DrawnClients::new(spec, synthetic, clients, seed)?;
            let test = Arc::new(drawn.test(facts.test)?);
            return Ok(FederatedData::drawn(Arc::new(drawn), test));
        }
        let (pool, test) = self.pool_and_test(spec, seed)?;
        let mut generator = seed.child("partition").generator();
        let shares = partition::deal(&spec.partition, &pool.examples, clients, &mut generator)?;
        let own = seed.child("own test");
        let clients = shares.into_iter().enumerate().map(|(client, share)| {
            split::train_and_own_test(share, spec.client_test_share, own.index(client as u64))
        });
        let (clients, noise) = (clients.collect(), seed.child("label noise"));
        let (pool, test) = inputs::by_training(spec, pool, test, &clients);
        inputs::within_range(spec, &[&pool, &test])?;
        let (pool, clients) = label_noise::on_training(pool, clients, spec.label_noise, noise);
        Ok(FederatedData::new(pool, test, clients))
    }

    /// What becomes of a number x of the set before the model sees it, in words: `(x / 255 − 0.1307) / 0.3081`; nothing for texts.
    ///
    /// # Errors
    /// Those of [`facts`](Self::facts).
    pub fn inputs(&self, spec: &DataSpec) -> Result<Option<String>, DataError> {
        let largest = match &spec.set {
            DataSet::Wikitext2 | DataSet::TinyShakespeare | DataSet::Text(_) => return Ok(None),
            DataSet::Synthetic(_) => None,
            set if ImageSet::of(set).is_some() => Some(inputs::BYTE),
            _ => self.parts(spec)?.largest,
        };
        inputs::words(spec, largest).map(Some)
    }

    /// The pool and the common test set.
    fn pool_and_test(&self, spec: &DataSpec, seed: Seed) -> Result<(SetPart, SetPart), DataError> {
        let split = |strata: &[u32], count: usize, owners: Option<&[u32]>| {
            split::pool_and_test(strata, count, owners, spec.test_share(), seed.child("split"))
        };
        if let DataSet::Synthetic(synthetic) = &spec.set {
            let seed = seed.child("synthetic");
            let design = synthetic::Design::draw(synthetic, seed)?;
            let (pool, test) = split(design.labels(), synthetic.classes as usize, None);
            let factor = inputs::Factor::of(spec, None)?;
            let seen = |rows: &[u32], seed| -> Result<_, DataError> {
                let examples = factor.examples(design.examples(rows, seed)?);
                Ok(inputs::by_constants(spec, SetPart::new(examples)))
            };
            return Ok((seen(&pool, seed.child("pool"))?, seen(&test, seed.child("test"))?));
        }
        let SetParts { train, test, .. } = self.parts(spec)?;
        if let Some(test) = test {
            return Ok((train, test));
        }
        let (strata, count) = train.examples.strata();
        let (pool, test) = split(&strata, count, train.examples.groups.as_deref());
        Ok((train.gather(&pool), train.gather(&test)))
    }

    /// The examples of a set that is read, once.
    fn parts(&self, spec: &DataSpec) -> Result<SetParts, DataError> {
        let of = (&spec.set, spec.train, spec.test, spec.context, spec.keep_classes);
        let key = format!("{of:?} {:?} {:?}", spec.scale, spec.normalize);
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(parts) = read.get(&key) {
            return Ok(parts.clone());
        }
        let parts = sets::read(spec, &*self.source)?;
        let parts = match spec.keep_classes {
            Some(classes) => keep_classes::keep_first(&parts, classes)?,
            None => parts,
        };
        let parts = parts.normalized(spec);
        read.insert(key, parts.clone());
        Ok(parts)
    }
}

/// Refuses training examples that are all of one class where the set has others: the first ones of a sorted file, say. A set that has one class alone, as the example of the
/// paper's Figure 4, is somebody's choice; `check` and `run` warn of it.
fn refuse_one_class(spec: &DataSpec, train: &Examples) -> Result<(), DataError> {
    let Some(&first) = train.labels.first() else { return Ok(()) };
    if train.classes < 2 || train.labels.iter().any(|&label| label != first) {
        return Ok(());
    }
    let names = train.class_names.as_deref();
    let class = names.and_then(|names| names.get(first as usize));
    let class = class.map_or_else(|| first.to_string(), |name| format!("`{name}`"));
    Err(DataError::OneClass { set: set_name(&spec.set), examples: train.len(), class })
}

/// The facts of a set that is drawn.
fn drawn_facts(spec: &DataSpec, synthetic: &Synthetic) -> Result<DataFacts, DataError> {
    synthetic::check(synthetic)?;
    let shape = vec![synthetic::features(synthetic)];
    let classes = synthetic.classes as usize;
    let (pool, test) = match synthetic.per_client {
        // The pool is known with the clients.
        Some(each) => {
            let test = spec.test.unwrap_or(drawn::TEST);
            let allowed = "at most 100000000 where clients are drawn";
            error::in_range(test <= drawn::MOST_TEST, "data.test", test, allowed)?;
            (each as usize, test as usize)
        }
        None => {
            let all = synthetic::examples(synthetic) as usize;
            let test = split::held_out(all, spec.test_share());
            (all - test, test)
        }
    };
    Ok(DataFacts { shape, classes, targets: 1, pool, test })
}

/// The facts of a set of which `all` examples are taken, and `test` more where it has a test part of its own: shape, classes and targets are its `form`.
fn split_facts(
    spec: &DataSpec,
    (shape, classes, targets): (Vec<usize>, usize, usize),
    all: usize,
    test: Option<usize>,
) -> Result<DataFacts, DataError> {
    if test.is_none() && all < 2 {
        let key = if spec.train.is_some() { "data.train" } else { "data.set" };
        return Err(DataError::OneExample { key, set: set_name(&spec.set) });
    }
    let held = split::held_out(all, spec.test_share());
    let (pool, test) = test.map_or((all - held, held), |test| (all, test));
    Ok(DataFacts { shape, classes, targets, pool, test })
}
