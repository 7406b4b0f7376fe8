//! Texts: tokens, owners, windows.

use fedlayer_core::{
    data::{ExampleValues, Examples},
    spec::{DataSet, DataSpec, Partition, Text},
};
use fedlayer_data::decode::{
    DecodeFault, FileReader,
    text::{Words, characters, speakers, utf8},
};
use proptest::prelude::*;

use crate::memory::MemoryFiles;

fn own(context: u32) -> DataSpec {
    let set = DataSet::Text(Text { file: "a.txt".to_owned() });
    DataSpec { context: Some(context), ..DataSpec::new(set) }
}

fn of(
    text: &str,
    context: u32,
) -> Result<fedlayer_core::data::FederatedData, fedlayer_data::DataError> {
    MemoryFiles::of([("a.txt.gz", crate::encode::gzip(text.as_bytes()))]).load(&own(context), 1)
}

#[test]
fn characters_are_numbered_by_their_code_points_and_labelled_by_the_next() {
    let data = of("cabécab\ncabcab", 3).unwrap();
    let facts = data.facts();
    assert_eq!((facts.shape, facts.classes, facts.targets), (vec![3], 5, 3));
    assert_eq!((facts.pool, facts.test), (3, 1));
    let pool = data.pool().unwrap();
    assert_eq!(pool.groups, None);
    // Tokens: "\n" 0, "a" 1, "b" 2, "c" 3, "é" 4. Windows: cab, éca, b⏎c and abc; the last two
    // characters fill none.
    let mut windows: Vec<(Vec<f32>, Vec<u32>)> = Vec::new();
    for part in [&**pool, &*data.test] {
        let all = part.all_values();
        windows.extend(
            (0..part.len()).map(|i| (all[3 * i..3 * i + 3].to_vec(), part.labels_of(i).to_vec())),
        );
    }
    windows.sort_by(|a, b| a.partial_cmp(b).unwrap());
    let expected: [([f32; 3], [u32; 3]); 4] = [
        ([1.0, 2.0, 3.0], [2, 3, 1]),
        ([2.0, 0.0, 3.0], [0, 3, 1]),
        ([3.0, 1.0, 2.0], [1, 2, 4]),
        ([4.0, 3.0, 1.0], [3, 1, 2]),
    ];
    let expected = expected.map(|(values, labels)| (values.to_vec(), labels.to_vec()));
    assert_eq!(windows, expected);
}

#[test]
fn the_ends_of_lines_of_other_systems_were_a_token_of_their_own() {
    let plain = of("cab\ncab\nbac\n", 3).unwrap();
    for text in ["cab\r\ncab\r\nbac\r\n", "cab\rcab\rbac\r", "cab\r\ncab\nbac\r"] {
        let other = of(text, 3).unwrap();
        assert_eq!(other.facts(), plain.facts(), "{text:?}");
        assert_eq!(other.fingerprint(), plain.fingerprint(), "{text:?}");
    }
}

#[test]
fn a_text_too_short_for_a_pool_and_a_test_set_is_an_error() {
    assert!(of("abcdefg", 3).is_ok());
    let error = of("abcdef", 3).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the text `a.txt` of 6 tokens has 1 examples of 3 tokens; at least 2 are needed"
    );
    assert_eq!(error.key(), "data.context");
    let error = of("", 3).unwrap_err();
    assert_eq!(error.to_string(), "`a.txt.gz`, byte 0: found an empty file; expected text");
}

#[test]
fn what_is_not_utf_8_is_named_with_its_byte() {
    let stored = MemoryFiles::of([("a.txt", b"ab\xc3\xa9\xffcd".to_vec())]);
    let error = stored.facts(&own(2)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`a.txt`, byte 4: found bytes that are not UTF-8; expected text in UTF-8"
    );
}

#[test]
fn the_size_of_a_known_text_is_known() {
    let read = |count| utf8(&mut FileReader::new("a", &b"abc"[..]).unwrap(), Some(count));
    assert_eq!(read(3).unwrap(), "abc");
    let faults = [read(2), read(4)].map(|result| result.unwrap_err().fault);
    assert_eq!(faults, [DecodeFault::TooLong, DecodeFault::Truncated]);
    let short = MemoryFiles::of([("tiny-shakespeare/input.txt", b"A:\nB.\n".to_vec())]);
    let error = short.facts(&DataSpec::new(DataSet::TinyShakespeare)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`tiny-shakespeare/input.txt`, byte 6: found the end after 6 of 1115394 bytes; expected 1115394 bytes"
    );
}

/// Returns the blocks of a text as text.
fn said(play: &str) -> Vec<String> {
    let mut alphabet: Vec<char> = play.chars().collect();
    alphabet.sort_unstable();
    alphabet.dedup();
    let tokens = speakers(play);
    assert_eq!(tokens.vocabulary, alphabet.len());
    let text = |group: &Vec<u32>| group.iter().map(|&token| alphabet[token as usize]).collect();
    tokens.groups.iter().map(text).collect()
}

