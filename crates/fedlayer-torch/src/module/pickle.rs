//! [`check`]: a pickle of the archive may create only tensors, numbers, texts and objects of the
//! archive's own classes.

use thiserror::Error;

use fedlayer_core::text::in_backticks;

use super::purity::text_problem;

/// The module and the name of everything that a pickle may call, beside the archive's own classes.
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

/// Names the type of an empty list or dictionary.
const TYPE_TAG: (&str, &str) = ("torch.jit._pickle", "restore_type_tag");

/// The namespace of classes in C++.
const CUSTOM: &str = "__torch__.torch.classes";

/// The reason why a pickle is refused.
#[derive(Debug, PartialEq, Eq, Error)]
pub(super) enum PickleError {
    /// The pickle ends inside an instruction.
    #[error("its values are cut off")]
    Cut,
    /// The pickle has an instruction that libtorch does not write.
    #[error("its values use the instruction 0x{0:02x}, which `torch.jit.save` does not write")]
    Instruction(u8),
    /// The pickle calls something that is not allowed.
    #[error("its values name {}; only tensors and the archive's own classes are allowed", in_backticks([.0]))]
    Name(String),
    /// The pickle names a class in C++.
    #[error("its values use a C++ class (`torch.classes`)")]
    CustomClass,
    /// The pickle has a text that cannot be shown.
    #[error("{0}")]
    Text(String),
}

/// Checks a pickle in the form that libtorch writes: protocol 2, with the instructions that
/// libtorch uses.
///
/// # Errors
/// Names the first call or instruction that is not allowed.
pub(super) fn check(pickle: &[u8]) -> Result<(), PickleError> {
    let mut rest = pickle;
    loop {
        let (&code, arguments) = rest.split_first().ok_or(PickleError::Cut)?;
        let length = match code {
            b'.' => return Ok(()),
            b'c' => global_length(arguments)?,
            b'X' => text_length(arguments)?,
            0x8a => 1 + usize::from(*arguments.first().ok_or(PickleError::Cut)?),
            code => fixed_length(code).ok_or(PickleError::Instruction(code))?,
        };
        rest = arguments.get(length..).ok_or(PickleError::Cut)?;
    }
}

/// The length of an instruction's argument, if it is fixed.
fn fixed_length(code: u8) -> Option<usize> {
    Some(match code {
        // Lists, dictionaries, tuples, objects, None, True, False, and references to them.
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
        // The protocol, small numbers, small memo indices.
        0x80 | b'K' | b'h' | b'q' => 1,
        b'M' => 2,
        b'J' | b'j' | b'r' => 4,
        b'G' => 8,
        _ => return None,
    })
}

/// The length of an allowed global: a module and a name, a line each.
fn global_length(arguments: &[u8]) -> Result<usize, PickleError> {
    let mut lines = arguments.splitn(3, |&byte| byte == b'\n');
    let (Some(module), Some(name), Some(_)) = (lines.next(), lines.next(), lines.next()) else {
        return Err(PickleError::Cut);
    };
    let length = module.len() + name.len() + 2;
    let (module, name) = (String::from_utf8_lossy(module), String::from_utf8_lossy(name));
    let found = (module.as_ref(), name.as_ref());
    let is_own = (module == "__torch__" || module.starts_with("__torch__.")) && !is_custom(&module);
    if is_own || found == TYPE_TAG || GLOBALS.contains(&found) {
        return Ok(length);
    }
    Err(PickleError::Name(format!("{module}.{name}")))
}

/// The length of a text that is printable and names no class in C++.
fn text_length(arguments: &[u8]) -> Result<usize, PickleError> {
    let (length, text) = arguments.split_first_chunk::<4>().ok_or(PickleError::Cut)?;
    let length = u32::from_le_bytes(*length) as usize;
    let text = String::from_utf8_lossy(text.get(..length).ok_or(PickleError::Cut)?);
    if is_custom(&text) {
        return Err(PickleError::CustomClass);
    }
    text_problem(&text).map_or(Ok(4 + length), |problem| Err(PickleError::Text(problem)))
}

fn is_custom(name: &str) -> bool {
    name.contains(CUSTOM)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_and_own_classes_are_accepted_and_all_else_is_refused() {
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
            let found = check(&whole(module, name)).unwrap_err().to_string();
            assert!(found.contains(&format!("{module}.{name}")), "{found}");
        }
    }

    #[test]
    fn a_cut_pickle_and_an_unknown_instruction_are_refused() {
        assert_eq!(check(b"\x80\x02"), Err(PickleError::Cut));
        assert_eq!(check(b"\x80\x02X\xff\0\0\0a."), Err(PickleError::Cut));
        assert_eq!(check(b"\x80\x02c__torch__"), Err(PickleError::Cut));
        // A global in the form of protocol 4.
        let found = check(b"\x80\x04\x93.").unwrap_err().to_string();
        assert!(found.contains("0x93"), "{found}");
        let found = check(b"\x80\x02X\x04\0\0\0\x1b[2J.").unwrap_err().to_string();
        assert!(found.contains("U+001B"), "{found}");
    }
}
