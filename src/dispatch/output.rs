//! A command's output and end, for the host.

use super::{Dispatcher, Served, Supply, TURN};
use crate::error::MsbError;
use crate::sandbox::exec::Exec;
use crate::supervise::stream::{Notify, Phase, Taken};
use msb_protocol::exec::ExecExit;
use msb_protocol::frame::{Channel, MAX_DATA};
use std::sync::Arc;

/// Whether a host wants more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Continue,
    /// Let go of the command; it goes on without an audience.
    Stop,
}

/// What a host wants to be told about one command.
pub trait Callbacks: Send {
    /// Output; raw bytes as they came.
    fn output(&mut self, channel: Channel, data: &[u8]) -> Verdict;
    /// The end, after all output; `None` when the sandbox ended first.
    fn ended(&mut self, exit: Option<ExecExit>);
}

struct Output {
    exec: Arc<Exec>,
    callbacks: Box<dyn Callbacks>,
}

impl Dispatcher {
    /// Delivers everything about `exec` to `callbacks` from now on. When this fails they are dropped here.
    pub fn subscribe(&self, exec: &Arc<Exec>, callbacks: Box<dyn Callbacks>) -> Result<(), MsbError> {
        self.add(|noted| {
            let notify: Arc<dyn Notify> = Arc::clone(noted) as Arc<dyn Notify>;
            exec.stream().route_to_notify(&notify)?;
            Ok(Box::new(Output {
                exec: Arc::clone(exec),
                callbacks,
            }))
        })
    }
}

impl Supply for Output {
    fn serve(&mut self) -> Served {
        let stream = self.exec.stream();
        // Asked first: what is buffered when the command is over is all that there will be.
        let phase = stream.phase();
        let mut turns = TURN;
        for channel in [Channel::Stdout, Channel::Stderr] {
            while let Taken::Data(data) = stream.take_routed(channel, MAX_DATA) {
                let verdict = self.callbacks.output(channel, &data);
                stream.consumed(channel, data.len());
                if verdict == Verdict::Stop {
                    return Served::Over;
                }
                turns -= 1;
                if turns == 0 {
                    return Served::Part;
                }
            }
        }
        match phase {
            Phase::Opening | Phase::Running(_) => Served::All,
            Phase::Exited(exit) => {
                self.callbacks.ended(Some(exit));
                Served::Over
            }
            Phase::Failed(_) | Phase::Lost(_) => {
                self.callbacks.ended(None);
                Served::Over
            }
        }
    }
}
