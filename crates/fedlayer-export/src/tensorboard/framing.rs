//! [`write_record`]: a message with its length and checksums, as TFRecord files have it.

use std::io::{self, Write};

use crc::{CRC_32_ISCSI, Crc};

/// CRC-32C (Castagnoli).
const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// Writes a record: the length (8 bytes, little-endian), its checksum (4 bytes), the message, and
/// its checksum.
pub(super) fn write_record(out: &mut impl Write, message: &[u8]) -> io::Result<()> {
    let length = (message.len() as u64).to_le_bytes();
    out.write_all(&length)?;
    out.write_all(&masked_checksum(&length).to_le_bytes())?;
    out.write_all(message)?;
    out.write_all(&masked_checksum(message).to_le_bytes())
}

/// Returns the masked checksum of bytes: rotated right by 15 bits, plus a constant, so that a
/// record that contains a checksum has another one.
fn masked_checksum(bytes: &[u8]) -> u32 {
    CRC.checksum(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The checksums of RFC 3720, B.4, and the mask by hand.
    #[test]
    fn the_checksum_is_that_of_castagnoli_and_masked() {
        assert_eq!(CRC.checksum(&[0; 32]), 0x8a91_36aa);
        assert_eq!(CRC.checksum(&[0xff; 32]), 0x62a8_ab43);
        // 0x8a9136aa rotated right by 15 is 0x6d55_1522.
        assert_eq!(masked_checksum(&[0; 32]), 0x6d55_1522_u32.wrapping_add(0xa282_ead8));
        let mut out = Vec::new();
        write_record(&mut out, &[0; 32]).unwrap();
        assert_eq!(out.len(), 8 + 4 + 32 + 4);
        assert_eq!(out[..8], 32_u64.to_le_bytes());
    }
}
