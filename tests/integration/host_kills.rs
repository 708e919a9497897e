//! A host may die at any instant: what it owned ends, what it left can be used, and the store is sound.

use crate::host::Host;
use crate::random::{Random, Seed};
use crate::support::{Home, alone, is_machine, scale};
use crate::walk;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Homes that are worked on at the same time.
const LANES: u64 = 3;
/// Kills between two looks at what is left.
const BATCH: u64 = 20;
/// From so many kills on, each verb must have been interrupted.
const ENOUGH: u64 = 500;

/// How often each verb was interrupted.
type Hits = BTreeMap<String, u64>;

#[test]
fn a_killed_host_leaves_no_orphan_and_a_consistent_store() {
    let _alone = alone();
    let seed = Seed::of_run();
    let lanes = if is_machine() { 1 } else { LANES };
    let kills = scale();
    let mut total = Hits::new();
    std::thread::scope(|scope| {
        let seed = &seed;
        let running: Vec<_> = (0..lanes)
            .map(|lane| {
                let share = (kills + lane) / lanes;
                scope.spawn(move || work_lane(share, seed.part(lane)))
            })
            .collect();
        for lane in running {
            for (verb, hits) in lane.join().unwrap() {
                *total.entry(verb).or_default() += hits;
            }
        }
    });
    assert_eq!(total.values().sum::<u64>(), kills);
    let missed: Vec<_> = walk::VERBS
        .iter()
        .filter(|&&verb| !total.contains_key(verb))
        .collect();
    assert!(
        kills < ENOUGH || missed.is_empty(),
        "no kill during {missed:?}: {total:?}"
    );
}

fn work_lane(kills: u64, mut random: Random) -> Hits {
    let home = Home::new();
    let mut hits = Hits::new();
    let mut left = kills;
    while left > 0 {
        let batch = left.min(BATCH);
        left -= batch;
        // Two hosts at a time, so that a kill also happens in the middle of a race.
        for pair in 0..batch.div_ceil(2) {
            let hosts = (batch - 2 * pair).min(2);
            for interrupted in kill_hosts(&home, hosts, &mut random) {
                *hits.entry(interrupted).or_default() += 1;
            }
        }
        home.assert_consistent();
    }
    hits
}

/// Lets hosts work, kills each at an instant of its own, and returns what each was doing.
fn kill_hosts(home: &Home, count: u64, random: &mut Random) -> Vec<String> {
    let longest_us = if is_machine() { 6_000_000 } else { 80_000 };
    let mut hosts: Vec<(Host, Duration)> = (0..count)
        .map(|_| {
            let host = Host::start("walk", home.path(), random.next(), |_| ());
            (host, Duration::from_micros(random.below(longest_us)))
        })
        .collect();
    for (host, _) in &mut hosts {
        let first = host.next_report();
        assert_eq!(first.as_deref(), Some(walk::READY), "{first:?}");
    }
    let ready = Instant::now();
    hosts.sort_by_key(|(_, instant)| *instant);
    hosts
        .into_iter()
        .map(|(host, instant)| {
            std::thread::sleep(instant.saturating_sub(ready.elapsed()));
            let reports = host.kill();
            let wrong: Vec<_> = reports
                .iter()
                .filter(|line| !walk::VERBS.contains(&line.as_str()))
                .collect();
            assert!(wrong.is_empty(), "{wrong:#?}");
            reports.last().map_or_else(|| "nothing".to_owned(), String::clone)
        })
        .collect()
}
