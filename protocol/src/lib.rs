//! Wire types and framing shared by the library, the runner and the guest agent.
//!
//! Two links speak it. *Client link*: library to runner, over the sandbox's socket or, for the owner, over
//! the socket pair that the runner was started with. *Agent link*: runner to agent, over the console port
//! `msb.agent`. Both carry the same frames (see [`frame`]); stream 0 carries the link's own messages
//! ([`client`], [`agent`]) and every other stream one command ([`exec`]) or files session ([`files`]), which the
//! runner passes between the two links without reading its bytes.
//!
//! Everything here is bounded; nothing here does I/O.

pub mod agent;
pub mod client;
pub mod credit;
pub mod exec;
pub mod exit;
pub mod files;
pub mod frame;
pub mod launch;
pub mod machine;

/// Version of this wire format. Both ends of a link must agree exactly; it changes with any shape here.
pub const PROTOCOL_VERSION: u32 = 1;

/// Name of the virtio console port that the agent link uses.
pub const AGENT_PORT: &str = "msb.agent";
