//! [`check`]: sees that a pickle of an archive makes nothing but tensors, numbers, texts and objects of
//! the archive's own classes.

use fedlayer_core::in_backticks;

use super::purity::text_problem;

/// What a pickle may call, beside the archive's own classes: its module and its name.
const GLOBALS: [(&str, &str); 19] = [
    ("collections", "OrderedDict"),
    ("torch", "BFloat16Storage"),
    ("torch", "BoolStorage"),
    ("torch", "ByteStorage"),
    ("torch", "CharStorage"),
    ("torch", "ComplexDoubleStorage"),
    ("torch", "ComplexFloatStorage"),
    ("torch", "DoubleStorage"),
    ("torch", "FloatStorage"),
    ("torch", "HalfStorage"),
    ("torch", "IntStorage"),
    ("torch", "LongStorage"),
    ("torch", "ShortStorage"),
    ("torch", "device"),
    ("torch._utils", "_rebuild_tensor_v2"),
    ("torch.jit._pickle", "build_boollist"),
    ("torch.jit._pickle", "build_doublelist"),
    ("torch.jit._pickle", "build_intlist"),
    ("torch.jit._pickle", "build_tensorlist"),
];

/// Names a type, for an empty list or a dictionary.
const TYPE_TAG: (&str, &str) = ("torch.jit._pickle", "restore_type_tag");

/// Where classes of C++ are.
const CUSTOM: &str = "__torch__.torch.classes";

/// Checks a pickle as libtorch writes it: protocol 2, and of its instructions those that libtorch uses.
///
/// # Errors
/// Names what is called or made that is not allowed.
pub(super) fn check(pickle: &[u8]) -> Result<(), String> {
    let mut rest = pickle;
    loop {
        let (&code, arguments) = rest.split_first().ok_or(CUT)?;
        let length = match code {
            b'.' => return Ok(()),
            b'c' => global(arguments)?,
            b'X' => text(arguments)?,
            0x8a => 1 + usize::from(*arguments.first().ok_or(CUT)?),
            code => fixed(code).ok_or_else(|| {
                format!("its values use the instruction 0x{code:02x}, which `torch.jit.save` does not write")
            })?,
        };
        rest = arguments.get(length..).ok_or(CUT)?;
    }
}

const CUT: &str = "its values end in the middle";

/// The length of the argument of an instruction where it is fixed.
fn fixed(code: u8) -> Option<usize> {
    Some(match code {
        // Lists, dictionaries, tuples, objects, None, True, False, and what was made before.
        b'('
        | b')'
        | b']'
        | b'}'
        | b'a'
        | b'b'
        | b'e'
        | b's'
        | b't'
        | b'u'
        | b'N'
        | b'Q'
        | b'R'
        | 0x81
        | 0x85..=0x89 => 0,
        // The protocol, small numbers, small places.
        0x80 | b'K' | b'h' | b'q' => 1,
        b'M' => 2,
        b'J' | b'j' | b'r' => 4,
        b'G' => 8,
        _ => return None,
    })
}

/// The length of what a global names, where it is allowed: a module and a name, a line each.
fn global(arguments: &[u8]) -> Result<usize, String> {
    let mut lines = arguments.splitn(3, |&byte| byte == b'\n');
    let (Some(module), Some(name), Some(_)) = (lines.next(), lines.next(), lines.next()) else {
        return Err(CUT.to_owned());
    };
    let length = module.len() + name.len() + 2;
    let (module, name) = (String::from_utf8_lossy(module), String::from_utf8_lossy(name));
    let found = (module.as_ref(), name.as_ref());
    let is_own = (module == "__torch__" || module.starts_with("__torch__.")) && !is_custom(&module);
    if is_own || found == TYPE_TAG || GLOBALS.contains(&found) {
        return Ok(length);
    }
    Err(format!(
        "its values name {}; they may name tensors and the archive's own classes",
        in_backticks([format!("{module}.{name}")])
    ))
}

/// The length of a text that can be shown and names no class of C++.
fn text(arguments: &[u8]) -> Result<usize, String> {
    let (length, text) = arguments.split_first_chunk::<4>().ok_or(CUT)?;
    let length = u32::from_le_bytes(*length) as usize;
    let text = String::from_utf8_lossy(text.get(..length).ok_or(CUT)?);
    if is_custom(&text) {
        return Err("its values name a class of C++ (`torch.classes`)".to_owned());
    }
    text_problem(&text).map_or(Ok(4 + length), Err)
}

fn is_custom(name: &str) -> bool {
    name.contains(CUSTOM)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_and_own_classes_are_taken_and_nothing_else() {
        let calls = |module: &str, name: &str| {
            format!("\u{0}c{module}\n{name}\nq\u{1}.").replacen('\u{0}', "", 1).into_bytes()
        };
        let whole = |module: &str, name: &str| [b"\x80\x02".to_vec(), calls(module, name)].concat();
        for (module, name) in [
            ("__torch__", "Net"),
            ("__torch__.torch.nn", "Linear"),
            ("torch._utils", "_rebuild_tensor_v2"),
            ("torch.jit._pickle", "restore_type_tag"),
        ] {
            assert_eq!(check(&whole(module, name)), Ok(()), "{module}.{name}");
        }
        for (module, name) in [
            ("os", "system"),
            ("builtins", "eval"),
            ("torch.jit._pickle", "build_tensor_from_id"),
            ("__torch__.torch.classes.mine", "Store"),
            ("torch.distributed.rpc", "rref"),
        ] {
            let found = check(&whole(module, name)).unwrap_err();
            assert!(found.contains(&format!("{module}.{name}")), "{found}");
        }
    }

    #[test]
    fn what_is_cut_or_unknown_is_refused() {
        assert_eq!(check(b"\x80\x02"), Err(CUT.to_owned()));
        assert_eq!(check(b"\x80\x02X\xff\0\0\0a."), Err(CUT.to_owned()));
        assert_eq!(check(b"\x80\x02c__torch__"), Err(CUT.to_owned()));
        // Python's `cos\nsystem`, in the form of its protocol 4.
        let found = check(b"\x80\x04\x93.").unwrap_err();
        assert!(found.contains("0x93"), "{found}");
        let found = check(b"\x80\x02X\x04\0\0\0\x1b[2J.").unwrap_err();
        assert!(found.contains("U+001B"), "{found}");
    }
}
