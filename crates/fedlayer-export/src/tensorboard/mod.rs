//! [`EventFile`]: an event file of TensorBoard.
//!
//! * `messages`: the protocol buffers of TensorBoard, as far as they are needed.
//! * `framing`: a message with its length and masked CRC-32C.
//! * `summaries`: values as messages; `heat_map`: the barriers of all rounds as a PNG picture.

mod event_file;
mod framing;
mod heat_map;
mod messages;
mod summaries;

pub use event_file::EventFile;
pub use heat_map::Colour;
