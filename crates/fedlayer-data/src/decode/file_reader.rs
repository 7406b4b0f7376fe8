//! [`FileReader`]: reads a file, plain or gzip, and counts its bytes.

use std::io::{self, Chain, Cursor, Read};

use flate2::read::MultiGzDecoder;

use super::{DecodeError, DecodeFault, FilePosition};

/// The largest file that is read if its size is not known beforehand.
pub const LARGEST_FILE: u64 = 8 << 30;

/// The longest excerpt of a file in a message, in characters.
const LONGEST_FOUND: usize = 300;

/// The largest single read: a huge length in a header allocates nothing.
const PIECE: u64 = 1 << 20;

/// The bytes of a file, decompressed if its first two bytes are those of gzip.
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
    /// Looks at the first two bytes of a file; messages call it `file`.
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

    /// Limits the bytes that are kept in memory to `room`, whatever the file unpacks to.
    #[must_use]
    pub fn within(self, room: u64) -> Self {
        Self { room, ..self }
    }

    /// Checks that there is room for `bytes` more bytes.
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

    /// Returns the file's name in messages.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Returns the number of bytes that were read.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns a fault at the current position.
    pub fn fault(
        &self,
        fault: DecodeFault,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> DecodeError {
        self.fault_at(FilePosition::Byte(self.offset), fault, found, expected)
    }

    /// Returns a fault at another position of the file.
    pub fn fault_at(
        &self,
        position: FilePosition,
        fault: DecodeFault,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> DecodeError {
        // A file may contain anything, such as line breaks and terminal escapes.
        let mut found = found.into().replace(char::is_control, " ");
        let expected = expected.into();
        if let Some((end, _)) = found.char_indices().nth(LONGEST_FOUND) {
            found.truncate(end);
            found.push('…');
        }
        DecodeError { file: self.file.clone(), position, fault, found, expected, help: None }
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

    /// Reads the next `count` bytes; `expected` describes them in messages.
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

    /// Reads up to the end, at most [`LARGEST_FILE`] bytes.
    ///
    /// # Errors
    /// When there are more, or they cannot be read.
    pub fn rest(&mut self) -> Result<Vec<u8>, DecodeError> {
        self.rest_up_to(LARGEST_FILE)
    }

    /// Reads up to the end, at most `most` bytes: a small gzip file may decompress to far more.
    ///
    /// # Errors
    /// When there are more, or they cannot be read.
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

    /// Reads the rest of the file, which must have `count` bytes.
    ///
    /// # Errors
    /// When there are fewer or more.
    pub fn whole(&mut self, count: u64) -> Result<Vec<u8>, DecodeError> {
        let bytes = self.take(count, &format!("{count} bytes"))?;
        self.end()?;
        Ok(bytes)
    }

    /// Checks that the file ends here.
    ///
    /// # Errors
    /// When it continues.
    pub fn end(&mut self) -> Result<(), DecodeError> {
        let at = self.offset;
        let mut more = Vec::new();
        self.append(1, &mut more)?;
        match more.is_empty() {
            true => Ok(()),
            false => {
                let position = FilePosition::Byte(at);
                Err(self.fault_at(
                    position,
                    DecodeFault::TooLong,
                    "more data",
                    "the end of the file",
                ))
            }
        }
    }

    /// Appends up to `piece` bytes; appends none at the end of the file.
    fn append(&mut self, piece: u64, bytes: &mut Vec<u8>) -> Result<(), DecodeError> {
        // One byte beyond the limit shows that the file is larger.
        let piece = piece.min(self.room.saturating_sub(self.offset).saturating_add(1));
        let before = bytes.len();
        // Doubling is faster; if there is no memory for it, the exact size may still fit.
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

/// Formats a number of bytes in MiB, rounded up.
fn in_mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(1 << 20))
}
