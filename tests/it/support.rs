//! A folder of one's own to run the program in.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use tempfile::TempDir;

/// A small scenario of digits: two strategies, one seed. Tests change it.
pub(crate) const DIGITS: &str = r#"# A question?   fedlayer run scenario.toml
seeds = [1]
rounds = 6
[data]
set = "digits"
partition = { dirichlet = 0.3 }
[clients]
count = 6
per_round = 5
dropout = 0.1
[model]
mlp = [16]
[local]
epochs = 1
batch = 16
optimizer = { sgd = { lr = 0.1, momentum = 0.9 } }
optimizer_state = "keep"
[barriers]
every = 2
[checkpoints]
every = 2
[[strategy]]
name = "all"
average = "all"
[[strategy]]
name = "one layer, rotating"
average = { rotate = 1 }
"#;

/// Files of a run folder that depend on the machine and the time.
const NOTES: [&str; 3] = ["run.json", "inputs.json", ".lock"];

/// A folder with a scenario in it, gone when the test ends.
#[derive(Debug)]
pub(crate) struct Place {
    folder: TempDir,
}

/// What a finished program left behind.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Place {
    /// With `scenario` as `scenario.toml`.
    pub(crate) fn with(scenario: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("scenario.toml"), scenario).unwrap();
        Self { folder }
    }

    /// The same in a folder below `above`.
    pub(crate) fn below(above: &str, scenario: &str) -> Self {
        let folder = tempfile::tempdir_in(above).unwrap();
        fs::write(folder.path().join("scenario.toml"), scenario).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program with its arguments separated by blanks, in this folder.
    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fedlayer"));
        command
            .args(arguments.split_whitespace())
            .current_dir(self.folder.path())
            .env_remove("RUST_LOG")
            .env_remove("FEDLAYER_DATA")
            .env("XDG_DATA_HOME", self.path("home"))
            .env("NO_COLOR", "1")
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn fedlayer(&self, arguments: &str) -> Done {
        Done::of(&mut self.command(arguments))
    }

    /// Starts the program, silent.
    pub(crate) fn start(&self, arguments: &str) -> Child {
        let mut command = self.command(arguments);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Every file below a folder, by its path there.
    pub(crate) fn files(&self, folder: &str) -> BTreeMap<String, Vec<u8>> {
        let root = self.path(folder);
        let mut files = BTreeMap::new();
        collect(&root, &root, &mut files);
        files
    }

    /// The files of a run folder that may depend on nothing but the scenario.
    pub(crate) fn records(&self, run: &str) -> BTreeMap<String, Vec<u8>> {
        let mut files = self.files(run);
        files.retain(|name, _| !name.ends_with("timings.jsonl") && !NOTES.contains(&name.as_str()));
        files
    }
}

impl Done {
    /// Runs a command to its end.
    pub(crate) fn of(command: &mut Command) -> Self {
        let Output { status, stdout, stderr } = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
    }

    /// Ends the test where the program failed.
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        self
    }
}

/// Copies a folder with everything in it.
pub(crate) fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            files.insert(name, fs::read(&path).unwrap());
        }
    }
}

/// Ends the test where two run folders differ, and names the files.
pub(crate) fn assert_same_bytes(a: &BTreeMap<String, Vec<u8>>, b: &BTreeMap<String, Vec<u8>>) {
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(a), names(b));
    let different: Vec<_> = a.keys().filter(|name| a[*name] != b[*name]).collect();
    assert!(different.is_empty(), "these files differ: {different:?}");
}

/// A mirror on this machine that answers one request: the file is not there.
pub(crate) fn mirror_without_files() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = [0; 4096];
        let _asked = stream.read(&mut head).unwrap();
        stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").unwrap();
    });
    address
}
