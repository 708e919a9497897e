//! What a command starts with, and every typed reason why it does not.

use crate::harness::{Event, Host, command, guest, script};
use msb_protocol::exec::{ExecSpec, Rlimit, SpawnFailure, StreamReply, TerminalSize};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

fn failure(host: &mut Host, spec: ExecSpec) -> (SpawnFailure, i32, String) {
    let (kind, errno, stage, _) = refusal(host, spec);
    (kind, errno, stage)
}

/// As [`failure`], and what a person is told.
fn refusal(host: &mut Host, spec: ExecSpec) -> (SpawnFailure, i32, String, String) {
    let id = host.open(spec);
    match host.event() {
        Event::Reply(
            stream,
            StreamReply::SpawnFailed {
                kind,
                errno,
                stage,
                message,
            },
        ) if stream == id => {
            assert!(!message.is_empty());
            (kind, errno, stage, message)
        }
        other => panic!("instead of SpawnFailed: {other:?}"),
    }
}

/// A directory with one file of this mode and content, removed on drop.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, mode: u32, content: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("msb-agent-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("program"), content).unwrap();
        std::fs::set_permissions(directory.join("program"), PermissionsExt::from_mode(mode)).unwrap();
        Self(directory)
    }

    fn program(&self) -> String {
        self.0.join("program").to_str().unwrap().to_owned()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_missing_program_is_not_found() {
    let mut host = Host::booted();
    let expected = (SpawnFailure::NotFound, libc::ENOENT, "execve".to_owned());
    assert_eq!(failure(&mut host, command("/no/such/program", &[])), expected);
    assert_eq!(failure(&mut host, command("no-such-program", &[])), expected);
    assert_eq!(failure(&mut host, command("", &[])).0, SpawnFailure::NotFound);
    assert_eq!(
        failure(&mut host, command("/bin/sh/x", &[])).0,
        SpawnFailure::NotFound
    );
}

#[test]
fn a_file_without_the_execute_bit_is_permission_denied() {
    let scratch = Scratch::new("plain", 0o644, "#!/bin/sh\n");
    let mut host = Host::booted();
    let denied = (SpawnFailure::PermissionDenied, libc::EACCES, "execve".to_owned());
    assert_eq!(failure(&mut host, command(&scratch.program(), &[])), denied);
}

#[test]
fn a_directory_is_no_program() {
    let scratch = Scratch::new("beside", 0o755, "#!/bin/sh\n");
    let mut host = Host::booted();
    let directory = (SpawnFailure::NotExecutable, libc::EISDIR, "execve".to_owned());
    assert_eq!(failure(&mut host, command("/tmp", &[])), directory);
    // Along PATH it is passed over for what can be run.
    std::fs::create_dir_all(scratch.0.join("first/program")).unwrap();
    let path = |value: String| ExecSpec {
        env: vec![("PATH".to_owned(), value)],
        ..command("program", &[])
    };
    let base = scratch.0.display();
    assert_eq!(failure(&mut host, path(format!("{base}/first"))), directory);
    assert_eq!(host.run(path(format!("{base}/first:{base}"))).exit.code, Some(0));
}

#[test]
fn a_file_that_is_no_program_is_not_executable() {
    let text = Scratch::new("text", 0o755, "just text\n");
    let orphan = Scratch::new("orphan", 0o755, "#!/no/such/interpreter\n");
    let mut host = Host::booted();
    assert_eq!(
        failure(&mut host, command(&text.program(), &[])),
        (SpawnFailure::NotExecutable, libc::ENOEXEC, "execve".to_owned())
    );
    assert_eq!(
        failure(&mut host, command(&orphan.program(), &[])),
        (
            SpawnFailure::NotExecutable,
            libc::ENOENT,
            "interpreter".to_owned()
        )
    );
}

#[test]
fn a_working_directory_that_cannot_be_entered_is_bad_cwd() {
    let mut host = Host::booted();
    let with = |cwd: &str| ExecSpec {
        cwd: Some(cwd.to_owned()),
        ..command("true", &[])
    };
    assert_eq!(
        failure(&mut host, with("/no/such")),
        (SpawnFailure::BadCwd, libc::ENOENT, "chdir".to_owned())
    );
    assert_eq!(failure(&mut host, with("/bin/sh")).1, libc::ENOTDIR);
}

#[test]
fn an_unknown_user_or_group_is_bad_user() {
    let mut host = Host::booted();
    for user in ["no-such-user", "0:no-such-group", ":", "root:", ":root"] {
        let spec = ExecSpec {
            user: Some(user.to_owned()),
            ..command("true", &[])
        };
        assert_eq!(failure(&mut host, spec).0, SpawnFailure::BadUser, "{user}");
    }
}

#[test]
fn malformed_or_oversized_arguments_are_bad_args() {
    let mut host = Host::booted();
    assert_eq!(
        failure(&mut host, command("true", &["nul\0byte"])).0,
        SpawnFailure::BadArgs
    );
    for key in ["", "a=b", "nul\0"] {
        let spec = ExecSpec {
            env: vec![(key.to_owned(), String::new())],
            ..command("true", &[])
        };
        assert_eq!(failure(&mut host, spec).0, SpawnFailure::BadArgs, "{key:?}");
    }
    // The kernel takes at most 128 KiB for one argument.
    let long = "x".repeat(200 * 1024);
    let (kind, errno, stage) = failure(&mut host, command("true", &[&long]));
    assert_eq!(
        (kind, errno, stage.as_str()),
        (SpawnFailure::BadArgs, libc::E2BIG, "execve")
    );
}

#[test]
fn an_unknown_or_refused_limit_is_resource_limit() {
    let mut host = Host::booted();
    let with = |resource: &str, soft, hard| ExecSpec {
        rlimits: vec![Rlimit {
            resource: resource.to_owned(),
            soft,
            hard,
        }],
        ..command("true", &[])
    };
    assert_eq!(
        failure(&mut host, with("patience", 1, 1)).0,
        SpawnFailure::ResourceLimit
    );
    let refused = failure(&mut host, with("nofile", 2, 1));
    assert_eq!(
        refused,
        (SpawnFailure::ResourceLimit, libc::EINVAL, "setrlimit".to_owned())
    );
    // Not even root may allow more files than the kernel does.
    let beyond = with("nofile", 1 << 40, 1 << 40);
    let (_, errno, _, message) = refusal(&mut host, beyond);
    assert_eq!(errno, libc::EPERM);
    assert!(
        message.contains("`nofile`") && message.contains("fs/nr_open"),
        "{message}"
    );
}

#[test]
fn limits_reach_the_command() {
    let mut host = Host::booted();
    let spec = ExecSpec {
        rlimits: vec![Rlimit {
            resource: "nofile".to_owned(),
            soft: 77,
            hard: 88,
        }],
        ..script("ulimit -Sn; ulimit -Hn")
    };
    assert_eq!(host.run(spec).stdout, b"77\n88\n");
}

#[test]
fn the_commands_environment_overrides_the_sandboxs() {
    let mut sandbox = guest();
    sandbox.env.push(("BOTH".to_owned(), "sandbox".to_owned()));
    let mut host = Host::booted_with(sandbox);
    let spec = ExecSpec {
        env: vec![("BOTH".to_owned(), "command".to_owned())],
        cwd: Some("/tmp".to_owned()),
        ..script("echo $FROM_SANDBOX $BOTH; pwd; test -n \"$PATH\" && test -n \"$HOME\" && echo defaults")
    };
    assert_eq!(host.run(spec).stdout, b"yes command\n/tmp\ndefaults\n");
}

#[test]
fn programs_are_looked_up_in_the_commands_own_path() {
    let scratch = Scratch::new("path", 0o755, "#!/bin/sh\necho found\n");
    let mut host = Host::booted();
    let path = format!("/no/such:{}", scratch.0.display());
    let spec = ExecSpec {
        env: vec![("PATH".to_owned(), path)],
        ..command("program", &[])
    };
    assert_eq!(host.run(spec).stdout, b"found\n");
}

#[test]
fn exit_codes_and_signals_are_told_apart() {
    let mut host = Host::booted();
    let outcome = host.run(script("echo why >&2; exit 42"));
    assert_eq!((outcome.stdout, outcome.stderr), (Vec::new(), b"why\n".to_vec()));
    let exit = outcome.exit;
    assert_eq!((exit.code, exit.signal, exit.timed_out), (Some(42), None, false));
    let exit = host.run(script("kill -USR1 $$")).exit;
    assert_eq!((exit.code, exit.signal), (None, Some(libc::SIGUSR1)));
}

#[test]
fn commands_start_with_nothing_blocked_or_ignored_and_three_descriptors() {
    let mut host = Host::booted();
    let status = host.run(script(
        "grep -E 'Sig(Blk|Ign)' /proc/self/status; ls /proc/self/fd | wc -l",
    ));
    let text = String::from_utf8(status.stdout).unwrap();
    let words: Vec<&str> = text.split_whitespace().collect();
    // The fourth descriptor is the directory that ls reads.
    assert_eq!(
        words,
        ["SigBlk:", "0000000000000000", "SigIgn:", "0000000000000000", "4"]
    );
}

#[test]
fn a_wrong_default_user_or_directory_fails_the_boot() {
    use msb_protocol::agent::{AgentMessage, BootStage, HostMessage};
    for (user, workdir) in [
        (Some("no-such-user"), None),
        (None, Some("/no/such")),
        (None, Some("relative")),
    ] {
        let mut host = Host::ready();
        let mut sandbox = guest();
        sandbox.user = user.map(str::to_owned);
        sandbox.workdir = workdir.map(str::to_owned);
        host.tell(HostMessage::Boot(Box::new(sandbox)));
        match host.event() {
            Event::Link(AgentMessage::BootFailed(failure)) => assert_eq!(failure.stage, BootStage::User),
            other => panic!("instead of BootFailed: {other:?}"),
        }
        assert!(host.wait().success());
    }
}

#[test]
fn a_terminal_has_the_size_asked_for_and_follows_resizes() {
    let mut host = Host::booted();
    let spec = ExecSpec {
        tty: Some(TerminalSize { rows: 11, cols: 22 }),
        stdin: true,
        ..script("trap 'stty size; exit 7' WINCH; stty size; echo $TERM; while :; do read line; done")
    };
    let (id, _) = host.start(spec);
    let first = host.read_until(id, "xterm");
    assert!(first.starts_with("11 22\r\n"), "{first:?}");
    let size = TerminalSize { rows: 33, cols: 44 };
    host.request(id, msb_protocol::exec::StreamRequest::Resize(size));
    host.input(id, b"\n", false);
    let outcome = host.finish(id);
    assert_eq!(outcome.exit.code, Some(7));
    assert!(
        String::from_utf8_lossy(&outcome.stdout).contains("33 44"),
        "{:?}",
        outcome.stdout
    );
}
