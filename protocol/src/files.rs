//! Files of the guest: what a client asks a worker for, and what the worker answers.
//!
//! A *session* is a stream opened by [`StreamRequest::Files`](crate::exec::StreamRequest::Files). Its input and its
//! output carry packets, each a header of five bytes and a body:
//!
//! ```text
//! 0      1        5
//! | kind | length | body ...
//! ```
//!
//! The worker says [`Answer::Done`] once, when it is ready. Then each [`PacketKind::Request`] is followed by at most one
//! file's worth of [`PacketKind::Data`] in one direction and gets exactly one [`PacketKind::Answer`].
//! Neither end believes a length that it has not checked.

use msb_tree::{FileInfo, OpenOptions, Page, Progress, TreeErrorKind, WriteMode};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Credit that a session's input starts with, in bytes: what the agent may have to hold for its worker.
pub const INPUT_WINDOW: u32 = 1024 * 1024;
/// Bytes before each body.
pub const PACKET_HEADER: usize = 5;
/// Longest [`PacketKind::Data`], in bytes.
pub const MAX_CHUNK: usize = 1024 * 1024;
/// Longest [`PacketKind::Request`], in bytes: two paths, and more than the kernel takes for each.
pub const MAX_REQUEST: usize = 16 * 1024;
/// Longest [`PacketKind::Answer`], in bytes: a page of [`MAX_PAGE`] entries with the longest names.
pub const MAX_ANSWER: usize = 512 * 1024;
/// Length of a [`PacketKind::Progress`], in bytes.
pub const PROGRESS_LEN: usize = 16;
/// Most entries that one [`FileRequest::List`] gives.
pub const MAX_PAGE: usize = 1024;

/// What a packet holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum PacketKind {
    /// Towards the worker: a [`FileRequest`].
    Request = 0,
    /// From the worker: an [`Answer`].
    Answer = 1,
    /// A part of a file or an archive, never empty.
    Data = 2,
    /// Towards the worker: all of the data was sent. No body.
    End = 3,
    /// Towards the worker: the data ends early and what was made of it shall not stay. No body.
    Abort = 4,
    /// From the worker: how far a long request is; a [`Progress`] in two words.
    Progress = 5,
}

/// A packet that cannot be.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PacketError {
    /// The kind byte is none of [`PacketKind`].
    #[error("packet of unknown kind {0}")]
    UnknownKind(u8),
    /// The body is longer or shorter than its kind allows.
    #[error("packet of kind {kind:?} with a body of {len} bytes")]
    BadLength {
        /// Its kind.
        kind: PacketKind,
        /// Length that it claims.
        len: usize,
    },
    /// The body is not what its kind says, or longer than that.
    #[error("packet of kind {0:?} with a body that means nothing")]
    Malformed(PacketKind),
    /// A message that is longer than a packet may be.
    #[error("a packet of kind {kind:?} cannot carry {len} bytes")]
    TooLong {
        /// Its kind.
        kind: PacketKind,
        /// Length that it would have.
        len: usize,
    },
}

/// Everything before a packet's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketHeader {
    /// What the body is.
    pub kind: PacketKind,
    /// Its length in bytes.
    pub len: usize,
}

impl PacketHeader {
    /// The header's bytes.
    pub fn encode(self) -> [u8; PACKET_HEADER] {
        let [a, b, c, d] = (self.len as u32).to_le_bytes();
        [self.kind as u8, a, b, c, d]
    }

    /// Reads and checks a header.
    pub fn decode(bytes: [u8; PACKET_HEADER]) -> Result<Self, PacketError> {
        let [kind, a, b, c, d] = bytes;
        let kind = match kind {
            0 => PacketKind::Request,
            1 => PacketKind::Answer,
            2 => PacketKind::Data,
            3 => PacketKind::End,
            4 => PacketKind::Abort,
            5 => PacketKind::Progress,
            other => return Err(PacketError::UnknownKind(other)),
        };
        let len = u32::from_le_bytes([a, b, c, d]) as usize;
        let fits = match kind {
            PacketKind::Request => len <= MAX_REQUEST,
            PacketKind::Answer => len <= MAX_ANSWER,
            PacketKind::Data => (1..=MAX_CHUNK).contains(&len),
            PacketKind::End | PacketKind::Abort => len == 0,
            PacketKind::Progress => len == PROGRESS_LEN,
        };
        if fits {
            Ok(Self { kind, len })
        } else {
            Err(PacketError::BadLength { kind, len })
        }
    }
}

