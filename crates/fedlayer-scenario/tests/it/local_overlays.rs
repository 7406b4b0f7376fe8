//! `local` of a strategy: the keys of `[local]` that it changes.

use fedlayer_core::{
    Plan,
    compare::{Contrast, Effect},
    spec::{Adam, LocalSpec, Optimizer, Sgd},
};
use fedlayer_scenario::{canonical_form, read_without_data};

use crate::base::{BASE, Case, edited, holds, messages, read_set, read_text};

/// The first strategy of [`BASE`].
const FIRST: &str = "name = \"all\"\naverage = \"all\"\n";

/// Returns [`BASE`] with keys of `[local]` in its first strategy.
fn with(local: &str) -> String {
    edited(FIRST, &format!("{FIRST}local = {local}\n"))
}

fn plans(text: &str) -> Vec<Plan> {
    read_text(text).unwrap_or_else(|report| panic!("{report}")).plans
}

/// Returns the local training of the first and of the second strategy.
fn two_locals(text: &str) -> [LocalSpec; 2] {
    let plans = plans(text);
    [plans[0].local.clone(), plans[3].local.clone()]
}

fn common() -> LocalSpec {
    LocalSpec::new(2, 16, Optimizer::Sgd(Sgd { momentum: 0.9, ..Sgd::new(0.1) }))
}

#[test]
fn a_strategy_trains_with_its_own_keys_and_the_others_as_before() {
    let own = LocalSpec { epochs: Some(5), clip: Some(1.0), ..common() };
    assert_eq!(two_locals(&with("{ epochs = 5, clip = 1 }")), [own.clone(), common()]);
    let table = edited(FIRST, &format!("{FIRST}[strategy.local]\nepochs = 5\nclip = 1.0\n"));
    assert_eq!(two_locals(&table), [own, common()]);
}

#[test]
fn a_part_of_a_form_keeps_the_rest_and_another_form_replaces_it() {
    let faster = Optimizer::Sgd(Sgd { momentum: 0.9, ..Sgd::new(0.5) });
    let [own, _] = two_locals(&with("{ optimizer.sgd.lr = 0.5 }"));
    assert_eq!(own, LocalSpec { optimizer: faster, ..common() });
    let adam = Adam { lr: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0 };
    let [own, _] = two_locals(&with("{ optimizer = { adam = { lr = 0.01 } } }"));
    assert_eq!(own, LocalSpec { optimizer: Optimizer::Adam(adam), ..common() });
    let [own, _] = two_locals(&with("{ steps = 7 }"));
    assert_eq!(own, LocalSpec { epochs: None, steps: Some(7), ..common() });
}

/// The plans are those of a scenario with the keys in `[local]`, and have the same hashes.
#[test]
fn a_plan_is_the_same_as_with_the_keys_in_local() {
    let own = &plans(&with("{ epochs = 5 }"))[0];
    let alone = &plans(&edited("epochs = 2", "epochs = 5"))[0];
    assert_eq!(own, alone);
    assert_eq!(canonical_form(own).unwrap(), canonical_form(alone).unwrap());
    assert!(!own.trains_as(&plans(BASE)[0]));
}

#[test]
fn settings_and_sweeps_reach_into_a_strategy_and_leave_its_other_keys() {
    let set = read_set(&["strategy.0.local.epochs=5", "local.epochs=7"]).unwrap().plans;
    assert_eq!([set[0].local.epochs, set[3].local.epochs], [Some(5), Some(7)]);
    let sweep = "\n[sweep.grid]\n\"strategy.0.local.optimizer.sgd.lr\" = [0.2, 0.4]\n\"local.batch\" = [8, 32]\n";
    let plans = plans(&(with("{ epochs = 5 }") + sweep));
    let lr = |plan: &Plan| match &plan.local.optimizer {
        Optimizer::Sgd(sgd) => (sgd.lr, sgd.momentum),
        Optimizer::Adam(_) => panic!("not SGD"),
    };
    // Four strategies with three seeds each in a variant.
    let of_first: Vec<_> =
        plans.iter().step_by(12).map(|plan| (lr(plan), plan.local.batch)).collect();
    assert_eq!(of_first, [((0.2, 0.9), 8), ((0.2, 0.9), 32), ((0.4, 0.9), 8), ((0.4, 0.9), 32)]);
    let of_second: Vec<_> =
        plans.iter().skip(3).step_by(12).map(|plan| (lr(plan), plan.local.batch)).collect();
    assert_eq!(of_second, [((0.1, 0.9), 8), ((0.1, 0.9), 32), ((0.1, 0.9), 8), ((0.1, 0.9), 32)]);
    assert!(plans.iter().step_by(12).all(|plan| plan.local.epochs == Some(5)));
    assert_eq!(plans[0].variant.as_ref().unwrap().label(), "lr=0.2, batch=8");
}

