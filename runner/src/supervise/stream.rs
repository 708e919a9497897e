//! One command's or files session's stream: whose it is and what each side may still send.
//!
//! Credit is checked on both sides with the same accounts that the ends keep themselves; a side that goes
//! beyond its account is at fault.

use super::relay::{AgentFault, ClientFault, ClientId};
use msb_protocol::credit::{STDIN_WINDOW, SendCredit};
use msb_protocol::exec::{ExecSpec, StreamReply};
use msb_protocol::files::{FilesSpec, INPUT_WINDOW};
use msb_protocol::frame::{Channel, Frame, Kind};

/// What one sender may still send on one channel.
#[derive(Debug)]
struct Account {
    credit: SendCredit,
    ended: bool,
}

impl Account {
    fn new(window: u32) -> Self {
        Self {
            credit: SendCredit::new(window),
            ended: false,
        }
    }

    fn spend(&mut self, frame: Frame<'_>) -> bool {
        let allowed = !self.ended && self.credit.spend(frame.payload.len());
        self.ended |= frame.header.end;
        allowed
    }
}

/// An open stream.
#[derive(Debug)]
pub(super) struct Stream {
    /// Who opened it and its number there; none once that client is gone.
    pub client: Option<(ClientId, u32)>,
    /// Whether its output is still wanted.
    pub heard: bool,
    started: bool,
    /// Of a files session: whether the client was the last to send something.
    awaits_answer: Option<bool>,
    stdin: Account,
    stdout: Account,
    stderr: Account,
}

/// A stream that is over, whose last frames may still arrive.
#[derive(Debug)]
pub(super) struct Ended {
    pub id: u32,
    pub late_frames_left: u32,
}

impl Stream {
    /// The stream of a command.
    pub fn of_command(client: ClientId, theirs: u32, spec: &ExecSpec) -> Self {
        Self {
            client: Some((client, theirs)),
            heard: true,
            started: false,
            awaits_answer: None,
            stdin: Account::new(STDIN_WINDOW),
            stdout: Account::new(spec.window),
            stderr: Account::new(spec.window),
        }
    }

    /// The stream of a files session.
    pub fn of_session(client: ClientId, theirs: u32, spec: &FilesSpec) -> Self {
        Self {
            client: Some((client, theirs)),
            heard: true,
            started: false,
            awaits_answer: Some(false),
            stdin: Account::new(INPUT_WINDOW),
            stdout: Account::new(spec.window),
            stderr: Account::new(0),
        }
    }

    /// Whether it keeps the sandbox in use. A session whose last request was answered does not; while an answer is
    /// under way, each part of it counts as use for itself.
    pub fn in_use(&self) -> bool {
        self.awaits_answer.unwrap_or(true)
    }

    /// Whether it is a files session.
    pub fn is_session(&self) -> bool {
        self.awaits_answer.is_some()
    }

    fn last_sent(&mut self, by_client: bool) {
        if let Some(awaits) = &mut self.awaits_answer {
            *awaits = by_client;
        }
    }

    /// Checks a data or credit frame from the client.
    pub fn check_from_client(&mut self, frame: Frame<'_>) -> Result<(), ClientFault> {
        let (stream, channel) = (frame.header.stream, frame.header.channel);
        if frame.header.kind == Kind::Data {
            let allowed = channel == Channel::Stdin && self.stdin.spend(frame);
            self.last_sent(true);
            return if allowed {
                Ok(())
            } else {
                Err(ClientFault::Overspent {
                    stream,
                    channel,
                    len: frame.header.len,
                })
            };
        }
        let amount = frame.credit_amount();
        let granted = match channel {
            Channel::Stdin => false,
            Channel::Stdout => self.stdout.credit.grant(amount),
            Channel::Stderr => self.stderr.credit.grant(amount),
        };
        if granted {
            Ok(())
        } else {
            Err(ClientFault::BadGrant {
                stream,
                channel,
                amount,
            })
        }
    }

    /// Checks a data or credit frame from the agent.
    pub fn check_from_agent(&mut self, frame: Frame<'_>) -> Result<(), AgentFault> {
        let (stream, channel) = (frame.header.stream, frame.header.channel);
        if frame.header.kind == Kind::Data {
            let allowed = match channel {
                Channel::Stdin => false,
                Channel::Stdout => self.stdout.spend(frame),
                Channel::Stderr => self.stderr.spend(frame),
            };
            self.last_sent(false);
            return if allowed {
                Ok(())
            } else {
                Err(AgentFault::Overspent {
                    stream,
                    channel,
                    len: frame.header.len,
                })
            };
        }
        let amount = frame.credit_amount();
        // Grants of nothing would be a way to fill a slow client's queue.
        let granted = channel == Channel::Stdin && amount > 0 && self.stdin.credit.grant(amount);
        if granted {
            Ok(())
        } else {
            Err(AgentFault::BadGrant {
                stream,
                channel,
                amount,
            })
        }
    }

    /// Whether `reply` ends the stream; `None` when it cannot come now.
    pub fn check_reply(&mut self, reply: &StreamReply) -> Option<bool> {
        let started_before = self.started;
        match reply {
            StreamReply::Started { .. } => {
                self.started = true;
                (!started_before).then_some(false)
            }
            StreamReply::SpawnFailed { .. } => (!started_before).then_some(true),
            StreamReply::Exited(_) => started_before.then_some(true),
        }
    }
}
