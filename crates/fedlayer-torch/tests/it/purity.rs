//! A module is a program: its code is checked against the list of pure operators before libtorch
//! sees the file.

use std::{
    fs,
    io::{Cursor, Read},
    path::Path,
};

use fedlayer_torch::{Module, TorchError};
use tempfile::TempDir;
use zip::ZipArchive;

use crate::{
    archive::{Archive, net},
    setup::module,
};

/// The reason why an archive is refused.
#[track_caller]
fn reason(archive: &Archive) -> String {
    match Module::read("net.pt", &archive.bytes()) {
        Err(TorchError::Module { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

/// A forward pass that begins with `line`.
fn forward(line: &str) -> Archive {
    let lines = format!(
        "    {line}\n    hidden = torch.flatten(torch.relu((self.conv).forward(x, )), 1)\n    return (self.fc).forward(hidden, )\n"
    );
    Archive::net().forward("", &lines)
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a test looks into its own folder")]
fn a_module_that_touches_files_is_refused_and_touches_none() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("touched");
    for line in [
        format!("y = torch.from_file(\"{}\", True, 4)", file.display()),
        format!("y = ops.aten.from_file(\"{}\", True, 4)", file.display()),
        format!("f = torch.from_file\n    y = f(\"{}\", True, 4)", file.display()),
        format!("torch.save([x], \"{}\")", file.display()),
    ] {
        let archive = forward(&line);
        let found = reason(&archive);
        let operator = if line.contains("save") { "aten::save" } else { "aten::from_file" };
        assert!(
            found.starts_with(&format!(
                "its code uses the operator `{operator}`, which is not on the list"
            )),
            "{found}"
        );
        assert!(
            found.ends_with("(`forward` of `Scripted`, line 10 of `code/__torch__/modules.py`)"),
            "{found}"
        );
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// Code that runs on loading, in a submodule, in a free function or in a nested block is checked,
/// too.
#[test]
fn code_that_is_anywhere_in_the_archive_is_read() {
    let code = String::from_utf8(Archive::net().read("net/code/__torch__/modules.py")).unwrap();
    let state = "  def __setstate__(self: __torch__.modules.Scripted,\n    state: Tensor) -> NoneType:\n    y = torch.from_file(\"a\", True, 4)\n    return None\n";
    let free = "def late(x: Tensor) -> Tensor:\n  return torch.from_file(\"a\", True, 4)\n";
    let linear = "net/code/__torch__/torch/nn/modules/linear.py";
    let part = String::from_utf8(Archive::net().read(linear)).unwrap();
    let part = part.replace("torch.linear(", "torch.from_file(");
    for (archive, place) in [
        (
            Archive::net().with("net/code/__torch__/modules.py", format!("{code}{state}")),
            "`__setstate__` of `Scripted`",
        ),
        (
            Archive::net().with("net/code/__torch__/modules.py", format!("{code}{free}")),
            "`late`, line",
        ),
        (
            Archive::net().with("net/code/elsewhere.py", free),
            "`late`, line 2 of `code/elsewhere.py`",
        ),
        (Archive::net().with(linear, part), "`forward` of `Linear`"),
        (
            forward(
                "if self.training:\n      for i in range(3):\n        y = torch.from_file(\"a\", True, 4)",
            ),
            "`forward` of `Scripted`, line 12",
        ),
    ] {
        let found = reason(&archive);
        assert!(found.contains("aten::from_file") && found.contains(place), "{found}");
    }
}

#[test]
fn values_that_name_other_classes_are_refused() {
    let values = Archive::net().values(b"c__torch__.modules\nScripted\n", b"cos\nsystem\n");
    let found = reason(&values);
    assert!(found.starts_with("its values name `os.system`"), "{found}");
    let custom = forward("y = __torch__.torch.classes.mine.Store()");
    assert!(reason(&custom).starts_with("its code uses a C++ class"), "{}", reason(&custom));
}

#[test]
fn an_archive_without_its_values_is_refused() {
    let bytes = Archive::net().without("net/data.pkl").bytes();
    let error = Module::read("net.pt", &bytes).unwrap_err().to_string();
    assert_eq!(
        error,
        "module `net.pt`: it is not a module that `torch.jit.save` wrote: it has no `data.pkl`"
    );
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a test reads its fixture")]
fn the_usual_layers_of_pytorch_are_pure_scripted_and_traced() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracle/fixtures/pure.zip");
    let mut all = ZipArchive::new(Cursor::new(fs::read(file).unwrap())).unwrap();
    for name in ["scripted.pt", "traced.pt", "evaluated.pt"] {
        let mut bytes = Vec::new();
        all.by_name(name).unwrap().read_to_end(&mut bytes).unwrap();
        let module = Module::read(name, &bytes).unwrap_or_else(|error| panic!("{error}"));
        let is_frozen = module.notes().iter().any(|note| note.contains("is always in eval mode"));
        assert_eq!(is_frozen, name == "evaluated.pt", "{:?}", module.notes());
    }
}

#[test]
fn a_module_is_said_to_be_a_program() {
    let notes = module(&net()).unwrap().notes();
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].contains("is a program of the person who saved it"), "{notes:?}");
}
