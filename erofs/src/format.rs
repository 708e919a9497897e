//! EROFS as it is on disk, as far as it is used here: 4096-byte blocks, no compression, extended inodes.
//!
//! Numbers are little-endian. An inode's number (nid) is its place: 32-byte slots from the start of the metadata.

/// Unit of addresses, in bytes.
pub(crate) const BLOCK: u64 = 4096;

/// The same, for buffers.
pub(crate) const BLOCK_LEN: usize = 4096;

/// Where the superblock is in its block.
pub(crate) const SUPER_OFFSET: usize = 1024;

const SUPER_LEN: usize = 128;
const MAGIC: u32 = 0xE0F5_E1E2;
const COMPAT_CHECKSUM: u32 = 1;
const COMPAT_MTIME: u32 = 2;
const INCOMPAT_CHUNKED: u32 = 4;

/// Unit of inode numbers, in bytes.
pub(crate) const SLOT: u64 = 32;

/// An extended inode.
pub(crate) const INODE_LEN: usize = 64;

/// Header of the attributes that follow an inode.
pub(crate) const XATTR_HEADER: usize = 12;

/// A directory entry without its name.
pub(crate) const DIRENT_LEN: usize = 12;

/// Most chunks of one sparse file: larger files have larger chunks.
pub(crate) const MAX_CHUNKS: u64 = 16384;

/// Address of a chunk that is a hole.
pub(crate) const NULL_BLOCK: u32 = u32::MAX;

/// Of directories made only because something is in them: a merge takes the directory below as it is.
pub(crate) const IMPLIED: &[u8] = b"trusted.msb.implied";

/// Of directories that hide what layers below have in theirs; this and everything else in overlayfs's own namespace.
pub(crate) const OPAQUE: &[u8] = b"trusted.overlay.opaque";
pub(crate) const OVERLAY: &[u8] = b"trusted.overlay.";

pub(crate) const S_IFMT: u16 = 0o170_000;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A character device; 0/0 is a whiteout.
    CharDevice,
    /// A block device.
    BlockDevice,
    /// A named pipe.
    Fifo,
    /// A socket's name.
    Socket,
}

impl Kind {
    /// In the mode of an inode, and in a directory entry.
    const CODES: [(Self, u16, u8); 7] = [
        (Self::File, 0o100_000, 1),
        (Self::Directory, 0o040_000, 2),
        (Self::CharDevice, 0o020_000, 3),
        (Self::BlockDevice, 0o060_000, 4),
        (Self::Fifo, 0o010_000, 5),
        (Self::Socket, 0o140_000, 6),
        (Self::Symlink, 0o120_000, 7),
    ];

    pub(crate) fn from_mode(mode: u16) -> Option<Self> {
        let found = Self::CODES.iter().find(|(_, bits, _)| *bits == mode & S_IFMT);
        found.map(|(kind, _, _)| *kind)
    }

    pub(crate) fn mode(self) -> u16 {
        self.codes().0
    }

    pub(crate) fn dirent(self) -> u8 {
        self.codes().1
    }

    fn codes(self) -> (u16, u8) {
        let found = Self::CODES.iter().find(|(kind, _, _)| *kind == self);
        found.map_or((0, 0), |(_, mode, dirent)| (*mode, *dirent))
    }
}

/// How an inode's content is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DataLayout {
    /// Contiguous blocks.
    Plain,
    /// Contiguous blocks, and what is left behind the inode.
    Inline,
    /// A list of addresses of chunks behind the inode.
    Chunks,
}

impl DataLayout {
    fn code(self) -> u16 {
        match self {
            Self::Plain => 0,
            Self::Inline => 2,
            Self::Chunks => 4,
        }
    }
}

pub(crate) struct Superblock {
    pub(crate) root: u16,
    pub(crate) inodes: u64,
    pub(crate) blocks: u32,
    pub(crate) metadata: u32,
    pub(crate) chunked: bool,
}

impl Superblock {
    /// The whole first block.
    pub(crate) fn encode(&self) -> [u8; BLOCK_LEN] {
        let mut block = [0; BLOCK_LEN];
        let at = SUPER_OFFSET;
        put(&mut block, at, &MAGIC.to_le_bytes());
        put(
            &mut block,
            at + 8,
            &(COMPAT_CHECKSUM | COMPAT_MTIME).to_le_bytes(),
        );
        block[at + 12] = BLOCK.trailing_zeros() as u8;
        put(&mut block, at + 14, &self.root.to_le_bytes());
        put(&mut block, at + 16, &self.inodes.to_le_bytes());
        put(&mut block, at + 36, &self.blocks.to_le_bytes());
        put(&mut block, at + 40, &self.metadata.to_le_bytes());
        let incompat = if self.chunked { INCOMPAT_CHUNKED } else { 0 };
        put(&mut block, at + 80, &incompat.to_le_bytes());
        let sum = crc32c(&block[at..]);
        put(&mut block, at + 4, &sum.to_le_bytes());
        block
    }

