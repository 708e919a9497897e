//! Many processes and threads act on the same sandboxes: one wins, the others get a typed conflict, nothing tears.

use crate::host::{Host, Orders, report};
use crate::random::{Random, Seed};
use crate::support::{Home, alone, command, is_machine, list_all, open, patience, sandbox_options};
use crate::walk::is_race;
use msb::backend::Backend;
use msb::error::MsbError;
use msb::sandbox::Sandbox;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const PROCESSES: u64 = 8;
const THREADS: u64 = 4;
const NAMES: u64 = 10;

#[test]
fn racing_hosts_get_typed_conflicts_and_leave_a_consistent_store() {
    let _alone = alone();
    let seed = Seed::of_run();
    let home = Home::new();
    let hosts: Vec<_> = (0..PROCESSES)
        .map(|number| Host::start("contend", home.path(), seed.part(number).next(), |_| ()))
        .collect();
    let mut done = 0;
    for host in hosts {
        let reports = host.finish();
        let [count] = reports.as_slice() else {
            panic!("{reports:#?}")
        };
        done += count.parse::<u64>().unwrap();
    }
    // Conflicts are allowed, but somebody has to win.
    assert!(done > PROCESSES, "only {done} calls succeeded");
    home.assert_consistent();
}

/// Acts on the same sandboxes as everybody else for a while; reports wrong errors, then how many calls won.
pub fn play(orders: &Orders) {
    let backend = open(&orders.home).unwrap();
    let end = Instant::now() + Duration::from_secs(if is_machine() { 60 } else { 5 });
    let done: u64 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (backend, home) = (&backend, &orders.home);
                let mut random = Random::new(orders.seed ^ thread);
                scope.spawn(move || {
                    let mut done = 0;
                    while Instant::now() < end {
                        match act(backend, home, &mut random) {
                            Ok(()) => done += 1,
                            Err(error) if is_race(&error) => {}
                            Err(error) => report(&format!("{error:?}")),
                        }
                    }
                    done
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    backend.close(patience()).unwrap();
    report(&done.to_string());
}

fn act(backend: &Arc<Backend>, home: &Path, random: &mut Random) -> Result<(), MsbError> {
    let number = random.below(NAMES);
    let name = format!("box-{number}");
    if random.once_in(5) {
        let mut options = sandbox_options(home, &name);
        options.detached = number % 2 == 1;
        options.ephemeral = number % 5 == 4;
        return Sandbox::create(backend, &options).map(|_| ());
    }
    if random.once_in(20) {
        list_all(backend);
        return Ok(());
    }
    let sandbox = Sandbox::open(backend, &name)?;
    match random.below(8) {
        0..3 => sandbox.start(patience()),
        3 => sandbox.stop(10_000),
        4 => sandbox.kill(patience()),
        5 => sandbox.exec(&command("/bin/true", &[])).map(|_| ()),
        6 => sandbox.info().map(|_| ()),
        _ => sandbox.remove(),
    }
}