/// Opens a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesSpec {
    /// `user`, `uid`, `user:group` or `uid:gid` to work as; absent means the agent's own, which is root.
    #[serde(default)]
    pub user: Option<String>,
    /// Credit that the output starts with, in bytes; see [`crate::credit`].
    pub window: u32,
}

/// One verb. Paths are bytes, as the guest's kernel takes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileRequest {
    /// A whole file: data, then [`Answer::Done`].
    Read {
        /// Which.
        path: Vec<u8>,
        /// A longer file is refused.
        limit: u64,
    },
    /// A whole file from the data that follows: [`Answer::Done`].
    Write {
        /// Which.
        path: Vec<u8>,
        /// What becomes of an older one.
        how: WriteMode,
        /// Permissions if it is made.
        mode: u32,
    },
    /// Opens the session's file, closing the one before: [`Answer::Done`].
    Open {
        /// Which.
        path: Vec<u8>,
        /// How.
        options: OpenOptions,
    },
    /// A part of the open file: data, then [`Answer::Done`].
    Pread {
        /// Where it begins.
        offset: u64,
        /// At most how much.
        len: u64,
    },
    /// Writes the data that follows into the open file: [`Answer::Done`].
    Pwrite {
        /// Where; absent means at the end.
        offset: Option<u64>,
    },
    /// Size of the open file: [`Answer::Number`].
    Size,
    /// Sets the size of the open file: [`Answer::Done`].
    Truncate {
        /// To this many bytes.
        len: u64,
    },
    /// Puts the open file on the disk: [`Answer::Done`].
    Sync,
    /// What the open file is: [`Answer::Info`].
    FileStat,
    /// Closes the open file: [`Answer::Done`].
    Close,
    /// Part of a directory: [`Answer::Page`].
    List {
        /// Which.
        path: Vec<u8>,
        /// Where the last page ended; 0 is the start.
        cursor: u64,
        /// Most entries; no more than [`MAX_PAGE`] come.
        limit: u32,
    },
    /// What a name stands for: [`Answer::Info`].
    Stat {
        /// Which.
        path: Vec<u8>,
        /// Whether a link stands for its target.
        follow: bool,
    },
    /// Whether a name stands for anything: [`Answer::Flag`].
    Exists {
        /// Which.
        path: Vec<u8>,
    },
    /// Makes a directory: [`Answer::Done`].
    Mkdir {
        /// Which.
        path: Vec<u8>,
        /// Permissions.
        mode: u32,
        /// Whether those above it are made, too.
        parents: bool,
    },
    /// Removes anything but a directory: [`Answer::Done`].
    Remove {
        /// Which.
        path: Vec<u8>,
    },
    /// Removes a directory: [`Answer::Done`].
    RemoveDir {
        /// Which.
        path: Vec<u8>,
        /// Whether with everything in it.
        recursive: bool,
    },
    /// Copies a file or a tree: [`Answer::Done`].
    Copy {
        /// Which.
        from: Vec<u8>,
        /// The copy's name.
        to: Vec<u8>,
    },
    /// Renames: [`Answer::Done`].
    Rename {
        /// Which.
        from: Vec<u8>,
        /// Its new name.
        to: Vec<u8>,
    },
    /// Makes a symbolic link: [`Answer::Done`].
    Symlink {
        /// What it holds.
        target: Vec<u8>,
        /// Its name.
        path: Vec<u8>,
    },
    /// What a symbolic link holds: [`Answer::Bytes`].
    Readlink {
        /// Which.
        path: Vec<u8>,
    },
    /// Sets permissions: [`Answer::Done`].
    Chmod {
        /// Of which.
        path: Vec<u8>,
        /// To these.
        mode: u32,
    },
    /// Sets times: [`Answer::Done`].
    Utimes {
        /// Of which.
        path: Vec<u8>,
        /// Of the last access, in nanoseconds since 1970; absent means as it is.
        accessed_ns: Option<i64>,
        /// Of the last change of content.
        modified_ns: Option<i64>,
    },
    /// A tar archive of a tree: data and progress, then [`Answer::Progress`].
    Export {
        /// Which.
        path: Vec<u8>,
    },
    /// Unpacks the tar archive that follows as data: progress meanwhile, then [`Answer::Progress`].
    Import {
        /// Beneath which directory.
        path: Vec<u8>,
    },
    /// Gives a name, or with `recursive` everything below it too, to another user and group; a link stands for itself:
    /// [`Answer::Done`].
    Chown {
        /// Which.
        path: Vec<u8>,
        /// The user; absent leaves it.
        uid: Option<u32>,
        /// The group; absent leaves it.
        gid: Option<u32>,
        /// Whether what is in a directory is changed too.
        recursive: bool,
    },
    /// Puts everything that was written in the guest on its disks: [`Answer::Done`].
    SyncAll,
}

