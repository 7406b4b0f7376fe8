//! [`identity`]: the hashes that a coordinator and its workers must agree on, because results would
//! differ otherwise.

use std::sync::Arc;

use fedlayer_core::Plan;
use fedlayer_runtime::remote::{Digest, RunIdentity};

use crate::trainers::Trainers;

/// Hashes the layers, the scenario with every variant of a sweep, and the examples and files that
/// it names. Only the data of the first seed are hashed: the other seeds share the same examples
/// out by the same rule.
pub(crate) fn identity(plans: &[Arc<Plan>], trainers: &Trainers) -> Result<RunIdentity, String> {
    let json = |value: Result<Vec<u8>, serde_json::Error>| {
        value
            .map(|bytes| Digest(*blake3::hash(&bytes).as_bytes()))
            .map_err(|error| error.to_string())
    };
    let plan = plans.first().ok_or_else(|| "the scenario has no plan".to_owned())?;
    Ok(RunIdentity {
        layout: json(serde_json::to_vec(&plan.layout))?,
        plans: json(serde_json::to_vec(&plans))?,
        data: Digest(data(plans, plan.seed, trainers)?),
    })
}

/// Hashes the examples and files of all plans with a seed, each once.
fn data(plans: &[Arc<Plan>], seed: u64, trainers: &Trainers) -> Result<[u8; 32], String> {
    let mut different: Vec<&Plan> = Vec::new();
    let mut hasher = blake3::Hasher::new();
    for plan in plans.iter().filter(|plan| plan.seed == seed) {
        let same = |known: &&Plan| {
            known.shares_data(plan)
                && (&known.model, &known.initial) == (&plan.model, &plan.initial)
        };
        if !different.iter().any(same) {
            hasher.update(&trainers.fingerprint(plan)?);
            different.push(plan);
        }
    }
    Ok(*hasher.finalize().as_bytes())
}

/// Returns the features of this machine's processor that change last bits of a result.
pub(crate) fn processor() -> String {
    let mut words = vec![std::env::consts::ARCH];
    #[cfg(target_arch = "x86_64")]
    for (has, name) in [
        (std::arch::is_x86_feature_detected!("avx2"), "avx2"),
        (std::arch::is_x86_feature_detected!("fma"), "fma"),
        (std::arch::is_x86_feature_detected!("avx512f"), "avx512f"),
        (std::arch::is_x86_feature_detected!("avx512vnni"), "avx512vnni"),
    ] {
        words.extend(has.then_some(name));
    }
    words.join(" ")
}
