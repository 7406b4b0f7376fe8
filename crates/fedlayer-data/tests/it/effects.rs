//! Keys without effect, and more examples than there are.

use fedlayer_core::spec::{Augment, DataSet, DataSpec, Files, Synthetic, Text};

use crate::{library, memory::MemoryFiles, synthetic};

fn cropped(spec: DataSpec) -> DataSpec {
    DataSpec { augment: Augment { crop: 4, flip: false }, ..spec }
}

/// Returns valid files for all of these tests.
fn stored() -> MemoryFiles {
    let table = b"a,b,c,label\n1,2,3,0\n4,5,6,1\n7,8,9,1\n".to_vec();
    let empty = ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"];
    let empty = empty.map(|name| (format!("mnist/{name}-ubyte"), Vec::new()));
    let texts = [("t.txt".to_owned(), "ab".repeat(500).into_bytes()), ("t.csv".to_owned(), table)];
    MemoryFiles::of(empty.into_iter().chain(texts))
}

fn files(test: bool) -> Files {
    let test = test.then(|| "t.csv".to_owned());
    Files { train: "t.csv".to_owned(), test, ..Files::default() }
}

#[test]
fn a_key_without_effect_is_refused() {
    let of = DataSpec::new;
    let text = || of(DataSet::Text(Text { file: "t.txt".to_owned() }));
    let own = || of(DataSet::Files(files(true)));
    let drawn = || synthetic(Synthetic { per_client: Some(5), ..Synthetic::default() });
    let share = |spec| DataSpec { test_share: Some(0.3), ..spec };
    let train = |spec| DataSpec { train: Some(2), ..spec };
    let test = |spec| DataSpec { test: Some(2), ..spec };
    let context = |spec| DataSpec { context: Some(8), ..spec };
    let own_test = "this set has test examples of its own";
    let no_test = "this set has no test examples of its own";
    let window = "only texts are cut into windows of `context` tokens";
    let image = "only images of shape [channels, height, width] are cut and mirrored";
    let table = [
        (share(of(DataSet::Mnist)), "data.test_share", own_test),
        (share(of(DataSet::Wikitext2)), "data.test_share", own_test),
        (share(own()), "data.test_share", own_test),
        (share(drawn()), "data.test_share", own_test),
        (test(of(DataSet::Digits)), "data.test", no_test),
        (test(of(DataSet::TinyShakespeare)), "data.test", no_test),
        (test(text()), "data.test", no_test),
        (test(of(DataSet::Files(files(false)))), "data.test", no_test),
        (test(synthetic(Synthetic::default())), "data.test", no_test),
        (
            train(synthetic(Synthetic::default())),
            "data.train",
            "a drawn set has as many examples as `data.set` says",
        ),
        (context(of(DataSet::Mnist)), "data.context", window),
        (context(of(DataSet::Digits)), "data.context", window),
        (context(own()), "data.context", window),
        (cropped(of(DataSet::Digits)), "data.augment", image),
        (cropped(drawn()), "data.augment", image),
        (cropped(text()), "data.augment", image),
        (cropped(own()), "data.augment", image),
    ];
    for (spec, key, why) in table {
        let error = stored().facts(&spec).unwrap_err();
        assert_eq!(error.to_string(), format!("`{key}` would have no effect: {why}"));
        assert_eq!((error.key(), error.help().as_deref()), (key, Some("leave it out")));
    }
    let shaped = Files { shape: Some(vec![3, 1, 1]), ..files(true) };
    let good = [
        train(of(DataSet::Digits)),
        train(test(of(DataSet::Mnist))),
        train(test(own())),
        test(drawn()),
        share(train(context(text()))),
        cropped(of(DataSet::Mnist)),
        cropped(of(DataSet::Files(shaped))),
    ];
    for spec in good {
        stored().facts(&spec).unwrap();
    }
}

#[test]
fn more_examples_than_there_are_cannot_be_taken() {
    let train = |set, count| DataSpec { train: Some(count), ..DataSpec::new(set) };
    let table = [
        (train(DataSet::Digits, 1798), "data.train", 1798, 1797),
        (train(DataSet::Cifar10, 50_001), "data.train", 50_001, 50_000),
        (
            DataSpec { test: Some(10_001), ..DataSpec::new(DataSet::Mnist) },
            "data.test",
            10_001,
            10_000,
        ),
        (train(DataSet::Files(files(true)), 4), "data.train", 4, 3),
        (train(DataSet::Text(Text { file: "t.txt".to_owned() }), 16), "data.train", 16, 15),
    ];
    for (spec, key, asked, there) in table {
        let error = stored().facts(&spec).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("`{key}` asks for {asked} examples; the set has {there}")
        );
        assert_eq!(error.key(), key);
        assert_eq!(error.help().unwrap(), format!("lower `{key}` to at most {there}"));
    }
}

#[test]
fn the_first_examples_are_those_of_the_file() {
    let spec = DataSpec { train: Some(100), ..DataSpec::new(DataSet::Digits) };
    let facts = library().facts(&spec).unwrap();
    assert_eq!((facts.pool, facts.test), (80, 20));
    let data = stored()
        .load(&DataSpec { train: Some(2), ..DataSpec::new(DataSet::Files(files(true))) }, 2);
    let data = data.unwrap();
    assert_eq!(data.pool().unwrap().all_values(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert_eq!(data.test.len(), 3);
}

#[test]
fn nothing_is_left_without_an_example() {
    let one = DataSpec { train: Some(1), ..DataSpec::new(DataSet::Digits) };
    let error = library().facts(&one).unwrap_err();
    assert_eq!(
        (error.key(), error.to_string().as_str()),
        (
            "data.train",
            "`digits` has one example; the clients need one and so does the common test set"
        )
    );
    let none = DataSpec { train: Some(0), ..DataSpec::new(DataSet::Mnist) };
    let error = stored().facts(&none).unwrap_err();
    assert_eq!(error.to_string(), "`data.train` is 0; it must be at least 1");
    let none = DataSpec { test: Some(0), ..DataSpec::new(DataSet::Mnist) };
    assert_eq!(stored().facts(&none).unwrap_err().key(), "data.test");
    let narrow = DataSpec { context: Some(1), ..DataSpec::new(DataSet::TinyShakespeare) };
    let error = library().facts(&narrow).unwrap_err();
    assert_eq!(error.to_string(), "`data.context` is 1; it must be from 2 to 65536");
}
