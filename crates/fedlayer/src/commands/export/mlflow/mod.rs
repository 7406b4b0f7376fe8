//! Runs of an MLflow tracking server, one per plan, over its REST interface.
//!
//! * `server`: requests, and what the server said if it refuses.
//! * `upload`: a plan as a run: parameters, metrics in batches, artifacts.

mod server;
mod upload;

use self::{server::TrackingServer, upload::upload};
use super::source::ExportSource;
use crate::{download_source::DownloadUrl, exit::Failure, screen::Screen};

/// Sends every plan of the runs. A run that was sent before and has the same rounds is left alone;
/// one with other rounds, or one that was interrupted, is sent again and the earlier one deleted.
///
/// # Errors
/// When the server does not answer or refuses; the run that was being sent is then marked as
/// failed.
pub(super) fn send(
    sources: &[ExportSource],
    url: &DownloadUrl,
    screen: &Screen,
) -> Result<(), Failure> {
    let server = TrackingServer::new(url.clone());
    for source in sources {
        let experiment = server.experiment(&source.provenance.scenario)?;
        for plan in &source.plans {
            let is_sent = upload(&server, &experiment, source, plan, screen)?;
            let words = if is_sent { "sent" } else { "is there already" };
            screen.talk(&format!("`{}` {words}: {server}", plan.folder.path().display()));
        }
    }
    Ok(())
}
