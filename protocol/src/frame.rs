//! Framing: a 12-byte header, then the payload.
//!
//! ```text
//! 0        4        8    9    10    11   12
//! | length | stream |kind|chan|flags| 0  | payload ...
//! ```
//!
//! Integers are little-endian; `length` counts the payload only. A frame that breaks a bound is an error
//! for the whole link, because after it the sender cannot be trusted to be in step.

use thiserror::Error;

/// Bytes before each payload.
pub const HEADER_LEN: usize = 12;
/// Longest payload of a data frame, in bytes.
pub const MAX_DATA: usize = 64 * 1024;
/// Longest payload of a control frame, in bytes; leaves room for a large argv and environment.
pub const MAX_CONTROL: usize = 1024 * 1024;
/// Stream that carries the link's own messages.
pub const LINK_STREAM: u32 = 0;
/// Flag of a data frame: no more data follows on this channel.
pub const FLAG_END: u8 = 1;

/// What a payload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A JSON message; which type it is follows from the link, direction and stream.
    Control = 0,
    /// Raw bytes of one channel, paid for with credit.
    Data = 1,
    /// Four bytes: how many more bytes of one channel the receiver will take.
    Credit = 2,
}

/// Direction and meaning of raw bytes within a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Channel {
    /// Towards the command.
    Stdin = 0,
    /// From the command; with a terminal, everything it prints.
    Stdout = 1,
    /// From the command; never used with a terminal.
    Stderr = 2,
}

impl Channel {
    /// The channel with this number, if there is one.
    pub fn from_u8(value: u8) -> Option<Self> {
        match value {
            0 => Some(Self::Stdin),
            1 => Some(Self::Stdout),
            2 => Some(Self::Stderr),
            _ => None,
        }
    }
}

/// A broken frame.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum FrameError {
    /// The kind byte is none of [`Kind`].
    #[error("frame of unknown kind {0}")]
    UnknownKind(u8),
    /// The channel byte is none of [`Channel`], or is not zero where none applies.
    #[error("frame with bad channel {0}")]
    BadChannel(u8),
    /// A flag that is not defined, or not for this kind.
    #[error("frame with bad flags {0:#04x}")]
    BadFlags(u8),
    /// The reserved byte is not zero.
    #[error("frame with reserved byte {0:#04x}")]
    BadReserved(u8),
    /// The payload is longer than its kind allows, or a credit is not four bytes.
    #[error("frame of kind {kind:?} with a payload of {len} bytes")]
    BadLength {
        /// Kind of the frame.
        kind: Kind,
        /// Length that it claims.
        len: usize,
    },
    /// Raw bytes or credit on the link's own stream.
    #[error("frame of kind {0:?} on the link stream")]
    NotOnLinkStream(Kind),
}

/// Everything before the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Payload length in bytes.
    pub len: u32,
    /// Stream number; [`LINK_STREAM`] for the link itself.
    pub stream: u32,
    /// What the payload is.
    pub kind: Kind,
    /// Which channel, for data and credit.
    pub channel: Channel,
    /// Whether a data frame is the channel's last.
    pub end: bool,
}

impl Header {
    /// Header of a control message.
    pub fn control(stream: u32, len: usize) -> Self {
        Self {
            len: len as u32,
            stream,
            kind: Kind::Control,
            channel: Channel::Stdin,
            end: false,
        }
    }

    /// Header of raw bytes.
    pub fn data(stream: u32, channel: Channel, len: usize, end: bool) -> Self {
        Self {
            len: len as u32,
            stream,
            kind: Kind::Data,
            channel,
            end,
        }
    }

    /// Header of a credit grant.
    pub fn credit(stream: u32, channel: Channel) -> Self {
        Self {
            len: 4,
            stream,
            kind: Kind::Credit,
            channel,
            end: false,
        }
    }

    /// The header's bytes.
    pub fn encode(&self) -> [u8; HEADER_LEN] {
        let mut out = [0; HEADER_LEN];
        out[0..4].copy_from_slice(&self.len.to_le_bytes());
        out[4..8].copy_from_slice(&self.stream.to_le_bytes());
        out[8] = self.kind as u8;
        out[9] = self.channel as u8;
        out[10] = if self.end { FLAG_END } else { 0 };
        out
    }