impl FileRequest {
    /// Whether data follows it, up to an [`PacketKind::End`] or [`PacketKind::Abort`].
    pub fn takes_data(&self) -> bool {
        matches!(
            self,
            Self::Write { .. } | Self::Pwrite { .. } | Self::Import { .. }
        )
    }
}

/// What a request came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// It is done.
    Done,
    /// Yes or no.
    Flag(bool),
    /// A size.
    Number(u64),
    /// What a link holds.
    Bytes(Vec<u8>),
    /// What a file is.
    Info(FileInfo),
    /// Entries of a directory.
    Page(Page),
    /// How much an archive held.
    Progress(Progress),
    /// It failed.
    Failed(Failure),
}

/// Why a request failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Typed reason.
    pub kind: TreeErrorKind,
    /// errno of the failed call, if one failed.
    pub errno: Option<i32>,
    /// The path it was about.
    pub path: Vec<u8>,
    /// What was being done.
    pub what: String,
}

/// Appends a packet with a short body.
fn push(out: &mut Vec<u8>, kind: PacketKind, body: &[u8]) {
    let header = PacketHeader {
        kind,
        len: body.len(),
    };
    out.extend_from_slice(&header.encode());
    out.extend_from_slice(body);
}

fn push_message<T: Serialize>(
    out: &mut Vec<u8>,
    kind: PacketKind,
    max: usize,
    message: &T,
) -> Result<(), PacketError> {
    let body = postcard::to_allocvec(message).map_err(|_| PacketError::Malformed(kind))?;
    if body.len() > max {
        let len = body.len();
        return Err(PacketError::TooLong { kind, len });
    }
    push(out, kind, &body);
    Ok(())
}

/// Appends a request.
pub fn push_request(out: &mut Vec<u8>, request: &FileRequest) -> Result<(), PacketError> {
    push_message(out, PacketKind::Request, MAX_REQUEST, request)
}

/// Appends an answer.
pub fn push_answer(out: &mut Vec<u8>, answer: &Answer) -> Result<(), PacketError> {
    push_message(out, PacketKind::Answer, MAX_ANSWER, answer)
}

/// Appends a packet without a body: [`PacketKind::End`] or [`PacketKind::Abort`].
pub fn push_mark(out: &mut Vec<u8>, kind: PacketKind) {
    push(out, kind, &[]);
}

/// Appends how far a request is.
pub fn push_progress(out: &mut Vec<u8>, progress: &Progress) {
    let mut body = [0; PROGRESS_LEN];
    body[..8].copy_from_slice(&progress.bytes.to_le_bytes());
    body[8..].copy_from_slice(&progress.entries.to_le_bytes());
    push(out, PacketKind::Progress, &body);
}

