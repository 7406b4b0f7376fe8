//! [`pieces`] cuts values into pieces for a stream; [`Assembly`] puts them together again.

use super::{
    codec::MalformedMessage,
    limits::PIECE_BYTES,
    message::{Piece, ValueSource},
    numbers::WireNumber,
};

/// Cuts values into pieces, one source after the other.
pub(crate) fn pieces(sources: Vec<ValueSource>) -> impl Iterator<Item = Piece> + Send {
    sources.into_iter().flat_map(|source| {
        let (count, values) = (source.numbers().len(), PIECE_BYTES / source.numbers().width());
        (0..count)
            .step_by(values)
            .map(move |from| Piece::Outgoing(source.clone(), from..(from + values).min(count)))
    })
}

/// Assembles values of known lengths from pieces.
///
/// The memory of each part is allocated when its first values arrive, and never more than the known
/// length.
#[derive(Debug)]
pub(crate) struct Assembly<T> {
    lengths: Vec<usize>,
    parts: Vec<Vec<T>>,
}

impl<T: WireNumber> Assembly<T> {
    /// Expects parts of these lengths.
    pub(crate) fn new(lengths: Vec<usize>) -> Self {
        Self { lengths, parts: Vec::new() }
    }

    /// Appends the next piece. `seen` is called with its values and the index of their part, while
    /// they are in the processor's cache.
    ///
    /// # Errors
    /// When there are more values than expected, or a piece ends within a value.
    pub(crate) fn append(
        &mut self,
        piece: &Piece,
        mut seen: impl FnMut(usize, &[T]),
    ) -> Result<(), MalformedMessage> {
        let Piece::Incoming(bytes) = piece else {
            return Err(MalformedMessage("found an outgoing piece".to_owned()));
        };
        let (mut values, rest) = T::split(bytes);
        if !rest.is_empty() {
            return Err(MalformedMessage(format!(
                "found a piece of {} bytes; values have {} bytes each",
                bytes.len(),
                size_of::<T>()
            )));
        }
        while !values.is_empty() {
            let room = match (self.parts.last(), self.parts.len()) {
                (Some(part), begun) => self.lengths[begun - 1] - part.len(),
                (None, _) => 0,
            };
            if room == 0 {
                let Some(&length) = self.lengths.get(self.parts.len()) else {
                    return Err(MalformedMessage(format!(
                        "found {} values more than expected",
                        values.len()
                    )));
                };
                self.parts.push(Vec::with_capacity(length));
                continue;
            }
            let (now, later) = values.split_at(room.min(values.len()));
            let index = self.parts.len() - 1;
            let part = &mut self.parts[index];
            let before = part.len();
            part.extend(now.iter().map(|&bytes| T::read(bytes)));
            seen(index, &part[before..]);
            values = later;
        }
        Ok(())
    }

    /// Returns the parts after the last piece.
    ///
    /// # Errors
    /// When there are fewer values than expected.
    pub(crate) fn finish(mut self) -> Result<Vec<Vec<T>>, MalformedMessage> {
        let found: usize = self.parts.iter().map(Vec::len).sum();
        let expected: usize = self.lengths.iter().sum();
        if found != expected {
            return Err(MalformedMessage(format!(
                "the stream ended after {found} of {expected} values"
            )));
        }
        // Empty parts at the end have no pieces.
        self.parts.resize(self.lengths.len(), Vec::new());
        Ok(self.parts)
    }
}
