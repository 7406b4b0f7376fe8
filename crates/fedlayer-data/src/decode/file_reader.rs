//! [`FileReader`]: the bytes of a file, plain or gzip, counted.

use std::io::{self, Chain, Cursor, Read};

use flate2::read::MultiGzDecoder;

use super::{DecodeError, DecodeFault, FilePosition};

/// The most bytes that are taken of a file whose size is not known beforehand.
pub const LARGEST_FILE: u64 = 8 << 30;

/// The characters of a file that a message shows at most.
const LONGEST_FOUND: usize = 300;

/// What one read asks for at most, so that a length in a header allocates nothing.
const PIECE: u64 = 1 << 20;

/// The bytes of a file, decompressed where its first two bytes say gzip.
#[derive(Debug)]
pub struct FileReader<R> {
    file: String,
    reader: Plain<R>,
    offset: u64,
    room: u64,
}

#[derive(Debug)]
enum Plain<R> {
    AsItIs(Chain<Cursor<Vec<u8>>, R>),
    Gzip(MultiGzDecoder<Chain<Cursor<Vec<u8>>, R>>),
}

impl<R: Read> FileReader<R> {
    /// Looks at the first two bytes of a file that messages call `file`.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn new(file: &str, mut reader: R) -> Result<Self, DecodeError> {
        let mut first = Vec::with_capacity(2);
        let read = reader.by_ref().take(2).read_to_end(&mut first);
        let is_gzip = first == [0x1f, 0x8b];
        let whole = Cursor::new(first).chain(reader);
        let reader = match is_gzip {
            true => Plain::Gzip(MultiGzDecoder::new(whole)),
            false => Plain::AsItIs(whole),
        };
        let input = Self { file: file.to_owned(), reader, offset: 0, room: u64::MAX };
        match read {
            Ok(_) => Ok(input),
            Err(error) => Err(input.unreadable(&error)),
        }
    }

    /// The same, of which at most `room` bytes are kept in memory, whatever it unpacks to.
    #[must_use]
    pub fn within(self, room: u64) -> Self {
        Self { room, ..self }
    }

    /// Checks that there is room for `bytes` bytes beside those that were read.
    ///
    /// # Errors
    /// When there is not.
    pub fn has_room_for(&self, bytes: u64) -> Result<(), DecodeError> {
        let needed = self.offset.saturating_add(bytes);
        match needed <= self.room {
            true => Ok(()),
            false => Err(self.too_large(format!("data that need {}", in_mebibytes(needed)))),
        }
    }

    fn too_large(&self, found: String) -> DecodeError {
        let room = in_mebibytes(self.room);
        let expected = format!("at most {room}, half of the memory that is free");
        self.fault(DecodeFault::TooLarge, found, expected)
            .with_help("take a smaller file, or a machine (or a container) with more free memory")
    }

    /// What messages call the file.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// How many bytes were read.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// A fault at the current place.
    pub fn fault(
        &self,
        fault: DecodeFault,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> DecodeError {
        self.fault_at(FilePosition::Byte(self.offset), fault, found, expected)
    }

    /// A fault at another place of the file.
    pub fn fault_at(
        &self,
        place: FilePosition,
        fault: DecodeFault,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> DecodeError {
        // What is found in a file may be anything, line breaks and the codes of terminals too.
        let mut found = found.into().replace(char::is_control, " ");
        let expected = expected.into();
        if let Some((end, _)) = found.char_indices().nth(LONGEST_FOUND) {
            found.truncate(end);
            found.push('…');
        }
        DecodeError { file: self.file.clone(), place, fault, found, expected, help: None }
    }

    fn unreadable(&self, error: &io::Error) -> DecodeError {
        use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
        match (&self.reader, error.kind()) {
            (Plain::Gzip(_), UnexpectedEof) => {
                self.fault(DecodeFault::Gzip, "the end of the compressed data", "the rest of it")
            }
            (Plain::Gzip(_), InvalidData | InvalidInput) => {
                self.fault(DecodeFault::Gzip, format!("`{error}`"), "gzip data without fault")
            }
            _ => self.fault(DecodeFault::Unreadable, format!("`{error}`"), "readable data"),
        }
    }

    /// The next `count` bytes, of what `expected` says.
    ///
    /// # Errors
    /// When there are fewer.
    pub fn take(&mut self, count: u64, expected: &str) -> Result<Vec<u8>, DecodeError> {
        let mut bytes = Vec::new();
        self.take_into(&mut bytes, count, expected)?;
        Ok(bytes)
    }

    /// Appends the next `count` bytes to `bytes`.
    ///
    /// # Errors
    /// When there are fewer.
    pub fn take_into(
        &mut self,
        bytes: &mut Vec<u8>,
        count: u64,
        expected: &str,
    ) -> Result<(), DecodeError> {
        let start = self.offset;
        while self.offset - start < count {
            let before = self.offset;
            self.append(PIECE.min(count - (before - start)), bytes)?;
            if self.offset == before {
                let found = format!("the end after {} of {count} bytes", before - start);
                return Err(self.fault(DecodeFault::Truncated, found, expected));
            }
        }
        Ok(())
    }

    /// Everything up to the end, at most [`LARGEST_FILE`] bytes.
    ///
    /// # Errors
    /// When there is more, or it cannot be read.
    pub fn rest(&mut self) -> Result<Vec<u8>, DecodeError> {
        self.rest_up_to(LARGEST_FILE)
    }

    /// Everything up to the end, at most `most` bytes: what a small gzip file decompresses to is not taken beyond that.
    ///
    /// # Errors
    /// When there is more, or it cannot be read.
    pub fn rest_up_to(&mut self, most: u64) -> Result<Vec<u8>, DecodeError> {
        let mut bytes = Vec::new();
        loop {
            let before = bytes.len();
            self.append(PIECE.min(most - before as u64), &mut bytes)?;
            if bytes.len() == before {
                self.end()?;
                return Ok(bytes);
            }
        }
    }

    /// All of a file of which `count` bytes are left.
    ///
    /// # Errors
    /// When there are fewer or more.
    pub fn whole(&mut self, count: u64) -> Result<Vec<u8>, DecodeError> {
        let bytes = self.take(count, &format!("{count} bytes"))?;
        self.end()?;
        Ok(bytes)
    }

    /// Checks that nothing follows.
    ///
    /// # Errors
    /// When something does.
    pub fn end(&mut self) -> Result<(), DecodeError> {
        let at = self.offset;
        let mut more = Vec::new();
        self.append(1, &mut more)?;
        match more.is_empty() {
            true => Ok(()),
            false => {
                let place = FilePosition::Byte(at);
                Err(self.fault_at(place, DecodeFault::TooLong, "more data", "the end of the file"))
            }
        }
    }

    /// Appends up to `piece` bytes; none at the end.
    fn append(&mut self, piece: u64, bytes: &mut Vec<u8>) -> Result<(), DecodeError> {
        // One byte more than there is room for shows that the file is larger.
        let piece = piece.min(self.room.saturating_sub(self.offset).saturating_add(1));
        let before = bytes.len();
        // By doubling where that can be had, which is faster; a piece at a time where it cannot.
        if bytes.try_reserve(piece as usize).is_err()
            && bytes.try_reserve_exact(piece as usize).is_err()
        {
            return Err(self.too_large("no memory for more".to_owned()));
        }
        let read = match &mut self.reader {
            Plain::AsItIs(reader) => reader.by_ref().take(piece).read_to_end(bytes),
            Plain::Gzip(reader) => reader.by_ref().take(piece).read_to_end(bytes),
        };
        self.offset += (bytes.len() - before) as u64;
        read.map_err(|error| self.unreadable(&error))?;
        match self.offset > self.room {
            true => Err(self.too_large("more data".to_owned())),
            false => Ok(()),
        }
    }
}

/// A number of bytes, rounded up.
fn in_mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(1 << 20))
}
