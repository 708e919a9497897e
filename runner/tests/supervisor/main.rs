//! What a supervisor promises, over the process driver and an agent that obeys or misbehaves on demand.
#![cfg(feature = "process")]

#[cfg(test)]
mod ending;
#[cfg(test)]
mod fuzzing;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod launching;
#[cfg(test)]
mod relaying;
#[cfg(test)]
mod support;

/// Not a test by itself: the process driver starts this program again as the agent.
#[test]
fn fake_agent() {
    support::fake_agent::run_if_asked();
}
