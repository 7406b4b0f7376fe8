//! [`is_pure`]: the operators of libtorch that a module may use.

use std::{collections::BTreeSet, sync::LazyLock};

/// Operators that compute their results from their arguments and have no other effect.
static PURE: LazyLock<BTreeSet<&str>> =
    LazyLock::new(|| listed(include_str!("pure_operators.txt")));

/// All other operators of `aten` and `prim`.
static OTHER: LazyLock<BTreeSet<&str>> =
    LazyLock::new(|| listed(include_str!("other_operators.txt")));

fn listed(text: &'static str) -> BTreeSet<&'static str> {
    text.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace).collect()
}

/// Returns whether an operator is pure, or the in-place form of a pure one: `relu`, `relu_`,
/// `prim.dtype`.
pub(super) fn is_pure(name: &str) -> bool {
    PURE.contains(name) || name.strip_suffix('_').is_some_and(|name| PURE.contains(name))
}

/// Returns whether an operator is known and not pure.
pub(super) fn is_impure(name: &str) -> bool {
    OTHER.contains(name) && !is_pure(name)
}

/// Impure functions of TorchScript's environment: output, other threads, memory addresses, and
/// characters that the texts of the archive do not have.
const IMPURE_FUNCTIONS: [&str; 6] = ["awaitable", "chr", "fork", "hash", "id", "print"];

/// Returns whether a plain name, such as `print`, is an impure function of the environment.
///
/// All others of the environment (`int`, `getattr`, `range`, …) are pure. Any further name is a
/// value of the code itself.
pub(super) fn is_impure_function(name: &str) -> bool {
    IMPURE_FUNCTIONS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operator_is_on_one_list() {
        assert_eq!(PURE.intersection(&OTHER).count(), 0);
        assert!(PURE.len() > 700 && OTHER.len() > 700);
        let both: Vec<_> = OTHER.iter().filter(|name| is_pure(name)).collect();
        assert!(both.is_empty(), "{both:?}");
    }

    #[test]
    fn files_output_and_foreign_memory_are_not_pure() {
        for name in [
            "from_file",
            "save",
            "_print",
            "set_",
            "set_data",
            "resize_",
            "as_strided",
            "empty",
            "manual_seed",
            "set_grad_enabled",
            "wait",
            "to_here",
            "prim.Print",
            "prim.rpc_sync",
            "prim.PythonOp",
            "_cuda_getDeviceCount",
        ] {
            assert!(!is_pure(name), "{name}");
        }
        for name in ["from_file", "save", "prim.Print"] {
            assert!(is_impure(name), "{name}");
        }
        for name in ["linear", "relu_", "__getitem__", "prim.RaiseException", "conv2d"] {
            assert!(is_pure(name), "{name}");
        }
    }
}
