//! Records of an extended header: `length key=value\n`, where the length counts the whole record.
//!
//! Values are any bytes, newlines included, so that records are told apart by their lengths only.

/// The next record's key and value, and what follows it. None if it is not well-formed.
pub(super) fn next_record(data: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = data.iter().take(20).position(|byte| *byte == b' ')?;
    let length: usize = number(&data[..space])?;
    if length > data.len() || length < space + 2 {
        return None;
    }
    let (record, rest) = data.split_at(length);
    let (newline, record) = record[space + 1..].split_last()?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    (*newline == b'\n').then_some((&record[..equals], &record[equals + 1..], rest))
}

/// Digits only: no sign, no space.
pub(super) fn number<T: std::str::FromStr>(value: &[u8]) -> Option<T> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// Seconds, rounded down, and the nanoseconds after them. What is finer than those is cut off.
pub(super) fn time(value: &[u8]) -> Option<(i64, u32)> {
    let (negative, value) = match value.strip_prefix(b"-") {
        Some(value) => (true, value),
        None => (false, value),
    };
    let mut parts = value.splitn(2, |byte| *byte == b'.');
    let seconds: i64 = number(parts.next()?)?;
    let mut nanos = 0;
    if let Some(fraction) = parts.next() {
        if !fraction.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let digits = fraction.iter().copied().chain(std::iter::repeat(b'0')).take(9);
        nanos = digits.fold(0, |value, digit| value * 10 + u32::from(digit - b'0'));
    }
    Some(match (negative, nanos) {
        (false, _) => (seconds, nanos),
        (true, 0) => (-seconds, 0),
        (true, _) => (-seconds - 1, 1_000_000_000 - nanos),
    })
}

/// Base64, padded or not, as libarchive writes values.
pub(super) fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let end = text
        .iter()
        .rposition(|byte| *byte != b'=')
        .map_or(0, |last| last + 1);
    let mut bytes = Vec::with_capacity(end * 3 / 4);
    let (mut bits, mut count) = (0_u32, 0);
    for byte in &text[..end] {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(digit);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    Some(bytes)
}

/// `%2F` and the like, as libarchive writes names.
pub(super) fn unescape(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, more)) = rest.split_first() {
        rest = more;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &rest[2..];
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_end_where_their_length_says() {
        let data = b"12 path=a\nb\n6 k=v\n";
        assert_eq!(
            next_record(data),
            Some((&b"path"[..], &b"a\nb"[..], &b"6 k=v\n"[..]))
        );
        for bad in [
            &b"99 path=a\n"[..],
            b"0 a=b\n",
            b"3 a\n",
            b"-6 a=b\n",
            b"6 a=bx",
            b"",
        ] {
            assert_eq!(next_record(bad), None);
        }
    }

    #[test]
    fn times_keep_their_nanoseconds_on_both_sides_of_1970() {
        assert_eq!(time(b"12"), Some((12, 0)));
        assert_eq!(time(b"12.5"), Some((12, 500_000_000)));
        assert_eq!(time(b"-0.25"), Some((-1, 750_000_000)));
        assert_eq!(time(b"-3"), Some((-3, 0)));
        assert_eq!(time(b"1.0000000019"), Some((1, 1)));
        for bad in [
            &b""[..],
            b".5",
            b"1e9",
            b"+1",
            b"1.x",
            b"--1",
            b"99999999999999999999",
        ] {
            assert_eq!(time(bad), None);
        }
    }

    #[test]
    fn values_of_libarchive_are_decoded() {
        assert_eq!(base64(b"aGVsbG8="), Some(b"hello".to_vec()));
        assert_eq!(base64(b"aGVsbG8"), Some(b"hello".to_vec()));
        assert_eq!(base64(b"a b"), None);
        assert_eq!(unescape(b"user.a%3Db"), Some(b"user.a=b".to_vec()));
        assert_eq!(unescape(b"user.%3"), None);
    }
}
