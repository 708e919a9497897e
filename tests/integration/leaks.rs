//! Ten thousand commands leave nothing behind: no descriptor, no thread, no memory, in host, runner or agent.

use crate::host::{Host, Orders, report};
use crate::support::{Home, alone, command, is_machine, open, patience, processes, sandbox_options, scale};
use msb::sandbox::Sandbox;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Commands that run at the same time.
const THREADS: u64 = 32;
/// How long a process may take to show what it has let go of.
const SETTLING: Duration = Duration::from_secs(5);
/// Most that a process may have grown by, in KiB.
const MAX_GROWTH_KIB: u64 = 4096;

/// What a process holds.
#[derive(Debug, Clone, Copy)]
struct Holdings {
    descriptors: usize,
    threads: usize,
    resident_kib: u64,
}

impl Holdings {
    fn of(pid: u32) -> Self {
        let proc = PathBuf::from(format!("/proc/{pid}"));
        let entries = |name: &str| fs::read_dir(proc.join(name)).unwrap().count();
        let status = fs::read_to_string(proc.join("status")).unwrap();
        let resident = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .unwrap();
        Self {
            descriptors: entries("fd"),
            threads: entries("task"),
            resident_kib: resident.trim().trim_end_matches(" kB").parse().unwrap(),
        }
    }

    fn is_more_than(self, before: Self) -> bool {
        self.descriptors > before.descriptors || self.threads > before.threads
    }

    fn assert_no_more_than(self, before: Self, who: &str) {
        assert!(!self.is_more_than(before), "{who}: {before:?} became {self:?}");
        let growth = self.resident_kib.saturating_sub(before.resident_kib);
        assert!(growth < MAX_GROWTH_KIB, "{who}: {before:?} became {self:?}");
    }
}

#[test]
fn ten_thousand_commands_leak_nothing() {
    let _alone = alone();
    let home = Home::new();
    let reports = Host::start("leak", home.path(), 0, |_| ()).finish();
    assert_eq!(reports, ["done"]);
    home.assert_no_process();
}

/// Runs the commands in a host of its own, so that no other test changes what it holds.
pub fn play(orders: &Orders) {
    let backend = open(&orders.home).unwrap();
    let sandbox = Sandbox::create(&backend, &sandbox_options(&orders.home, "box")).unwrap();
    sandbox.start(patience()).unwrap();
    let runner = sandbox.info().unwrap().runner_pid;
    let mut watched = vec![("host", std::process::id()), ("runner", runner)];
    if !is_machine() {
        let all = processes(&orders.home);
        let agent = all.iter().find(|process| process.program == "msb-agent").unwrap();
        watched.push(("agent", u32::try_from(agent.pid).unwrap()));
    }
    // The same load once before: buffers, caches and stacks have their size then.
    run_commands(&sandbox, scale() * 2);
    let before: Vec<_> = watched.iter().map(|&(_, pid)| Holdings::of(pid)).collect();
    run_commands(&sandbox, scale() * 10);
    for ((who, pid), before) in watched.into_iter().zip(before) {
        // A thread that was joined, or a descriptor's last user, may take a moment to be gone from /proc.
        let until = Instant::now() + SETTLING;
        while Holdings::of(pid).is_more_than(before) && Instant::now() < until {
            std::thread::yield_now();
        }
        Holdings::of(pid).assert_no_more_than(before, who);
    }
    sandbox.stop(10_000).unwrap();
    drop(sandbox);
    backend.close(patience()).unwrap();
    report("done");
}

fn run_commands(sandbox: &Arc<Sandbox>, count: u64) {
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    let word = number.to_string();
                    let done = sandbox.exec(&command("/bin/echo", &[&word])).unwrap();
                    assert_eq!(done.exit_code, 0);
                    assert_eq!(done.outputs[0].data, format!("{word}\n").as_bytes());
                }
            });
        }
    });
}
