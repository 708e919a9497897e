#![cfg(feature = "process")]
#![allow(dead_code)]
#[path = "supervisor/support/mod.rs"]
mod support;
use msb_protocol::client::ClientMessage;
use msb_protocol::exec::*;
#[test]
fn fake_agent() { support::fake_agent::run_if_asked(); }
#[test]
fn real() {
    let home = support::Home::new();
    let mut spec = home.spec("obedient");
    spec.agent = Some(std::env::var_os("REAL_AGENT").unwrap().into());
    let t = std::time::Instant::now();
    let (mut owner, welcome) = home.start_with(spec);
    println!("ready {:?}", t.elapsed());
    let mut e = support::exec_spec("sh");
    e.args = vec!["-c".into(), "echo hi; cat; exit 3".into()];
    owner.control(1, &StreamRequest::Exec(Box::new(e)));
    owner.data(1, b"input\n", true);
    let out = owner.collect(1);
    println!("{:?} {:?}", String::from_utf8_lossy(&out.stdout), out.last);
    let mut times = vec![];
    for _ in 0..200 {
        let t = std::time::Instant::now();
        owner.exec(2, "true");
        let out = owner.collect(2);
        times.push(t.elapsed());
        assert!(matches!(out.last, Some(StreamReply::Exited(_))), "{out:?}");
    }
    times.sort();
    println!("exec true p50 {:?} p99 {:?}", times[100], times[198]);
    let total = 256u64 << 20;
    let mut e = support::exec_spec("head");
    e.args = vec!["-c".into(), total.to_string(), "/dev/zero".into()];
    e.window = 4 << 20;
    let t = std::time::Instant::now();
    owner.control(3, &StreamRequest::Exec(Box::new(e)));
    let out = owner.collect(3);
    println!("{} bytes {:.0} MB/s {:?}", out.stdout.len(), total as f64 / 1e6 / t.elapsed().as_secs_f64(), out.last);
    let mut e = support::exec_spec("sleep");
    e.args = vec!["1000".into()];
    owner.control(4, &StreamRequest::Exec(Box::new(e)));
    println!("{:?}", owner.next().unwrap());
    println!("rss {}", std::fs::read_to_string(format!("/proc/{}/status", welcome.runner_pid)).unwrap().lines().filter(|l| l.starts_with("VmRSS") || l.starts_with("RssAnon")).collect::<Vec<_>>().join(" "));
    let t = std::time::Instant::now();
    owner.tell(&ClientMessage::Stop { timeout_ms: 5000 });
    println!("{:?} {:?}", owner.hear_exit(), t.elapsed());
    println!("{}", home.log());
}
