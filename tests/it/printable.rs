//! Names from files never reach a terminal unescaped: neither a sequence that a terminal obeys, nor
//! a line break, nor a mark of direction.

use std::fs;

use safetensors::{Dtype, tensor::TensorView};

use crate::{
    support::{DIGITS, Done, Place},
    verify::of_an_earlier_version,
};

/// A sequence that clears a terminal, a mark that overrides the direction, a sequence that begins
/// with one character, an isolate, and a space without width.
const WILD: &str = "a\u{1b}[2J\u{202e}\u{9b}\u{2066}\u{200b}b";

/// The same text, escaped.
const SHOWN: &str = r"a\u001b[2J\u202e\u009b\u2066\u200bb";

/// Asserts that the output has no character that a terminal obeys.
#[track_caller]
fn tame(done: &Done) {
    let shown = |c: char| matches!(c, '\n' | '\t') || fedlayer_core::text::is_printable(c);
    for text in [&done.stdout, &done.stderr] {
        assert!(text.chars().all(shown), "{text:?}");
    }
}

#[test]
fn a_file_and_a_folder_of_a_wild_name_are_shown_tame() {
    let place = Place::with(&DIGITS.replace("rounds = 6", "rounds = 1"));
    let scenario = format!("{WILD}.toml");
    fs::rename(place.path("scenario.toml"), place.path(&scenario)).unwrap();
    let check = place.fedlayer(&format!("check {scenario}")).ok();
    tame(&check);
    let run = place.fedlayer(&format!("run {scenario}")).ok();
    tame(&run);
    assert!(run.stderr.contains(&format!("run folder: runs/{SHOWN}")), "{}", run.stderr);
    let folder = format!("runs/{WILD}");
    for command in [
        format!("resume {folder}"),
        format!("compare {folder} {folder}"),
        format!("analyze barriers {folder} --strategy all"),
        format!("--log json resume {folder}"),
        format!("run {scenario} --out {folder}"),
        format!("check no{scenario}"),
        format!("check {scenario} --set {WILD}"),
        format!("check {scenario} --set {WILD}=1"),
        format!("check {scenario} --{WILD}"),
        WILD.to_owned(),
        format!("data list --data {WILD}"),
        format!("data fetch {WILD}"),
        format!("worker --connect {WILD}:1 --patience 1"),
        format!("worker --connect 127.0.0.1:1 --certs {WILD}"),
        format!("coordinator no{scenario}"),
        format!("health {WILD}"),
        format!("certs {WILD}"),
        format!("analyze barriers {folder} --strategy {WILD}"),
        format!("analyze barriers no{WILD}.safetensors no{WILD} --scenario {scenario}"),
        format!("run {scenario} --data no{WILD}"),
    ] {
        let done = place.fedlayer(&command);
        tame(&done);
        let said = done.stdout + &done.stderr;
        // In errors about the command line, clap omits the sequence.
        assert!(said.contains(r"\u"), "{command}: {said}");
    }
}