    /// Reads and checks a header.
    pub fn decode(bytes: &[u8; HEADER_LEN]) -> Result<Self, FrameError> {
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let kind = match bytes[8] {
            0 => Kind::Control,
            1 => Kind::Data,
            2 => Kind::Credit,
            other => return Err(FrameError::UnknownKind(other)),
        };
        let channel = Channel::from_u8(bytes[9]).ok_or(FrameError::BadChannel(bytes[9]))?;
        let header = Self {
            len: word(0),
            stream: word(4),
            kind,
            channel,
            end: bytes[10] & FLAG_END != 0,
        };
        if bytes[11] != 0 {
            return Err(FrameError::BadReserved(bytes[11]));
        }
        let allowed_flags = if kind == Kind::Data { FLAG_END } else { 0 };
        if bytes[10] & !allowed_flags != 0 {
            return Err(FrameError::BadFlags(bytes[10]));
        }
        let len = header.len as usize;
        let fits = match kind {
            Kind::Control => len <= MAX_CONTROL,
            Kind::Data => len <= MAX_DATA,
            Kind::Credit => len == 4,
        };
        if !fits {
            return Err(FrameError::BadLength { kind, len });
        }
        if kind == Kind::Control && bytes[9] != 0 {
            return Err(FrameError::BadChannel(bytes[9]));
        }
        if kind != Kind::Control && header.stream == LINK_STREAM {
            return Err(FrameError::NotOnLinkStream(kind));
        }
        Ok(header)
    }
}

/// A whole frame whose payload is still in the reader's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Its header.
    pub header: Header,
    /// Its payload, `header.len` bytes.
    pub payload: &'a [u8],
}

impl Frame<'_> {
    /// The number of bytes that a credit frame grants; 0 for other kinds.
    pub fn credit_amount(&self) -> u32 {
        match (self.header.kind, self.payload) {
            (Kind::Credit, &[a, b, c, d]) => u32::from_le_bytes([a, b, c, d]),
            _ => 0,
        }
    }
}

/// Appends a frame to `out`.
pub fn push(out: &mut Vec<u8>, header: Header, payload: &[u8]) {
    debug_assert_eq!(header.len as usize, payload.len());
    out.extend_from_slice(&header.encode());
    out.extend_from_slice(payload);
}

/// Appends a control message to `out`.
///
/// Fails only when the message's JSON is longer than [`MAX_CONTROL`] or cannot be written.
pub fn push_control<T: serde::Serialize>(
    out: &mut Vec<u8>,
    stream: u32,
    message: &T,
) -> Result<(), ControlError> {
    let payload = serde_json::to_vec(message)?;
    if payload.len() > MAX_CONTROL {
        return Err(ControlError::TooLong(payload.len()));
    }
    push(out, Header::control(stream, payload.len()), &payload);
    Ok(())
}

/// Appends a credit grant to `out`.
pub fn push_credit(out: &mut Vec<u8>, stream: u32, channel: Channel, amount: u32) {
    push(out, Header::credit(stream, channel), &amount.to_le_bytes());
}

/// A control message that cannot be sent or understood.
#[derive(Debug, Error)]
pub enum ControlError {
    /// Longer than [`MAX_CONTROL`].
    #[error("a control message of {0} bytes is longer than a frame can carry")]
    TooLong(usize),
    /// Not JSON, or not of the expected type.
    #[error("malformed control message")]
    Malformed(#[from] serde_json::Error),
}

/// Reads a control payload as the message that its link and direction call for.
pub fn parse_control<'a, T: serde::Deserialize<'a>>(payload: &'a [u8]) -> Result<T, ControlError> {
    Ok(serde_json::from_slice(payload)?)
}

/// Cuts a byte stream into frames. Holds at most one partial frame beyond what one read delivered.
#[derive(Debug, Default)]
pub struct FrameReader {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

/// How much room [`FrameReader::spare`] offers at least, in bytes.
pub const READ_CHUNK: usize = 128 * 1024;

impl FrameReader {
    /// An empty reader.
    pub fn new() -> Self {
        Self::default()
    }

