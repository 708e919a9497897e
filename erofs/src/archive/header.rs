//! One header of 512 bytes: fields at fixed places, numbers in octal or, where that has no room, in binary.

use super::RECORD;
use super::sparse::Segment;

pub(super) struct Header(pub(super) [u8; RECORD]);

impl Header {
    pub(super) fn is_end(&self) -> bool {
        self.0.iter().all(|byte| *byte == 0)
    }

    /// The sum is taken with spaces in its own place; some programs took bytes as signed.
    pub(super) fn has_right_sum(&self) -> bool {
        let others = || self.0[..148].iter().chain(&self.0[156..]);
        let spaces = 8 * i64::from(b' ');
        let unsigned: i64 = others().map(|byte| i64::from(*byte)).sum();
        let signed: i64 = others().map(|byte| i64::from(byte.cast_signed())).sum();
        let stored = number(&self.0[148..156]);
        stored == Some(unsigned + spaces) || stored == Some(signed + spaces)
    }

    pub(super) fn kind(&self) -> u8 {
        self.0[156]
    }

    pub(super) fn path(&self) -> Vec<u8> {
        let name = text(&self.0[..100]);
        // Only in POSIX's form; GNU has other fields there.
        let prefix = match &self.0[257..263] {
            b"ustar\0" => text(&self.0[345..500]),
            _ => b"",
        };
        if prefix.is_empty() {
            name.to_owned()
        } else {
            [prefix, b"/", name].concat()
        }
    }

    pub(super) fn link(&self) -> Vec<u8> {
        text(&self.0[157..257]).to_owned()
    }

    pub(super) fn mode(&self) -> Option<u16> {
        Some((number(&self.0[100..108])? & 0o7777) as u16)
    }

    pub(super) fn uid(&self) -> Option<u32> {
        u32::try_from(number(&self.0[108..116])?).ok()
    }

    pub(super) fn gid(&self) -> Option<u32> {
        u32::try_from(number(&self.0[116..124])?).ok()
    }

    pub(super) fn size(&self) -> Option<u64> {
        u64::try_from(number(&self.0[124..136])?).ok()
    }

    pub(super) fn modified(&self) -> Option<i64> {
        number(&self.0[136..148])
    }

    /// Major and minor.
    pub(super) fn device(&self) -> Option<(u32, u32)> {
        let part = |from: usize| u32::try_from(number(&self.0[from..from + 8])?).ok();
        Some((part(329)?, part(337)?))
    }

    /// The size of an old GNU sparse file with its holes.
    pub(super) fn real_size(&self) -> Option<u64> {
        u64::try_from(number(&self.0[483..495])?).ok()
    }

    /// The start of an old GNU sparse file's map, and whether records with more of it follow.
    pub(super) fn sparse(&self, map: &mut Vec<Segment>) -> Option<bool> {
        segments(&self.0[386..482], map)?;
        Some(self.0[482] != 0)
    }

    /// The same in one of the records that follow.
    pub(super) fn more_sparse(&self, map: &mut Vec<Segment>) -> Option<bool> {
        segments(&self.0[..504], map)?;
        Some(self.0[504] != 0)
    }
}

fn segments(fields: &[u8], map: &mut Vec<Segment>) -> Option<()> {
    for field in fields.chunks_exact(24) {
        if field[0] == 0 {
            break;
        }
        map.push(Segment {
            offset: u64::try_from(number(&field[..12])?).ok()?,
            len: u64::try_from(number(&field[12..])?).ok()?,
        });
    }
    Some(())
}

/// Up to the first NUL.
fn text(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// An empty field is 0, as every reader has it.
fn number(field: &[u8]) -> Option<i64> {
    if field[0] & 0x80 != 0 {
        // Big-endian in two's complement, of which the highest bit is the mark, so that the next one has the sign.
        let negative = field[0] & 0x40 != 0;
        let first = if negative { field[0] } else { field[0] & 0x7f };
        let start = i128::from(first.cast_signed());
        let value = field[1..].iter().try_fold(start, |value, byte| {
            i64::try_from(value).ok()?;
            Some(value << 8 | i128::from(*byte))
        })?;
        return i64::try_from(value).ok();
    }
    let digits = text(field).trim_ascii();
    if digits.is_empty() {
        return Some(0);
    }
    if !digits.iter().all(|digit| (b'0'..=b'7').contains(digit)) {
        return None;
    }
    // Twelve digits of three bits at most.
    Some(
        digits
            .iter()
            .fold(0, |value, digit| value << 3 | i64::from(digit - b'0')),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_binary_or_absent() {
        assert_eq!(number(b"0000644\0"), Some(0o644));
        assert_eq!(number(b"  644 \0\0"), Some(0o644));
        assert_eq!(number(b"\0\0\0\0\0\0\0\0"), Some(0));
        assert_eq!(number(b"77777777777\0"), Some(0o77777777777));
        assert_eq!(number(b"\x80\0\0\0\0\0\0\0\0\0\x01\x02"), Some(258));
        assert_eq!(number(&[0xff; 12]), Some(-1));
        assert_eq!(number(b"\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), None);
        assert_eq!(number(b"0000689\0"), None);
        assert_eq!(number(b"-000001\0"), None);
    }
}
