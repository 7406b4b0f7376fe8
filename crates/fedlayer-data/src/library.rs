//! [`Library`]: data sets, read once and shared by all seeds and plans.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use fedlayer_core::{
    Seed,
    data::{DataFacts, Examples, FederatedData},
    spec::{DataSet, DataSpec, Synthetic},
    text::in_backticks,
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
    shares,
    split::{self, OwnSeeds},
    synthetic,
};

/// Data sets and the files that they come from. Sets that were read stay in memory for all seeds
/// and plans.
///
/// Three functions build on each other: [`facts`](Self::facts) describes a data set,
/// [`check`](Self::check) also checks that the clients can share it, [`load`](Self::load) shares it
/// out.
#[derive(Debug)]
pub struct Library {
    source: Box<dyn FileSource>,
    read: Mutex<BTreeMap<String, SetParts>>,
}

impl Library {
    /// Makes a library that reads files from `source`.
    pub fn new(source: Box<dyn FileSource>) -> Self {
        Self { source, read: Mutex::default() }
    }

    /// Describes the data set: the shape of an example, the number of classes, and the sizes of the
    /// pool (without the common validation set) and of the common test set. Image files are opened and not read, unless
    /// `data.keep_classes` makes their labels count; texts and the user's own files are read.
    ///
    /// # Errors
    /// When `[data]` is wrong whatever the number of clients, or a file is missing or damaged.
    pub fn facts(&self, spec: &DataSpec) -> Result<DataFacts, DataError> {
        shares::check(spec)?;
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
        shares::check_pool(spec, &facts)?;
        inputs::check_channels(spec, &facts)?;
        let validation = match spec.set {
            // Clients draw their examples, and the validation set is drawn beside them.
            DataSet::Synthetic(Synthetic { per_client: Some(_), .. }) => 0,
            _ => split::held_out(facts.pool, spec.validation_share),
        };
        Ok(DataFacts { pool: facts.pool - validation, ..facts })
    }

    /// Returns the names of the classes in the user's own files; `None` if they are numbers, and
    /// for other sets.
    ///
    /// # Errors
    /// Those of [`facts`](Self::facts) about files.
    pub fn class_names(&self, spec: &DataSpec) -> Result<Option<Arc<[String]>>, DataError> {
        match &spec.set {
            DataSet::Files(_) => Ok(self.parts(spec)?.train.examples.class_names.clone()),
            _ => Ok(None),
        }
    }

