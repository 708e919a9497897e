//! Where the data of a sparse file goes. GNU tar wrote that down in four ways: behind the header (old), in extended
//! headers (0.0 and 0.1), and before the content (1.0).

use super::pax;

/// A run of data between holes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) offset: u64,
    pub(crate) len: u64,
}

/// Most segments of one file: 16 MiB of memory.
pub(super) const MAX_SEGMENTS: usize = 1 << 20;

/// What extended headers say about a sparse file.
#[derive(Default)]
pub(super) struct Sparse {
    pub(super) size: Option<u64>,
    pub(super) name: Option<Vec<u8>>,
    /// The map is before the content.
    pub(super) inside: bool,
    map: Vec<Segment>,
    offset: Option<u64>,
    /// There is a map, though it may be empty.
    pub(super) any: bool,
}

impl Sparse {
    /// One record, its key without `GNU.sparse.`. None if it is malformed.
    pub(super) fn record(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        self.any = true;
        match key {
            b"size" | b"realsize" => self.size = Some(pax::number(value)?),
            b"name" => self.name = Some(value.to_owned()),
            b"major" => self.inside = pax::number::<u64>(value)? > 0,
            b"offset" => self.offset = Some(pax::number(value)?),
            b"numbytes" => self.push(self.offset?, pax::number(value)?)?,
            b"map" => {
                let mut numbers = value
                    .split(|byte| *byte == b',')
                    .filter(|text| !text.is_empty())
                    .map(pax::number);
                while let Some(offset) = numbers.next() {
                    self.push(offset?, numbers.next()??)?;
                }
            }
            _ => {}
        }
        Some(())
    }

    fn push(&mut self, offset: u64, len: u64) -> Option<()> {
        self.map.push(Segment { offset, len });
        (self.map.len() <= MAX_SEGMENTS).then_some(())
    }

    pub(super) fn take_map(&mut self) -> Vec<Segment> {
        std::mem::take(&mut self.map)
    }
}

/// In order, without overlaps, within the file, and as long as the data: then the map, without empty segments.
pub(super) fn check(mut map: Vec<Segment>, size: u64, stored: u64) -> Option<Vec<Segment>> {
    let (mut end, mut sum) = (0_u64, 0_u64);
    for segment in &map {
        if segment.offset < end {
            return None;
        }
        end = segment.offset.checked_add(segment.len)?;
        sum = sum.checked_add(segment.len)?;
    }
    map.retain(|segment| segment.len > 0);
    (end <= size && sum == stored).then_some(map)
}
