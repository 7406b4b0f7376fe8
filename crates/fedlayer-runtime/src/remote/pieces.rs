//! [`pieces`] and [`Assembly`]: values cut up for a stream, and put together again within what was announced.

use super::{
    codec::Malformed,
    limits::PIECE_BYTES,
    message::{Piece, Source},
};

/// Values cut into pieces, one source after the other.
pub(crate) fn pieces(sources: Vec<Source>) -> impl Iterator<Item = Piece> + Send {
    const VALUES: usize = PIECE_BYTES / 4;
    sources.into_iter().flat_map(|source| {
        let count = source.values().len();
        (0..count)
            .step_by(VALUES)
            .map(move |from| Piece::Ours(source.clone(), from..(from + VALUES).min(count)))
    })
}

/// Puts pieces together to values of known lengths. It allocates what is announced, part by part, as it comes, and never more.
#[derive(Debug)]
pub(crate) struct Assembly {
    lengths: Vec<usize>,
    parts: Vec<Vec<f32>>,
}

impl Assembly {
    /// For parts of these lengths.
    pub(crate) fn new(lengths: Vec<usize>) -> Self {
        Self { lengths, parts: Vec::new() }
    }

    /// Takes the next piece. `seen` is shown its values, with the part that they belong to, while they are near.
    ///
    /// # Errors
    /// When there are more values than were announced.
    pub(crate) fn take(
        &mut self,
        piece: &Piece,
        mut seen: impl FnMut(usize, &[f32]),
    ) -> Result<(), Malformed> {
        let Piece::Theirs(bytes) = piece else {
            return Err(Malformed("a piece of one's own".to_owned()));
        };
        let (mut values, _) = bytes.as_chunks::<4>();
        while !values.is_empty() {
            let room = match (self.parts.last(), self.parts.len()) {
                (Some(part), begun) => self.lengths[begun - 1] - part.len(),
                (None, _) => 0,
            };
            if room == 0 {
                let Some(&length) = self.lengths.get(self.parts.len()) else {
                    return Err(Malformed(format!(
                        "{} values more than were announced",
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
            part.extend(now.iter().map(|bytes| f32::from_le_bytes(*bytes)));
            seen(index, &part[before..]);
            values = later;
        }
        Ok(())
    }

    /// The parts, once all pieces came.
    ///
    /// # Errors
    /// When there are fewer values than were announced.
    pub(crate) fn finish(mut self) -> Result<Vec<Vec<f32>>, Malformed> {
        let found: usize = self.parts.iter().map(Vec::len).sum();
        let expected: usize = self.lengths.iter().sum();
        if found != expected {
            return Err(Malformed(format!("it ended after {found} of {expected} values")));
        }
        // Parts without values at the end were never begun.
        self.parts.resize(self.lengths.len(), Vec::new());
        Ok(self.parts)
    }
}
