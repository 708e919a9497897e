//! A tar archive's members (ustar, pax, GNU), one after the other, from bytes that anybody may have made.
//!
//! What it gives out is checked: paths are relative and without `..`, names and links have possible lengths, the map of
//! a sparse file is in order and within its size. Nothing is held in memory that is not bounded first.
//!
//! ```text
//! header.rs  one 512-byte header     pax.rs     records of extended headers
//! reader.rs  members                 sparse.rs  maps of sparse files, in GNU's four forms
//! ```

mod header;
mod pax;
mod reader;
mod sparse;

pub(crate) use reader::{Archive, Member, MemberKind};
pub(crate) use sparse::Segment;

/// Unit of an archive: headers are one block, content is padded to whole ones.
const RECORD: usize = 512;
