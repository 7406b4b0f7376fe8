//! `--set`: the values that it changes, the text that it keeps, and its messages.

use fedlayer_core::spec::{Average, ModelSpec, Optimizer, Partition, Rule};
use fedlayer_scenario::Setting;

use crate::base::{BASE, data, edited, holds, read_set, read_text};

fn message(settings: &[&str]) -> String {
    read_set(settings).unwrap_err().to_string()
}

#[test]
fn without_settings_the_text_stays() {
    assert_eq!(read_set(&[]).unwrap().text, BASE);
}

#[test]
fn a_value_is_replaced_and_comments_stay() {
    let text = edited("count = 8", "count = 8   # as in the paper");
    let settings: [Setting; 1] = ["clients.count=9".parse().unwrap()];
    let read = fedlayer_scenario::read("x.toml", &text, &settings, &data).unwrap();
    assert_eq!(read.scenario.clients.count, 9);
    assert_eq!(read.text, text.replace("count = 8 ", "count = 9 "));
}

#[test]
fn the_new_text_says_the_same_as_the_settings() {
    let read = read_set(&[
        "rounds=30",
        "strategy.0.name=everything",
        "strategy.1.average.rotate=2",
        "strategy.3.average.1.rounds=7-",
        "data.partition=iid",
        "model.mlp={hidden=[3,4], activation=\"tanh\"}",
        "local.optimizer.sgd.lr=1",
        "barriers.twins = 3",
        "evaluate.clients=all",
        "checkpoints.keep=all",
        "seeds=[7]",
    ])
    .unwrap();
    let scenario = &read.scenario;
    assert_eq!((scenario.rounds, &scenario.seeds[..]), (30, &[7][..]));
    assert_eq!(scenario.strategy[0].name, "everything");
    assert_eq!(scenario.strategy[1].average, Average::Always(Rule::Rotate(2)));
    assert_eq!(scenario.data.partition, Partition::Iid);
    assert_eq!(scenario.model.hidden(), [3, 4]);
    assert_eq!(read_text(&read.text).unwrap().plans, read.plans);
    holds("the_new_text_says_the_same_as_the_settings", &read.text);
}

#[test]
fn a_section_gives_way_to_a_word() {
    let read = read_set(&["model=linear", "strategy.0={name=\"x\", average=\"none\"}"]).unwrap();
    assert_eq!(read.scenario.model, ModelSpec::Linear);
    assert_eq!(read.scenario.strategy[0].name, "x");
    assert_eq!(read_text(&read.text).unwrap().plans, read.plans);
}

#[test]
fn the_last_setting_wins() {
    assert_eq!(read_set(&["rounds=30", "rounds=40"]).unwrap().scenario.rounds, 40);
}

#[test]
fn carriage_returns_and_dotted_keys() {
    let text = "rounds = 3\r\ndata.set = \"digits\"\r\nclients.count = 2\r\nmodel = \"linear\"\r\nlocal.epochs = 1\r\nlocal.batch = 1\r\nlocal.optimizer.adam.lr = 1\r\nstrategy = [{ name = 'a', average = 'all' }]\r\n";
    let settings = ["clients.dropout=0.5", "strategy.0.weights=equal", "local.clip=2"];
    let settings: Vec<Setting> = settings.iter().map(|set| set.parse().unwrap()).collect();
    let read = fedlayer_scenario::read("x.toml", text, &settings, &data).unwrap();
    assert_eq!((read.scenario.clients.dropout, read.scenario.local.clip), (0.5, Some(2.0)));
    assert_eq!(read_text(&read.text).unwrap().plans, read.plans);
}

#[test]
fn wrong_settings_are_named() {
    let cases: &[&[&str]] = &[
        &["local.epoch=5"],
        &["lcoal.epochs=5"],
        &["rounds=0"],
        &["rounds=many"],
        &["model.mlp=[128, 0]"],
        &["strategy.9.name=x"],
        &["strategy.first.name=x"],
        &["rounds.x=1"],
        &["strategy.0=all"],
        &["data.partition.shards=2"],
        &["strategy.0.average={except=[\"fc1\", \"fc9\"]}"],
        &["clients.per_round=9"],
        &["strategy.1.name=all"],
        &["barriers.alpha=[nan]"],
        &["evaluate.every=0", "checkpoints.every=-1"],
        &["data.flavour.x=1"],
    ];
    let all: Vec<String> =
        cases.iter().map(|set| format!("{}\n\n{}", set.join(" "), message(set))).collect();
    holds("wrong_settings_are_named", &all.join("\n\n"));
}

#[test]
fn what_is_wrong_in_the_file_is_shown_in_the_file() {
    let text = edited("count = 8", "count = 0");
    let settings: [Setting; 2] =
        ["checkpoints.every=2".parse().unwrap(), "rounds=0".parse().unwrap()];
    let report = fedlayer_scenario::read("x.toml", &text, &settings, &data).unwrap_err();
    holds("what_is_wrong_in_the_file_is_shown_in_the_file", &report.to_string());
}

#[test]
fn a_number_that_the_editor_cannot_hold_is_shown() {
    let text = edited("rounds = 20\n", "rounds = 18446744073709551616\n");
    let settings: [Setting; 1] = ["local.epochs=3".parse().unwrap()];
    let report = fedlayer_scenario::read("x.toml", &text, &settings, &data).unwrap_err();
    holds("a_number_that_the_editor_cannot_hold_is_shown", &report.to_string());
}

#[test]
fn texts_that_are_no_settings() {
    let wrong = ["rounds", "", "=5", "local..epochs=5", "seeds=[1", "model={mlp=", "name=\"x"];
    let all: Vec<String> =
        wrong.iter().map(|text| text.parse::<Setting>().unwrap_err().to_string()).collect();
    holds("texts_that_are_no_settings", &all.join("\n"));
}

/// A comparison of runs does not need their data.
#[test]
fn what_a_text_says_is_known_without_its_data() {
    let text = "rounds = 2\ndata.set = \"cifar-10\"\nclients.count = 3\nmodel = { resnet-20 = {} }\n\
                local = { epochs = 1, batch = 4, optimizer = { sgd = { lr = 0.1 } } }\n\
                strategy = [{ name = \"all\", average = \"all\" }]";
    let settings: [Setting; 1] = ["local.optimizer.sgd.lr=0.5".parse().unwrap()];
    let said = fedlayer_scenario::read_without_data("run.toml", text, &settings).unwrap();
    assert_eq!((said.rounds, said.seeds), (2, vec![1]));
    let lr = |optimizer: &Optimizer| match optimizer {
        Optimizer::Sgd(sgd) => sgd.lr,
        Optimizer::Adam(adam) => adam.lr,
    };
    assert_eq!(lr(&said.local.optimizer), 0.5);
    let wrong = fedlayer_scenario::read_without_data("run.toml", "rounds = 0", &[]).unwrap_err();
    assert!(wrong.to_string().contains("run.toml:1"), "{wrong}");
}
