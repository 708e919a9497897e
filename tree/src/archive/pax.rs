//! Records of an extended header: `length key=value\n`, where the length counts the whole record.
//!
//! Values are any bytes, newlines included, so that records are told apart by their lengths only.

/// The next record's key and value, and what follows it. None if it is not well-formed.
pub(super) fn next_record(data: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = data.iter().take(20).position(|byte| *byte == b' ')?;
    let length: usize = std::str::from_utf8(&data[..space]).ok()?.parse().ok()?;
    if length > data.len() || length < space + 2 {
        return None;
    }
    let (record, rest) = data.split_at(length);
    let (newline, record) = record[space + 1..].split_last()?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    (*newline == b'\n').then_some((&record[..equals], &record[equals + 1..], rest))
}

/// Appends a record.
pub(super) fn push_record(data: &mut Vec<u8>, key: &str, value: &[u8]) {
    // Space, equals sign and newline.
    let without_length = key.len() + value.len() + 3;
    let mut length = without_length + 1;
    // The length's own digits count; one more digit can need one more.
    while length != without_length + length.to_string().len() {
        length = without_length + length.to_string().len();
    }
    data.extend_from_slice(length.to_string().as_bytes());
    data.push(b' ');
    data.extend_from_slice(key.as_bytes());
    data.push(b'=');
    data.extend_from_slice(value);
    data.push(b'\n');
}

/// A time as seconds with a fraction, in nanoseconds. What lies before 1677 or after 2262 is none.
pub(super) fn parse_time(value: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(value).ok()?;
    let (negative, text) = match text.strip_prefix('-') {
        Some(text) => (true, text),
        None => (false, text),
    };
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    if seconds.is_empty()
        || !seconds
            .bytes()
            .chain(fraction.bytes())
            .all(|byte| byte.is_ascii_digit())
    {
        return None;
    }
    let mut nanoseconds = 0;
    for digit in fraction.bytes().chain([b'0'; 9]).take(9) {
        nanoseconds = nanoseconds * 10 + i64::from(digit - b'0');
    }
    let total = seconds
        .parse::<i64>()
        .ok()?
        .checked_mul(1_000_000_000)?
        .checked_add(nanoseconds)?;
    Some(if negative { -total } else { total })
}

/// The same, to write.
pub(super) fn format_time(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let all = nanoseconds.unsigned_abs();
    format!("{sign}{}.{:09}", all / 1_000_000_000, all % 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_as_they_were_whatever_their_length() {
        for length in (0..300).chain([9_990, 9_991, 9_992, 100_000]) {
            let mut data = Vec::new();
            let value = vec![b'\n'; length];
            push_record(&mut data, "path", &value);
            push_record(&mut data, "x", b"y");
            let (key, read, rest) = next_record(&data).expect("a record");
            assert_eq!((key, read), (&b"path"[..], &value[..]));
            assert_eq!(next_record(rest), Some((&b"x"[..], &b"y"[..], &b""[..])));
        }
    }

    #[test]
    fn records_that_lie_about_their_length_are_none() {
        for bad in [
            &b"9 a=b\n"[..],
            b"5 a=b\n",
            b"0 a=b\n",
            b"99999999999999999999999 a=b\n",
            b" a=b\n",
            b"4 ab\n",
            b"-6 a=b\n",
            b"",
            b"6",
        ] {
            assert_eq!(next_record(bad), None, "{}", String::from_utf8_lossy(bad));
        }
    }

    #[test]
    fn times_keep_their_nanoseconds() {
        for time in [
            0,
            1,
            -1,
            1_700_000_000_123_456_789,
            -1_500_000_000,
            i64::MAX,
            i64::MIN + 1,
        ] {
            assert_eq!(parse_time(format_time(time).as_bytes()), Some(time));
        }
        assert_eq!(parse_time(b"12"), Some(12_000_000_000));
        assert_eq!(parse_time(b"1.5"), Some(1_500_000_000));
        for bad in [
            &b""[..],
            b"-",
            b".5",
            b"1e9",
            b"99999999999999999999",
            b"1.x",
            b"+1",
        ] {
            assert_eq!(parse_time(bad), None);
        }
    }
}
