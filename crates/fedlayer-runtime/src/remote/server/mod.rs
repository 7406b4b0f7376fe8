//! The coordinator's side of the protocol: it accepts workers and gives them jobs.
//!
//! In reading order:
//!
//! * [`Hub`]: the link to the workers; [`RunOffer`]: what it offers them; [`CoordinatorNotice`]:
//!   what it tells the user.
//! * `ledger`: the open jobs and their holders.
//! * `service`: the four calls of a worker; `session`: a worker's session.
//! * [`serve`]: the port; `guard`: checks the token and the version of each request.
//! * `acceptor`: accepts connections; `connection`: ends those that are silent or not authenticated
//!   in time; `connection_table`: limits their number.
//! * [`Metrics`]: counts for Prometheus.

mod acceptor;
mod connection;
mod connection_table;
mod guard;
mod hub;
mod ledger;
mod metrics;
mod notice;
mod offer;
mod serve;
mod service;
mod session;

pub use connection_table::ConnectionLimits;
pub use hub::{Hub, HubError, RunEnd};
pub use metrics::Metrics;
pub use notice::CoordinatorNotice;
pub use offer::{RunOffer, SplitLengths};
pub use serve::{BoundPort, ListenError, serve};
