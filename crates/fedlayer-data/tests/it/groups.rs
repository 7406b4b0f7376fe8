//! The owners of examples: a column of a CSV file or a tensor of a safetensors file, by one rule.

use fedlayer_core::{
    data::FederatedData,
    spec::{DataSpec, Files, Partition},
};

use crate::{
    encode::{f32s, safetensors},
    memory::MemoryFiles,
    tables::{files, spec},
};

/// Reads a training file, which is also the test file.
fn read(text: &str, own: Files) -> Result<FederatedData, (String, String)> {
    let stored = MemoryFiles::of([("a.csv", text.into())]);
    let natural = DataSpec { partition: Partition::Natural, ..spec(own) };
    let loaded = stored.load(&natural, 1);
    loaded.map_err(|error| (error.to_string(), error.help().unwrap_or_default()))
}

fn groups(data: &FederatedData) -> Vec<u32> {
    data.pool().unwrap().groups.clone().unwrap()
}

/// Returns four lines of one feature, an owner and a class.
fn table(name: &str, owners: [&str; 4]) -> String {
    let line = |(at, owner): (usize, &str)| format!("{at},{owner},{}\n", at % 2);
    format!("x,{name},label\n") + &owners.into_iter().enumerate().map(line).collect::<String>()
}

#[test]
fn a_column_called_group_became_a_feature() {
    for name in ["group", "Groups"] {
        let text = table(name, ["1", "2", "1", "2"]);
        let test = Files { test: Some("a.csv".to_owned()), ..files("a.csv") };
        let data = read(&text, test).unwrap();
        assert_eq!((data.test.shape.clone(), groups(&data)), (vec![1], vec![0, 1, 0, 1]));
        // The column may also be ignored, or be the label.
        let ignored = Files { ignore: vec![name.to_owned()], ..files("a.csv") };
        let (message, help) = read(&text, ignored).unwrap_err();
        assert_eq!(message, "the examples of `a.csv` have no natural owners");
        assert!(help.contains("`group = \"writer\"`"), "{help}");
        let label = Files { label: Some(name.to_owned()), ..files("a.csv") };
        assert_eq!(read(&text, label).unwrap_err().0, message);
    }
    let both = "x,group,groups,label\n1,a,b,0\n2,a,b,1\n";
    let (message, help) = read(both, files("a.csv")).unwrap_err();
    assert!(message.ends_with("expected one column called `group` or `groups`"), "{message}");
    assert!(help.ends_with("such as `group = \"group\"`"), "{help}");
    let said = Files { group: Some("groups".to_owned()), ..files("a.csv") };
    let (message, _) = read(both, said).unwrap_err();
    assert!(message.contains("line 2, column 2: found `a`"), "the other is a feature: {message}");
}

#[test]
fn the_test_file_may_do_without_the_group() {
    let train = table("group", ["1", "2", "1", "2"]);
    let stored = MemoryFiles::of([("a.csv", train.into()), ("b.csv", "x,label\n5,1\n".into())]);
    let own = Files { test: Some("b.csv".to_owned()), ..files("a.csv") };
    assert_eq!(stored.load(&spec(own), 1).unwrap().test.all_values(), [5.0]);
}

#[test]
fn one_owner_written_in_two_ways_was_two() {
    let data = read(&table("group", ["1", "1.0", "b", " b "]), files("a.csv")).unwrap();
    let pool = data.pool().unwrap();
    let of = |x: f32| {
        let at = pool.all_values().iter().position(|&value| value == x);
        at.map(|at| groups(&data)[at])
    };
    let written = [of(0.0), of(1.0)];
    assert!(written.contains(&None) || written[0] == written[1], "{written:?}");
    // The other format has the owners as 32-bit numbers.
    let labels = ("labels", "I64", &[4][..], [0_i64, 1, 0, 1].map(i64::to_le_bytes).concat());
    let tensors = |owners: [f32; 4]| {
        let features = ("features", "F32", &[4, 1][..], f32s(&[0.0, 1.0, 2.0, 3.0]));
        safetensors(&[features, labels.clone(), ("groups", "F32", &[4][..], f32s(&owners))])
    };
    let facts = |bytes| {
        let stored = MemoryFiles::of([("a.safetensors", bytes)]);
        stored.facts(&spec(files("a.safetensors"))).map_err(|error| error.to_string())
    };
    facts(tensors([1.0, 1.0, 2.0, 2.0])).unwrap();
    let expected = "expected an owner: a whole number or a name";
    let error = facts(tensors([1.0, 1.5, 2.0, 2.0])).unwrap_err();
    assert!(error.ends_with(expected), "{error}");
    let (error, _) = read(&table("group", ["1", "1.5", "2", "2"]), files("a.csv")).unwrap_err();
    assert_eq!(error, format!("`a.csv`, line 3, column 2: found `1.5`; {expected}"));
}
