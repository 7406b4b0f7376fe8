//! A scratch folder to run the program in.

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

/// The files of a run folder that depend on the machine and the time.
const NOTES: [&str; 3] = ["run.json", "inputs.json", ".lock"];

/// A scratch folder with a scenario. It is removed when the test ends.
#[derive(Debug)]
pub(crate) struct Place {
    folder: TempDir,
}

/// The exit code and the output of a program.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Place {
    /// Makes a folder with `scenario` as `scenario.toml`.
    pub(crate) fn with(scenario: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("scenario.toml"), scenario).unwrap();
        Self { folder }
    }

    /// Makes the folder below `above`.
    pub(crate) fn below(above: &str, scenario: &str) -> Self {
        let folder = tempfile::tempdir_in(above).unwrap();
        fs::write(folder.path().join("scenario.toml"), scenario).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Returns the command of the program in this folder, with arguments separated by blanks.
    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fedlayer"));
        self.in_folder(command.args(arguments.split_whitespace()));
        command
    }

    /// Sets the folder and the environment of a command, without that of the machine.
    pub(crate) fn in_folder(&self, command: &mut Command) {
        command
            .current_dir(self.folder.path())
            .env_remove("RUST_LOG")
            .env_remove("FEDLAYER_DATA")
            .env("XDG_DATA_HOME", self.path("home"))
            .env("NO_COLOR", "1")
            .stdin(Stdio::null());
    }

    /// Runs the program to its end.
    pub(crate) fn fedlayer(&self, arguments: &str) -> Done {
        Done::of(&mut self.command(arguments))
    }

    /// Starts the program without output.
    pub(crate) fn start(&self, arguments: &str) -> Child {
        let mut command = self.command(arguments);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Returns every file below a folder, by its path there.
    pub(crate) fn files(&self, folder: &str) -> BTreeMap<String, Vec<u8>> {
        let root = self.path(folder);
        let mut files = BTreeMap::new();
        collect(&root, &root, &mut files);
        files
    }

    /// Returns the files of a run folder that depend on the scenario alone.
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

    /// Asserts that the program succeeded.
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

/// Asserts that two run folders have the same files and bytes, and names the files that differ.
pub(crate) fn assert_same_bytes(a: &BTreeMap<String, Vec<u8>>, b: &BTreeMap<String, Vec<u8>>) {
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(a), names(b));
    let different: Vec<_> = a.keys().filter(|name| a[*name] != b[*name]).collect();
    assert!(different.is_empty(), "these files differ: {different:?}");
}

/// Starts a mirror on this machine that answers one request: the file does not exist.
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
