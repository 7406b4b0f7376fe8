//! The shares of `[data]` that set examples apart, and how they fit together.

use fedlayer_core::{data::DataFacts, spec::DataSpec};

use crate::{
    DataError,
    error::{in_range, share_or_none},
};

/// Checks the shares that may be 0, alone and together.
pub(crate) fn check(spec: &DataSpec) -> Result<(), DataError> {
    share_or_none("data.client_test_share", spec.client_test_share)?;
    share_or_none("data.validation_share", spec.validation_share)?;
    share_or_none("data.client_validation_share", spec.client_validation_share)?;
    in_range(
        spec.client_test_share + spec.client_validation_share < 1.0,
        "data.client_validation_share",
        spec.client_validation_share,
        "below 1 together with `data.client_test_share`",
    )
}

/// Refuses a common validation set of a pool that can give no example away.
pub(crate) fn check_pool(spec: &DataSpec, facts: &DataFacts) -> Result<(), DataError> {
    if spec.validation_share > 0.0 && facts.pool < 2 {
        let why = "there is a single training example, which is left to the clients";
        return Err(DataError::NoEffect { key: "data.validation_share", why });
    }
    Ok(())
}

/// Refuses own validation data of clients that draw too few examples to give one away.
pub(crate) fn check_drawn(spec: &DataSpec, validation: usize) -> Result<(), DataError> {
    if spec.client_validation_share > 0.0 && validation == 0 {
        let why =
            "a client has too few examples (`data.set.synthetic.per_client`) to set one apart";
        return Err(DataError::NoEffect { key: "data.client_validation_share", why });
    }
    Ok(())
}
