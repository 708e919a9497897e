//! Extended attributes in the form in which they follow an inode, without the header: entries of 4 bytes, name and
//! value, each padded to a multiple of 4.
//!
//! A namespace is a number; names outside of the namespaces that Linux has cannot be expressed.

use crate::format::{XATTR_HEADER, u16_at};

/// Whole names come before the namespaces that they are in.
const NAMESPACES: [(&[u8], u8); 5] = [
    (b"system.posix_acl_access", 2),
    (b"system.posix_acl_default", 3),
    (b"user.", 1),
    (b"trusted.", 4),
    (b"security.", 6),
];

/// A name and its value.
pub type Xattr = (Vec<u8>, Vec<u8>);

/// Whether Linux could have it on a file at all; what remains of the name goes into the entry.
fn split(name: &[u8]) -> Option<(u8, &[u8])> {
    NAMESPACES.iter().find_map(|(prefix, index)| {
        let rest = name.strip_prefix(*prefix)?;
        // An ACL's name is complete; a namespace's is not.
        (rest.is_empty() != prefix.ends_with(b".")).then_some((*index, rest))
    })
}

/// Whether an attribute of this name can be kept.
pub(crate) fn is_possible(name: &[u8]) -> bool {
    split(name).is_some()
}

/// Appends one. The name must be possible and at most 255 bytes, the value at most 65535.
pub(crate) fn push(entries: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    let Some((index, rest)) = split(name) else {
        return;
    };
    entries.extend_from_slice(&[rest.len() as u8, index]);
    entries.extend_from_slice(&(value.len() as u16).to_le_bytes());
    entries.extend_from_slice(rest);
    entries.extend_from_slice(value);
    entries.resize(entries.len().next_multiple_of(4), 0);
}

/// The attributes of an inode, from all bytes behind it. None if they are malformed or shared with other inodes.
pub(crate) fn parse(body: &[u8]) -> Option<Vec<Xattr>> {
    let mut found = Vec::new();
    if body.is_empty() {
        return Some(found);
    }
    if *body.get(4)? != 0 {
        return None;
    }
    let mut rest = body.get(XATTR_HEADER..)?;
    while rest.len() >= 4 {
        let (len, index, size) = (usize::from(rest[0]), rest[1], usize::from(u16_at(rest, 2)));
        let (prefix, _) = NAMESPACES.iter().find(|(_, own)| *own == index)?;
        let name = rest.get(4..4 + len)?;
        let value = rest.get(4 + len..4 + len + size)?;
        found.push(([prefix, name].concat(), value.to_owned()));
        rest = rest.get((4 + len + size).next_multiple_of(4)..)?;
    }
    Some(found)
}
