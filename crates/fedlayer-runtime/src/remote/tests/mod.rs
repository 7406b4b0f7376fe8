//! A coordinator or a worker and a peer that breaks the protocol: the peer is refused with a
//! reason, the refusal is counted, and no result changes.

mod derivatives;
mod dishonest_coordinator;
mod fixture;
mod limits_page;
mod message_bytes;
mod messages;
mod refusals;
mod replies;
mod slow_peers;
mod unauthenticated;