/// Reads the body of a [`PacketKind::Progress`].
pub fn parse_progress(body: [u8; PROGRESS_LEN]) -> Progress {
    let mut words = [[0; 8]; 2];
    words[0].copy_from_slice(&body[..8]);
    words[1].copy_from_slice(&body[8..]);
    let [bytes, entries] = words.map(u64::from_le_bytes);
    Progress { bytes, entries }
}

fn parse_message<'a, T: Deserialize<'a>>(kind: PacketKind, body: &'a [u8]) -> Result<T, PacketError> {
    match postcard::take_from_bytes(body) {
        Ok((message, [])) => Ok(message),
        _ => Err(PacketError::Malformed(kind)),
    }
}

/// Reads the body of a [`PacketKind::Request`].
pub fn parse_request(body: &[u8]) -> Result<FileRequest, PacketError> {
    parse_message(PacketKind::Request, body)
}

/// Reads the body of a [`PacketKind::Answer`].
pub fn parse_answer(body: &[u8]) -> Result<Answer, PacketError> {
    parse_message(PacketKind::Answer, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> FileRequest {
        FileRequest::Symlink {
            target: b"\xff/..".to_vec(),
            path: vec![b'x'; 300],
        }
    }

    fn answer() -> Answer {
        Answer::Failed(Failure {
            kind: TreeErrorKind::OutsideRoot,
            errno: Some(18),
            path: b"a\xff".to_vec(),
            what: "open".to_owned(),
        })
    }

    #[test]
    fn what_was_written_is_read_and_nothing_shorter_or_longer_is() {
        let mut packets = Vec::new();
        push_request(&mut packets, &request()).unwrap();
        let body = &packets[PACKET_HEADER..];
        assert_eq!(parse_request(body).unwrap(), request());
        for len in 0..body.len() {
            assert!(parse_request(&body[..len]).is_err(), "{len} bytes");
        }
        assert!(parse_request(&[body, &[0]].concat()).is_err());

        let mut packets = Vec::new();
        push_answer(&mut packets, &answer()).unwrap();
        let body = &packets[PACKET_HEADER..];
        assert_eq!(parse_answer(body).unwrap(), answer());
        for len in 0..body.len() {
            assert!(parse_answer(&body[..len]).is_err(), "{len} bytes");
        }
    }

    #[test]
    fn a_header_claims_no_more_than_its_kind_may_hold() {
        let most = [MAX_REQUEST, MAX_ANSWER, MAX_CHUNK, 0, 0, PROGRESS_LEN];
        for (kind, most) in (0..).zip(most) {
            let header = |len: usize| {
                let [a, b, c, d] = (len as u32).to_le_bytes();
                PacketHeader::decode([kind, a, b, c, d])
            };
            assert_eq!(header(most).unwrap().len, most);
            assert!(header(most + 1).is_err() && header(u32::MAX as usize).is_err());
        }
        assert_eq!(
            PacketHeader::decode([6, 0, 0, 0, 0]),
            Err(PacketError::UnknownKind(6))
        );
    }

    #[test]
    fn a_message_that_no_packet_can_carry_is_not_written() {
        let mut packets = Vec::new();
        let request = FileRequest::Remove {
            path: vec![b'x'; MAX_REQUEST],
        };
        assert!(matches!(
            push_request(&mut packets, &request),
            Err(PacketError::TooLong { .. })
        ));
        assert!(packets.is_empty());
    }

    #[test]
    fn the_longest_page_fits_into_an_answer() {
        let entry = FileInfo {
            name: vec![0xff; 255],
            kind: msb_tree::FileKind::BlockDevice,
            size: u64::MAX,
            mode: u32::MAX,
            uid: u32::MAX,
            gid: u32::MAX,
            nlink: u64::MAX,
            accessed_ns: i64::MIN,
            modified_ns: i64::MIN,
            changed_ns: i64::MIN,
            inode: u64::MAX,
            device: u64::MAX,
        };
        let page = Page {
            entries: vec![entry; MAX_PAGE],
            next: Some(u64::MAX),
        };
        push_answer(&mut Vec::new(), &Answer::Page(page)).unwrap();
    }
}
