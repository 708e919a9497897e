//! Blocks of a directory: entries of fixed size, then their names, sorted, each block by itself.

use std::io;

use crate::format::{BLOCK_LEN, DIRENT_LEN, put, u16_at, u64_at};

pub(crate) struct Entry<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) nid: u64,
    pub(crate) kind: u8,
}

/// How many bytes a directory with these names has.
pub(crate) fn size<'a>(names: impl Iterator<Item = &'a [u8]>) -> u64 {
    let (full, last) = names.fold((0, 0), |(full, used), name| {
        let more = DIRENT_LEN + name.len();
        if used + more > BLOCK_LEN {
            (full + 1, more)
        } else {
            (full, used + more)
        }
    });
    full * BLOCK_LEN as u64 + last as u64
}

/// Gives out its blocks, all whole but the last, and says which is that.
pub(crate) fn encode<'a>(
    entries: impl Iterator<Item = Entry<'a>>,
    block: &mut dyn FnMut(&[u8], bool) -> io::Result<()>,
) -> io::Result<()> {
    let mut waiting: Vec<Entry<'a>> = Vec::new();
    let mut used = 0;
    for entry in entries {
        let more = DIRENT_LEN + entry.name.len();
        if used + more > BLOCK_LEN {
            block(&encode_block(&waiting, BLOCK_LEN), false)?;
            waiting.clear();
            used = 0;
        }
        used += more;
        waiting.push(entry);
    }
    block(&encode_block(&waiting, used), true)
}

fn encode_block(entries: &[Entry<'_>], len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    let mut name_at = entries.len() * DIRENT_LEN;
    for (number, entry) in entries.iter().enumerate() {
        let at = number * DIRENT_LEN;
        put(&mut bytes, at, &entry.nid.to_le_bytes());
        put(&mut bytes, at + 8, &(name_at as u16).to_le_bytes());
        bytes[at + 10] = entry.kind;
        put(&mut bytes, name_at, entry.name);
        name_at += entry.name.len();
    }
    bytes
}

/// The names and inodes of one block. None if it is malformed.
pub(crate) fn decode(block: &[u8]) -> Option<Vec<(&[u8], u64)>> {
    let header = |at: usize| block.get(at..at + DIRENT_LEN);
    let names_at = usize::from(u16_at(header(0)?, 8));
    if names_at == 0 || !names_at.is_multiple_of(DIRENT_LEN) || names_at > block.len() {
        return None;
    }
    let mut found = Vec::with_capacity(names_at / DIRENT_LEN);
    for at in (0..names_at).step_by(DIRENT_LEN) {
        let from = usize::from(u16_at(header(at)?, 8));
        let to = if at + DIRENT_LEN < names_at {
            usize::from(u16_at(header(at + DIRENT_LEN)?, 8))
        } else {
            let rest = block.get(from..)?;
            from + rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len())
        };
        let name = block.get(from..to)?;
        if from < names_at
            || name.is_empty()
            || name.len() > 255
            || name.iter().any(|b| matches!(b, 0 | b'/'))
        {
            return None;
        }
        found.push((name, u64_at(header(at)?, 0)));
    }
    Some(found)
}