#[test]
fn a_speaker_has_all_text_below_the_name() {
    let play = "A:\nOne\nTwo:\n\nB:\nThree\n\nA:\nFour\n\nno name\n";
    // `Two:` does not follow an empty line; `no name` is not a name.
    let expected = ["A:\nOne\nTwo:\n\nA:\nFour\n\nno name\n", "B:\nThree\n\n"];
    assert_eq!(said(play), expected);
    let silent = "A:\nx\n\nC:\n\nB:\ny\n\nC:";
    assert_eq!(said(silent), ["A:\nx\n\nC:\n\n", "B:\ny\n\nC:"]);
    assert_eq!(said("before\n\nA:\nx\n"), ["before\n\n", "A:\nx\n"]);
}

#[test]
fn articles_begin_with_titles_of_one_sign_on_each_side() {
    let train = " \n = Homer = \n \n a b b \n \n = = Early = = \n \n c <unk> \n = a = \n \n = Plato = \n \n a \n";
    let words = Words::of(train);
    // <eos> = Homer a b Early c <unk> Plato
    assert_eq!(words.len(), 9);
    let tokens = words.articles(train);
    let homer = [1, 2, 1, 0, 0, 3, 4, 4, 0, 0, 1, 1, 5, 1, 1, 0, 0, 6, 7, 0, 1, 3, 1, 0, 0];
    // ` = a = ` follows a line of text: it is a formula.
    assert_eq!(tokens.groups, [vec![0], homer.to_vec(), vec![1, 8, 1, 0, 0, 3, 0]]);
    // A word that training does not know is `<unk>`.
    assert_eq!(words.articles("z a\n").groups, [vec![7, 3, 0]]);
    assert_eq!(Words::of("a\n").articles("z").groups, [vec![2, 1]]);
}

proptest! {
    #[test]
    fn windows_do_not_overlap_and_leave_out_less_than_one(
        groups in proptest::collection::vec(0_usize..40, 1..10),
        context in 1_usize..8,
    ) {
        let text: String = ('a'..).zip(&groups).map(|(letter, &n)| letter.to_string().repeat(n)).collect();
        let mut tokens = characters(&text);
        // Every group consists of tokens of its own.
        let mut rest = tokens.groups.remove(0);
        for &size in &groups {
            let others = rest.split_off(size);
            tokens.groups.push(rest);
            rest = others;
        }
        let windows = tokens.windows(context);
        let counts = groups.iter().map(|&size| size.saturating_sub(1) / context);
        prop_assert_eq!(windows.groups.len(), counts.clone().sum::<usize>());
        prop_assert_eq!(windows.values.len(), windows.groups.len() * context);
        prop_assert!(windows.values.iter().zip(&windows.labels).all(|(&v, &l)| v == l as f32));
        let with: Vec<usize> = counts.filter(|&count| count > 0).collect();
        let expected: Vec<u32> =
            (0..).zip(with).flat_map(|(group, count)| vec![group; count]).collect();
        prop_assert_eq!(windows.groups, expected);
    }
}

fn play(speakers: usize) -> String {
    let block = |speaker: usize| format!("S{speaker}:\n{}\n\n", "x".repeat(5 + 3 * speaker));
    (0..speakers).map(block).collect()
}

/// Returns a text of the size of tiny Shakespeare, with other words.
fn shakespeare(speakers: usize) -> MemoryFiles {
    let mut text = play(speakers);
    text += &"y".repeat(1_115_394 - text.len());
    MemoryFiles::of([("tiny-shakespeare/input.txt", text.into_bytes())])
}

#[test]
fn natural_clients_are_whole_speakers_and_nobody_is_in_the_test_set_alone() {
    let partition = Partition::Natural;
    let spec = DataSpec { partition, context: Some(4), ..DataSpec::new(DataSet::TinyShakespeare) };
    let stored = shakespeare(30);
    let data = stored.load(&spec, 30).unwrap();
    let pool = data.pool().unwrap();
    let groups = pool.groups.as_ref().unwrap();
    let owner = |client: u32| -> u32 {
        let own = data.client(fedlayer_core::data::ClientId(client));
        let all = own.train.iter().chain(&own.test);
        let owners: Vec<u32> = all.map(|&example| groups[example as usize]).collect();
        assert!(owners.iter().all(|&owner| owner == owners[0]));
        owners[0]
    };
    let mut owners: Vec<u32> = (0..30).map(owner).collect();
    owners.sort_unstable();
    assert!(owners.into_iter().eq(0..30));
    let error = stored.load(&spec, 31).unwrap_err();
    assert_eq!(
        error.to_string(),
        "31 clients cannot share the examples of 30 owners in `tiny-shakespeare`; every client needs at least one whole owner"
    );
    assert_eq!(
        (error.key(), error.help().as_deref()),
        ("clients.count", Some("lower `clients.count` to at most 30"))
    );
}

#[test]
fn other_partitions_balance_a_text_by_its_speakers() {
    for partition in [Partition::Dirichlet(0.3), Partition::Shards(2), Partition::Classes(3)] {
        let spec =
            DataSpec { partition, context: Some(4), ..DataSpec::new(DataSet::TinyShakespeare) };
        let data = shakespeare(20).load(&spec, 10).unwrap();
        assert_eq!(data.clients(), 10);
        let Examples { values, targets, .. } = &**data.pool().unwrap();
        assert!(matches!(values, ExampleValues::Floats(_)) && *targets == 4);
    }
}