    /// Room to read the next bytes into; follow with [`FrameReader::filled`].
    pub fn spare(&mut self) -> &mut [u8] {
        self.spare_of(READ_CHUNK)
    }

    fn spare_of(&mut self, room: usize) -> &mut [u8] {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
        if self.buffer.len() - self.end < room && self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.buffer.len() - self.end < room {
            self.buffer.resize(self.end + room, 0);
        }
        &mut self.buffer[self.end..]
    }

    /// Says that the first `count` bytes of the last [`FrameReader::spare`] are now data.
    pub fn filled(&mut self, count: usize) {
        self.end = (self.end + count).min(self.buffer.len());
    }

    /// Appends bytes that were read elsewhere.
    pub fn extend(&mut self, bytes: &[u8]) {
        let spare = self.spare_of(bytes.len());
        spare[..bytes.len()].copy_from_slice(bytes);
        self.filled(bytes.len());
    }

    /// The next whole frame, or `None` until more bytes arrive.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, FrameError> {
        let available = &self.buffer[self.start..self.end];
        let Some(head) = available.first_chunk::<HEADER_LEN>() else {
            return Ok(None);
        };
        let header = Header::decode(head)?;
        let total = HEADER_LEN + header.len as usize;
        if available.len() < total {
            return Ok(None);
        }
        let begin = self.start + HEADER_LEN;
        self.start += total;
        Ok(Some(Frame {
            header,
            payload: &self.buffer[begin..begin + header.len as usize],
        }))
    }

    /// Bytes held that do not yet make a whole frame.
    pub fn pending(&self) -> usize {
        self.end - self.start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_survive_any_split() {
        let mut wire = Vec::new();
        push(&mut wire, Header::data(7, Channel::Stdout, 5, false), b"hello");
        push_credit(&mut wire, 7, Channel::Stdin, 4096);
        push(&mut wire, Header::data(7, Channel::Stderr, 0, true), b"");
        for step in 1..wire.len() {
            let mut reader = FrameReader::new();
            let mut seen = Vec::new();
            for chunk in wire.chunks(step) {
                reader.extend(chunk);
                while let Some(frame) = reader.next_frame().unwrap() {
                    seen.push((frame.header, frame.payload.to_vec(), frame.credit_amount()));
                }
            }
            assert_eq!(seen.len(), 3, "step {step}");
            assert_eq!(seen[0].1, b"hello");
            assert_eq!(seen[1].2, 4096);
            assert!(seen[2].0.end);
            assert_eq!(reader.pending(), 0);
        }
    }

    #[test]
    fn headers_out_of_bounds_are_refused() {
        let good = Header::data(1, Channel::Stdout, 1, false).encode();
        let broken = |at: usize, value: u8| {
            let mut bytes = good;
            bytes[at] = value;
            Header::decode(&bytes).unwrap_err()
        };
        assert_eq!(broken(8, 9), FrameError::UnknownKind(9));
        assert_eq!(broken(9, 3), FrameError::BadChannel(3));
        assert_eq!(broken(10, 2), FrameError::BadFlags(2));
        assert_eq!(broken(11, 1), FrameError::BadReserved(1));
        assert_eq!(
            broken(3, 1),
            FrameError::BadLength {
                kind: Kind::Data,
                len: 0x0100_0001
            }
        );
        assert_eq!(broken(4, 0), FrameError::NotOnLinkStream(Kind::Data));
    }

    #[test]
    fn a_partial_frame_never_grows_the_buffer_without_bound() {
        let mut reader = FrameReader::new();
        let header = Header::data(1, Channel::Stdout, MAX_DATA, false).encode();
        for _ in 0..1000 {
            reader.extend(&header);
            reader.extend(&vec![0; MAX_DATA]);
            assert!(reader.next_frame().unwrap().is_some());
        }
        assert!(reader.buffer.len() <= 4 * READ_CHUNK);
    }
}