    /// Refuses, with the reason, what this crate does not write.
    pub(crate) fn decode(block: &[u8; BLOCK_LEN]) -> Result<Self, &'static str> {
        let mut copy = *block;
        let at = SUPER_OFFSET;
        if u32_at(block, at) != MAGIC {
            return Err("it is not an EROFS");
        }
        put(&mut copy, at + 4, &[0; 4]);
        if crc32c(&copy[at..]) != u32_at(block, at + 4) {
            return Err("the superblock's checksum is wrong");
        }
        let incompat = u32_at(block, at + 80);
        if block[at + 12] != BLOCK.trailing_zeros() as u8
            || incompat & !INCOMPAT_CHUNKED != 0
            || u32_at(block, at + 8) & COMPAT_CHECKSUM == 0
            || block[at + 13] != 0
            || block[at + SUPER_LEN - 38] != 0
        {
            return Err("it uses features that are not known here");
        }
        Ok(Self {
            root: u16_at(block, at + 14),
            inodes: u64_at(block, at + 16),
            blocks: u32_at(block, at + 36),
            metadata: u32_at(block, at + 40),
            chunked: incompat & INCOMPAT_CHUNKED != 0,
        })
    }
}

/// An extended inode, field for field.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawInode {
    pub(crate) layout: DataLayout,
    /// Bytes of attributes behind the inode, with their header.
    pub(crate) xattr_bytes: usize,
    pub(crate) mode: u16,
    pub(crate) size: u64,
    /// Address, device or chunk format.
    pub(crate) union: u32,
    pub(crate) number: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) seconds: i64,
    pub(crate) nanos: u32,
    pub(crate) links: u32,
}

impl RawInode {
    pub(crate) fn encode(&self) -> [u8; INODE_LEN] {
        let mut bytes = [0; INODE_LEN];
        put(&mut bytes, 0, &(1 | self.layout.code() << 1).to_le_bytes());
        // Never more than fits: `Limits::xattr_room` is less than the largest count.
        let words = match self.xattr_bytes {
            0 => 0,
            more => ((more - XATTR_HEADER) / 4 + 1) as u16,
        };
        put(&mut bytes, 2, &words.to_le_bytes());
        put(&mut bytes, 4, &self.mode.to_le_bytes());
        put(&mut bytes, 8, &self.size.to_le_bytes());
        put(&mut bytes, 16, &self.union.to_le_bytes());
        put(&mut bytes, 20, &self.number.to_le_bytes());
        put(&mut bytes, 24, &self.uid.to_le_bytes());
        put(&mut bytes, 28, &self.gid.to_le_bytes());
        put(&mut bytes, 32, &self.seconds.to_le_bytes());
        put(&mut bytes, 40, &self.nanos.to_le_bytes());
        put(&mut bytes, 44, &self.links.to_le_bytes());
        bytes
    }

    /// None if it is of a form that this crate does not write.
    pub(crate) fn decode(bytes: &[u8; INODE_LEN]) -> Option<Self> {
        let format = u16_at(bytes, 0);
        let layouts = [DataLayout::Plain, DataLayout::Inline, DataLayout::Chunks];
        let layout = layouts
            .into_iter()
            .find(|layout| format == 1 | layout.code() << 1)?;
        let words = usize::from(u16_at(bytes, 2));
        Some(Self {
            layout,
            xattr_bytes: if words == 0 {
                0
            } else {
                XATTR_HEADER + 4 * (words - 1)
            },
            mode: u16_at(bytes, 4),
            size: u64_at(bytes, 8),
            union: u32_at(bytes, 16),
            number: u32_at(bytes, 20),
            uid: u32_at(bytes, 24),
            gid: u32_at(bytes, 28),
            seconds: u64_at(bytes, 32).cast_signed(),
            nanos: u32_at(bytes, 40),
            links: u32_at(bytes, 44),
        })
    }
}

/// A device's number as Linux writes it down; none if it has no room.
pub(crate) fn encode_device(major: u32, minor: u32) -> Option<u32> {
    (major <= 0xfff && minor <= 0xf_ffff).then_some((minor & 0xff) | (major << 8) | ((minor & !0xff) << 12))
}

/// Major and minor.
pub(crate) fn decode_device(device: u32) -> (u32, u32) {
    (
        (device >> 8) & 0xfff,
        (device & 0xff) | ((device >> 12) & 0xf_ff00),
    )
}

/// Which blocks hold so many bytes.
pub(crate) fn blocks_for(bytes: u64) -> u64 {
    bytes.div_ceil(BLOCK)
}

pub(crate) fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

/// CRC-32C as Linux takes it: begun with ones, not inverted at the end. Only for 3 KiB, hence without a table.
fn crc32c(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ if sum & 1 == 1 { 0x82F6_3B78 } else { 0 }
        })
    })
}
