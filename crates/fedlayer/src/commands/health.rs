//! `fedlayer health`: whether a coordinator serves.

use fedlayer_runtime::remote;
use tokio::runtime::Builder;

use crate::{
    args::HealthArgs,
    exit::Failure,
    screen::Screen,
    security::{self, ConnectionSide},
};

/// Asks a coordinator for its health.
pub(super) fn health(args: &HealthArgs, screen: &Screen) -> Result<(), Failure> {
    let tls = args.certs.as_deref().map(|folder| security::tls(folder, ConnectionSide::Worker));
    let tls = tls.transpose()?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let address = args.connect.to_string();
    runtime.block_on(remote::check_health(&address, tls.as_ref())).map_err(|why| {
        Failure::Address(format!("the coordinator at {address} does not serve: {why}"))
    })?;
    screen.talk(&format!("the coordinator at {address} serves"));
    Ok(())
}
