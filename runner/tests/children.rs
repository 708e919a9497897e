//! The subcommands as processes: what they report, and that they end by themselves.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::io::{Read, Seek, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const RUNNER: &str = env!("CARGO_BIN_EXE_msb-runner");
const DEADLINE: Duration = Duration::from_secs(40);

/// Starts a role that is told `plan` and inherits `kept`.
fn start(role: &str, plan: &str, kept: OwnedFd) -> Child {
    let mut stdin = tempfile::tempfile().unwrap();
    stdin.write_all(plan.as_bytes()).unwrap();
    stdin.rewind().unwrap();
    let mut command = Command::new(RUNNER);
    command
        .arg(role)
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    // SAFETY: one system call on a descriptor that the closure owns.
    unsafe { command.pre_exec(move || Ok(rustix::io::fcntl_setfd(&kept, rustix::io::FdFlags::empty())?)) };
    command.spawn().unwrap()
}

/// Everything that `child` says until it closes its standard output.
fn report(child: &mut Child) -> String {
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    said
}

fn ended_in_time(child: &mut Child) -> Option<i32> {
    let pid = rustix::process::Pid::from_child(child);
    let pidfd = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).unwrap();
    let timeout = rustix::event::Timespec {
        tv_sec: DEADLINE.as_secs() as _,
        tv_nsec: 0,
    };
    let mut wait = [rustix::event::PollFd::new(&pidfd, rustix::event::PollFlags::IN)];
    if rustix::event::poll(&mut wait, Some(&timeout)).unwrap() == 0 {
        child.kill().unwrap();
    }
    child.wait().unwrap().code()
}

/// A share server of `root` and the VMM's end of its socket.
fn share(root: &Path, read_only: bool) -> (Child, UnixStream) {
    let directory = tempfile::tempdir().unwrap();
    let name = directory.path().join("socket");
    let listener = OwnedFd::from(UnixListener::bind(&name).unwrap());
    let vmm = UnixStream::connect(&name).unwrap();
    let share = serde_json::json!({
        "tag": "tag", "directory": root, "only": null, "read_only": read_only, "frozen": false, "quota": null, "owner": null
    });
    let plan = serde_json::json!({ "share": share, "listener": listener.as_raw_fd() });
    (start("share", &plan.to_string(), listener), vmm)
}

#[test]
fn a_share_server_ends_when_its_vmm_hangs_up() {
    let root = tempfile::tempdir().unwrap();
    for read_only in [true, false] {
        let (mut server, vmm) = share(root.path(), read_only);
        assert_eq!(report(&mut server), "up\n");
        assert!(server.try_wait().unwrap().is_none());
        drop(vmm);
        assert_eq!(ended_in_time(&mut server), Some(0));
    }
}

#[test]
fn a_share_server_ends_when_its_vmm_talks_nonsense() {
    let root = tempfile::tempdir().unwrap();
    let (mut server, mut vmm) = share(root.path(), false);
    assert_eq!(report(&mut server), "up\n");
    // The server may hang up in the middle of it.
    let _ = vmm.write_all(&[0xa5; 4096]);
    assert!(ended_in_time(&mut server).is_some());
}

#[test]
fn a_share_server_without_its_directory_says_so() {
    let root = tempfile::tempdir().unwrap();
    let (mut server, _vmm) = share(&root.path().join("missing"), true);
    let failure: serde_json::Value = serde_json::from_str(&report(&mut server)).unwrap();
    assert_eq!(
        (&failure["stage"], &failure["errno"]),
        (&"share".into(), &libc::ENOENT.into())
    );
    assert_eq!(ended_in_time(&mut server), Some(1));
}

#[test]
fn a_role_that_is_started_without_a_plan_fails_with_a_report() {
    let mut roles = vec!["share"];
    if cfg!(feature = "krun") {
        roles.push("vmm");
    }
    for role in roles {
        let unused = OwnedFd::from(std::fs::File::open("/dev/null").unwrap());
        let mut child = start(role, "not a plan", unused);
        let failure: serde_json::Value = serde_json::from_str(&report(&mut child)).unwrap();
        assert!(failure["message"].as_str().unwrap().contains("plan"), "{failure}");
        assert_eq!(ended_in_time(&mut child), Some(1));
    }
}

#[test]
fn a_probe_always_gives_a_verdict() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing");
    let begin = Instant::now();
    let output = Command::new(RUNNER)
        .arg("probe")
        .arg(&missing)
        .arg(&missing)
        .output()
        .unwrap();
    assert!(begin.elapsed() < DEADLINE);
    let verdict: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let ok = verdict["ok"].as_bool().unwrap();
    assert_eq!(output.status.success(), ok);
    assert_eq!(verdict["cause"].is_string(), !ok, "{verdict}");
}
