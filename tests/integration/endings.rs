//! What a host hears of endings that are not its sandbox's own doing: a guest that does not answer.

use crate::support::{Home, command, patience, processes, runs};
use msb::error::Status;
use msb::sandbox::Sandbox;
use rustix::process::{Pid, Signal, kill_process};
use std::time::{Duration, Instant};

/// Far more than a call takes that has nothing to wait for, far less than any limit of the library.
const AT_ONCE: Duration = Duration::from_secs(5);

#[test]
fn a_commands_own_timeout_bounds_the_call_when_the_guest_does_not_answer() {
    let home = Home::new();
    let backend = home.open();
    let sandbox = Sandbox::create(&backend, &home.options("box")).unwrap();
    sandbox.start(patience()).unwrap();
    runs(&sandbox).unwrap();
    // What answers in the guest's name, whichever the driver.
    for process in processes(home.path()) {
        if process.program == "msb-agent" || process.program.starts_with("qemu-system") {
            kill_process(Pid::from_raw(process.pid).unwrap(), Signal::STOP).unwrap();
        }
    }
    let mut options = command("/bin/true", &[]);
    options.timeout_ms = Some(300);
    let begin = Instant::now();
    let error = sandbox.exec(&options).unwrap_err();
    assert_eq!(
        (error.status(), error.reason()),
        (Status::Timeout, "exec.unanswered")
    );
    assert!(begin.elapsed() < AT_ONCE, "{:?}", begin.elapsed());
    sandbox.kill(patience()).unwrap();
    backend.close(patience()).unwrap();
}
