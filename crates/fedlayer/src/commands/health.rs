//! `fedlayer health`: whether a coordinator serves.

use fedlayer_runtime::remote::{self, Security};

use crate::{args::HealthArgs, exit::Failure, screen::Screen, security::{self, Side}};

/// `fedlayer health`.
pub(crate) fn health(args: &HealthArgs, screen: &Screen) -> Result<(), Failure> {
    let tls =
        args.certs.as_deref().map(|folder| security::tls(folder, Side::Worker)).transpose()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let address = args.connect.to_string();
    let asked = runtime.block_on(remote::health(&address, Security { tls, token: None }));
    asked.map_err(|why| {
        Failure::Address(format!("the coordinator at {} does not serve: {why}", args.connect))
    })?;
    screen.talk(&format!("the coordinator at {} serves", args.connect));
    Ok(())
}