    /// Describes the data set as [`facts`](Self::facts) does, and checks that `clients` clients can
    /// share the pool by `data.partition`.
    ///
    /// # Errors
    /// Those of [`facts`](Self::facts); no clients, or more clients than examples; more shards than
    /// examples; fewer classes than a client needs, or fewer clients than the classes need; fewer
    /// natural owners than clients.
    pub fn check(&self, spec: &DataSpec, clients: u32) -> Result<DataFacts, DataError> {
        let facts = self.facts(spec)?;
        if let DataSet::Synthetic(Synthetic { per_client: Some(each), .. }) = spec.set {
            drawn::check(spec, &facts, clients)?;
            let pool = clients as usize * each as usize;
            return Ok(DataFacts { pool, ..facts });
        }
        // Digits, drawn sets and images have classes and no owners, whatever their files contain.
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
    /// A set without a test part is split first, stratified by class (a text by owner):
    /// `data.test_share` of all examples, rounded, becomes the common test set. At least one
    /// example is held out and at least one is left. Of the rest, `data.validation_share`, rounded
    /// and stratified in the same way, becomes the common validation set. What is left is the pool.
    /// `data.partition` gives every example of the pool to exactly one client (`whole`: to every
    /// client), and no client is empty. Each client then holds out `data.client_test_share` and
    /// `data.client_validation_share` of its own examples, rounded: at least one each while two or
    /// more are left, and at least one is left for training. Its examples are in ascending order.
    /// Last, `data.label_noise` of the training labels are drawn anew; the noise does not change
    /// which client has which example.
    ///
    /// A share of 0 sets nothing apart, and changes no draw of any other part.
    ///
    /// The result depends on the arguments and the files alone. `seed` is the run's root seed;
    /// everything here is drawn from its child `data`.
    ///
    /// # Errors
    /// Those of [`check`](Self::check); a synthetic set that does not fit into memory; a file that
    /// does not decode.
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
            let test = Arc::new(drawn.common("test", facts.test)?);
            let validation = match drawn::validation(spec, facts.test) {
                0 => None,
                count => Some(Arc::new(drawn.common("validation", count)?)),
            };
            return Ok(FederatedData::drawn(Arc::new(drawn), test).with_validation(validation));
        }
        let (pool, test) = self.pool_and_test(spec, seed)?;
        let (pool, validation) = validation_of(spec, pool, seed.child("validation"));
        let mut generator = seed.child("partition").generator();
        let shares = partition::deal(&spec.partition, &pool.examples, clients, &mut generator)?;
        let (test_seed, validation_seed) = (seed.child("own test"), seed.child("own validation"));
        let clients = shares.into_iter().enumerate().map(|(client, share)| {
            let (test, validation) =
                (test_seed.index(client as u64), validation_seed.index(client as u64));
            split::parts_of_client(share, spec, OwnSeeds { test, validation })
        });
        let (clients, noise) = (clients.collect(), seed.child("label noise"));
        let (pool, test, validation) =
            inputs::by_training(spec, pool, (test, validation), &clients);
        let common = validation.iter().chain([&pool, &test]);
        inputs::within_range(spec, common.map(|part| &**part))?;
        let (pool, clients) = label_noise::on_training(pool, clients, spec.label_noise, noise);
        Ok(FederatedData::new(pool, test, clients).with_validation(validation))
    }

    /// Describes how a number x of the set is scaled and normalised: `(x / 255 − 0.1307) / 0.3081`;
    /// `None` for texts.
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

    /// Returns sentences on columns of a user's own files that lose their differences in 32 bits.
    ///
    /// # Errors
    /// Those of [`facts`](Self::facts) that a file has.
    pub fn lost_digits(&self, spec: &DataSpec) -> Result<Arc<[String]>, DataError> {
        match &spec.set {
            DataSet::Files(_) => Ok(self.parts(spec)?.lost),
            _ => Ok(Arc::default()),
        }
    }

    /// Returns the pool and the common test set.
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

    /// Returns the examples of a set that is read from files; reads them only once.
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

/// Takes the common validation set out of the pool, if the scenario asks for one.
fn validation_of(spec: &DataSpec, pool: SetPart, seed: Seed) -> (SetPart, Option<SetPart>) {
    if spec.validation_share == 0.0 {
        return (pool, None);
    }
    let (strata, count) = pool.examples.strata();
    let owners = pool.examples.groups.as_deref();
    let (rest, validation) =
        split::rest_and_validation(&strata, count, owners, spec.validation_share, seed);
    (pool.gather(&rest), Some(pool.gather(&validation)))
}

/// Refuses training examples of a single class if the set has more: the first examples of a sorted
/// file, for instance. A set with a single class, as in the paper's Figure 4, is a choice; `check`
/// and `run` warn of it.
fn refuse_one_class(spec: &DataSpec, train: &Examples) -> Result<(), DataError> {
    let Some(&first) = train.labels.first() else { return Ok(()) };
    if train.classes < 2 || train.labels.iter().any(|&label| label != first) {
        return Ok(());
    }
    let names = train.class_names.as_deref();
    let class = names.and_then(|names| names.get(first as usize));
    let class = class.map_or_else(|| first.to_string(), |name| in_backticks([name]));
    Err(DataError::OneClass { set: set_name(&spec.set), examples: train.len(), class })
}

/// Returns the facts of a drawn set.
fn drawn_facts(spec: &DataSpec, synthetic: &Synthetic) -> Result<DataFacts, DataError> {
    synthetic::check(synthetic)?;
    let shape = vec![synthetic::features(synthetic)];
    let classes = synthetic.classes as usize;
    let (pool, test) = match synthetic.per_client {
        // The pool depends on the number of clients, which is not known here.
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

/// Returns the facts of a set with `all` training examples and, if it has a test part of its own,
/// `test` test examples. `form` has the shape, the classes and the targets.
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