/// A key that every strategy has need not be in `[local]`.
#[test]
fn a_key_of_every_strategy_need_not_be_in_local() {
    let mut text = edited("epochs = 2\n", "");
    for name in ["all", "one layer, rotating", "all but the head", "late"] {
        let name = format!("name = \"{name}\"\n");
        text = text.replacen(&name, &format!("{name}local = {{ steps = 3 }}\n"), 1);
    }
    assert!(plans(&text).iter().all(|plan| plan.local.steps == Some(3)));
    let one_less = text.replacen("local = { steps = 3 }\n", "", 1);
    let report = read_text(&one_less).unwrap_err().to_string();
    assert_eq!(report.matches("neither `epochs` nor `steps` is given").count(), 1, "{report}");
}

#[test]
fn wrong_keys_of_a_strategy() {
    let local = |keys: &str| -> &'static str { format!("{FIRST}local = {keys}\n").leak() };
    let case = |about, keys| Case(about, FIRST, local(keys));
    holds(
        "local_overlays",
        &messages(&[
            case("a typo in a key", "{ epoch = 5 }"),
            case("a key of a form", "{ lr = 0.5 }"),
            case("a word for a form", "{ optimizer = \"adam\" }"),
            case("another form without its needed key", "{ optimizer = { adam = {} } }"),
            case("a wrong type", "{ epochs = \"5\" }"),
            case("out of range", "{ optimizer.sgd.momentum = 1.5 }"),
            case("both lengths", "{ epochs = 5, steps = 9 }"),
            case("a conflict of two keys of its own", "{ warmup = { steps = 1, epochs = 1 } }"),
            case("a conflict with a key of local", "{ warmup = { epochs = 40 } }"),
            case("not a table", "5"),
            Case("a conflict that is in local", "momentum = 0.9 } }\n", "nesterov = true } }\n"),
        ]),
    );
}

#[test]
fn a_fault_at_a_key_of_local_names_the_strategy() {
    let text = with("{ optimizer.sgd.momentum = 0 }")
        .replace("momentum = 0.9", "momentum = 0.9, nesterov = true");
    let report = read_text(&text).unwrap_err().to_string();
    assert!(report.contains("Nesterov's momentum needs a momentum above 0"), "{report}");
    assert!(report.contains("in the strategy `all`"), "{report}");
    assert!(
        report.contains("optimizer = { sgd = { lr = 0.1, momentum = 0.9, nesterov = true } }"),
        "{report}"
    );
}

/// Returns the differences of two scenarios: key, both values.
fn contrasts(reference: &str, other: &str) -> Vec<(String, String, String)> {
    let read = |text| read_without_data("scenario.toml", text, &[]).unwrap();
    let found = read(reference).contrasts(&read(other)).unwrap();
    assert!(found.iter().all(|found| found.effect == Effect::Training));
    let parts = |Contrast { key, reference, other, .. }| (key, reference, other);
    found.into_iter().map(parts).collect()
}

fn one(key: &str, reference: &str, other: &str) -> Vec<(String, String, String)> {
    vec![(key.to_owned(), reference.to_owned(), other.to_owned())]
}

#[test]
fn a_comparison_names_the_keys_in_which_strategies_of_one_name_train_differently() {
    let five = with("{ epochs = 5 }");
    assert_eq!(contrasts(BASE, &five), one("strategy.all.local.epochs", "2", "5"));
    assert_eq!(
        contrasts(&five, &with("{ epochs = 5, clip = 1.0 }")),
        one("strategy.all.local.clip", "no clipping", "1.0")
    );
    // The value of `[local]` written once more.
    assert_eq!(contrasts(BASE, &with("{ epochs = 2 }")), []);
    // A difference of `[local]` is named once.
    let others = with("{ clip = 1.0 }").replacen("batch = 16", "batch = 8", 1);
    assert_eq!(contrasts(&with("{ clip = 1.0 }"), &others), one("local.batch", "16", "8"));
    let clipped = one("strategy.all.local.clip", "no clipping", "1.0");
    assert_eq!(contrasts(BASE, &others), [one("local.batch", "16", "8"), clipped].concat());
}

#[test]
fn a_key_of_local_that_every_strategy_replaces_is_no_difference() {
    let only_all = |text: &str| text[..text.find("[[strategy]]\nname = \"one").unwrap()].to_owned();
    let five = only_all(&edited("epochs = 2", "epochs = 5"));
    assert_eq!(contrasts(&five, &only_all(&with("{ epochs = 5 }"))), []);
    let six = only_all(&with("{ steps = 6 }"));
    let found = contrasts(&five, &six);
    let keys: Vec<&str> = found.iter().map(|(key, ..)| &**key).collect();
    assert_eq!(keys, ["strategy.all.local.epochs", "strategy.all.local.steps"]);
}
