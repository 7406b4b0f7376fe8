//! fedlayer-analysis through its public interface: every measurement is compared with a closed
//! form.

#![allow(clippy::unwrap_used, reason = "helpers of tests: a panic is the message")]

mod align;
mod barriers;
mod batchnorm;
#[path = "../../../fedlayer-core/tests/it/batchnorm/case.rs"]
#[allow(dead_code, reason = "the tests of the core use the rest")]
mod batchnorm_case;
mod criticality;
mod distance;
mod fixture;
mod flatness;
mod hessian;
mod predict;
mod robustness;
mod subspace;
#[path = "../../../fedlayer-core/tests/it/support.rs"]
#[allow(dead_code, reason = "the tests of the core use the rest")]
mod support;
mod surface;
mod weight_matching;
mod work;
