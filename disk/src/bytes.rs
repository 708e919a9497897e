//! Little-endian fields at fixed offsets, and the checksum that ext4 puts over nearly everything.

/// Writes `value` at `offset`.
pub(crate) fn put16(buf: &mut [u8], offset: usize, value: u16) {
    buf[offset..offset + 2].copy_from_slice(&value.to_le_bytes());
}

/// Writes `value` at `offset`.
pub(crate) fn put32(buf: &mut [u8], offset: usize, value: u32) {
    buf[offset..offset + 4].copy_from_slice(&value.to_le_bytes());
}

/// Writes a 64-bit value whose halves lie apart, as in fields that grew when ext4 did.
pub(crate) fn put_split(buf: &mut [u8], low_offset: usize, high_offset: usize, value: u64) {
    put32(buf, low_offset, low32(value));
    put32(buf, high_offset, low32(value >> 32));
}

/// Reads the value at `offset`.
pub(crate) fn get16(buf: &[u8], offset: usize) -> u16 {
    u16::from_le_bytes([buf[offset], buf[offset + 1]])
}

/// Reads the value at `offset`.
pub(crate) fn get32(buf: &[u8], offset: usize) -> u32 {
    u32::from(get16(buf, offset)) | u32::from(get16(buf, offset + 2)) << 16
}

/// Reads a 64-bit value whose halves lie apart.
pub(crate) fn get_split(buf: &[u8], low_offset: usize, high_offset: usize) -> u64 {
    u64::from(get32(buf, low_offset)) | u64::from(get32(buf, high_offset)) << 32
}

/// Adds to a 64-bit value whose halves lie apart.
pub(crate) fn add_split(buf: &mut [u8], low_offset: usize, high_offset: usize, added: u64) {
    let sum = get_split(buf, low_offset, high_offset).saturating_add(added);
    put_split(buf, low_offset, high_offset, sum);
}

/// The low half of `value`.
pub(crate) fn low32(value: u64) -> u32 {
    (value & 0xffff_ffff) as u32
}

/// The low half of `value`.
pub(crate) fn low16(value: u32) -> u16 {
    (value & 0xffff) as u16
}

/// CRC-32C as ext4 uses it: reflected, chained by the caller, without the final inversion.
pub(crate) fn crc32c(seed: u32, data: &[u8]) -> u32 {
    data.iter().fold(seed, |crc, &byte| {
        (crc >> 8) ^ TABLE[usize::from((crc as u8) ^ byte)]
    })
}

const TABLE: [u32; 256] = crc_table();

const fn crc_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = index as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ 0x82f6_3b78
            } else {
                crc >> 1
            };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc32c_matches_the_published_check_value() {
        assert_eq!(!crc32c(!0, b"123456789"), 0xe306_9283);
    }
}