#[test]
fn an_argument_with_a_line_break_is_refused() {
    let place = Place::with(DIGITS);
    let mut command = place.command("check");
    let output = command.arg("a\nerror: b.toml").output().unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{words}");
    assert!(
        words.starts_with(r"error: the argument `a\u000aerror: b.toml` has a line break"),
        "{words}"
    );
    let mut command = place.command("check scenario.toml --set");
    let output = command.arg("seeds=[\n1,\n2]").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn names_in_a_scenario_are_refused_with_their_place() {
    for (from, to, place_of_it) in [
        ("name = \"all\"", "name = \"a\\u001b[2Jb\"", "strategy.0.name"),
        ("name = \"all\"", "name = \"a\\nb\"", "strategy.0.name"),
        ("name = \"all\"", "name = \"a\\u202eb\"", "strategy.0.name"),
        ("name = \"all\"", "name = \"a\\u0085b\"", "strategy.0.name"),
        ("name = \"all\"", "name = \"a\\u2066b\"", "strategy.0.name"),
        ("name = \"all\"", "name = \"a\\u200bll\"", "strategy.0.name"),
        ("name = \"all\"", "name = \"a\\u2028b\"", "strategy.0.name"),
        (
            "set = \"digits\"",
            "set = { files = { train = \"a\\u0007.csv\" } }",
            "data.set.files.train",
        ),
        ("mlp = [16]", "torchscript = \"a\\u009b2J.pt\"", "model.torchscript"),
    ] {
        let place = Place::with(&DIGITS.replacen(from, to, 1));
        let done = place.fedlayer("check scenario.toml");
        tame(&done);
        assert_eq!(done.code, Some(3), "{}", done.stderr);
        let title = format!("error: `{place_of_it}` has a character that cannot be shown");
        assert!(done.stderr.starts_with(&title), "{}", done.stderr);
        assert!(done.stderr.contains("--> scenario.toml:"), "{}", done.stderr);
    }
}

#[test]
fn a_column_and_a_label_of_a_wild_name_are_shown_tame() {
    let files = "set = { files = { train = \"data.csv\" } }";
    let scenario =
        DIGITS.replace("set = \"digits\"", files).replace("count = 6\nper_round = 5", "count = 2");
    let place = Place::with(&scenario);
    let rows = |label: &str| -> String {
        (0..40)
            .map(|row| format!("{row},{},{}\n", row % 7, if row % 2 == 0 { label } else { "dog" }))
            .collect()
    };
    for (header, text) in [
        (format!("{WILD},width,label"), rows("cat").replacen("\n3,", "\nthree,", 1)),
        (format!("height,{WILD},label"), rows("cat").replacen("12,5,", "12,,", 1)),
        ("height,width,label".to_owned(), rows(WILD)),
        (format!("{WILD},{WILD},label"), rows("cat")),
    ] {
        fs::write(place.path("data.csv"), format!("{header}\n{text}")).unwrap();
        for command in
            ["check scenario.toml", "check scenario.toml --json", "run scenario.toml --quiet"]
        {
            tame(&place.fedlayer(command));
        }
    }
}

/// A field of a file, a name of a tensor or a key may be as long as the file.
#[test]
fn long_texts_of_others_are_cut_in_messages() {
    let long = "x".repeat(100_000);
    let table = |field: &str, label: &str| format!("width,label\n1,0\n2,1\n{field},{label}\n");
    let files = "set = { files = { train = \"data.csv\" } }";
    for (about, scenario, data) in [
        ("a field", DIGITS.replace("set = \"digits\"", files), table(&long, "0")),
        (
            "a label",
            DIGITS.replace(
                "set = \"digits\"",
                "set = { files = { train = \"data.csv\", classes = 2 } }",
            ),
            table("3", &long),
        ),
        (
            "two columns",
            DIGITS.replace("set = \"digits\"", files),
            format!("{long},{long},label\n1,2,a\n3,4,b\n"),
        ),
        ("a key", DIGITS.replace("rounds = 6", &format!("rounds = 6\n{long} = 1")), String::new()),
        (
            "rounds",
            DIGITS.replace("{ rotate = 1 }", &format!("{{ \"{long}\" = 1 }}")),
            String::new(),
        ),
    ] {
        let place = Place::with(&scenario);
        fs::write(place.path("data.csv"), data).unwrap();
        for log in ["text", "json"] {
            let done = place.fedlayer(&format!("--log {log} check scenario.toml"));
            assert_ne!(done.code, Some(0), "{about}");
            assert!(done.stderr.len() < 10_000, "{about}: {} bytes", done.stderr.len());
        }
    }
    let place = Place::with(DIGITS);
    for command in [format!("check {long}"), format!("check scenario.toml --{long}")] {
        let done = place.fedlayer(&command);
        assert!(done.code == Some(2) || done.code == Some(6), "{:?}", done.code);
        assert!(done.stderr.len() < 10_000, "{} bytes", done.stderr.len());
    }
}

#[test]
fn a_tensor_of_a_wild_name_is_shown_tame() {
    let place =
        Place::with(&DIGITS.replace("rounds = 6", "rounds = 6\ninitial = \"a.safetensors\""));
    let tensor = TensorView::new(Dtype::F32, vec![1], &[0; 4]).unwrap();
    let bytes = safetensors::serialize([(WILD.to_owned(), tensor)], None).unwrap();
    fs::write(place.path("a.safetensors"), bytes).unwrap();
    let done = place.fedlayer("check scenario.toml");
    tame(&done);
    assert_eq!(done.code, Some(3), "{}", done.stderr);
}

#[test]
fn records_of_others_are_shown_tame() {
    // A run without checksums. For other runs, the program names the file and shows no text of it.
    let place = of_an_earlier_version();
    let summary = place.path("run/summary.json");
    let text = fs::read_to_string(&summary).unwrap();
    let wild = text.replacen("\"none\"", "\"a\\u001b[2J\\nb\\u202e\"", 1);
    assert_ne!(text, wild);
    fs::write(&summary, wild).unwrap();
    let table = place.fedlayer("compare run").ok();
    tame(&table);
    assert!(table.stdout.contains(r"a\u001b[2J\u000ab\u202e "), "{}", table.stdout);
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_text() {
    let place = Place::with(&format!("\u{feff}{}", DIGITS.replace('\n', "\r\n")));
    tame(&place.fedlayer("check scenario.toml").ok());
    let wrong = DIGITS.replace("rounds = 6", "round = 6").replace('\n', "\r\n");
    fs::write(place.path("scenario.toml"), format!("\u{feff}{wrong}")).unwrap();
    let done = place.fedlayer("check scenario.toml");
    tame(&done);
    assert!(done.stderr.contains("did you mean `rounds`?"), "{}", done.stderr);
}

/// A worker with a token in a file with a byte-order mark: it is refused for its missing TLS, not
/// for its token.
#[test]
fn a_byte_order_mark_is_no_part_of_a_token() {
    let place = Place::with("");
    fs::write(place.path("token"), "\u{feff}0123456789abcdef\r\n").unwrap();
    let done = place.fedlayer("worker --connect far.example:7878 --token-file token");
    assert_eq!(done.code, Some(12), "{}", done.stderr);
    assert!(done.stderr.contains("in the clear"), "{}", done.stderr);
}

/// The folder from the environment, and logs with all their records.
#[test]
fn the_environment_and_logs_are_shown_tame() {
    let place = Place::with(&DIGITS.replace("rounds = 6", "rounds = 1"));
    let scenario = format!("{WILD}.toml");
    fs::rename(place.path("scenario.toml"), place.path(&scenario)).unwrap();
    for command in [
        "data list".to_owned(),
        format!("check {scenario} --set data.set=mnist"),
        format!("run {scenario} --out runs/{WILD}"),
        format!("--log json run {scenario} --out json"),
    ] {
        let mut program = place.command(&command);
        program.env("FEDLAYER_DATA", place.path(WILD)).env("RUST_LOG", "trace");
        program.env("HOSTNAME", WILD);
        let done = Done::of(&mut program);
        tame(&done);
        if command.contains("json") {
            for line in done.stderr.lines() {
                serde_json::from_str::<serde_json::Value>(line).unwrap();
            }
        }
    }
}
