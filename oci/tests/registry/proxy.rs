//! A proxy that does to requests what a test wants, and remembers them.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What becomes of a request.
#[derive(Clone)]
pub enum Action {
    /// The answer of the server.
    Pass,
    /// The same, but the connection ends after so many bytes of its body.
    DropAfter(usize),
    /// The same, but nothing comes after so many bytes of its body.
    StallAfter(usize),
    /// The same, but this byte of its body is another one.
    CorruptAt(usize),
    /// The same, but the server does not see what range is wanted.
    WithoutRange,
    /// This answer.
    Reply(String),
}

type Decide = dyn Fn(&str) -> Action + Send + Sync;

pub struct Proxy {
    pub address: SocketAddr,
    /// The heads of all requests.
    pub requests: Arc<Mutex<Vec<String>>>,
    over: Arc<AtomicBool>,
    listener: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Stands before a server. `decide` is given the head of each request.
    pub fn before(server: SocketAddr, decide: impl Fn(&str) -> Action + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (requests, over) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let world = (
            Arc::clone(&requests),
            over.clone(),
            Arc::new(decide) as Arc<Decide>,
        );
        let accept = move || {
            while let Ok((stream, _)) = listener.accept() {
                let (requests, over, decide) = world.clone();
                if over.load(Ordering::Relaxed) {
                    return;
                }
                std::thread::spawn(move || serve(stream, server, &requests, &over, &*decide));
            }
        };
        Self {
            address,
            requests,
            over,
            listener: Some(std::thread::spawn(accept)),
        }
    }

    /// The requests that were for something with this in its path.
    pub fn asked(&self, part: &str) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        let first = |head: &&String| head.lines().next().unwrap_or_default().contains(part);
        requests.iter().filter(first).cloned().collect()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
    }
}

/// The first `count` requests with `part` in their path get the action, the others pass.
pub fn some(
    part: impl Into<String>,
    count: usize,
    action: Action,
) -> impl Fn(&str) -> Action + Send + Sync + 'static {
    let (part, left) = (part.into(), Mutex::new(count));
    move |head| {
        let mut left = left.lock().unwrap();
        if *left == 0 || !head.lines().next().unwrap_or_default().contains(&part) {
            return Action::Pass;
        }
        *left -= 1;
        action.clone()
    }
}

/// A whole answer.
pub fn reply(status: &str, headers: &str, body: &str) -> Action {
    Action::Reply(format!(
        "HTTP/1.1 {status}\r\n{headers}Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ))
}

fn head_of(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}

fn serve(
    mut client: TcpStream,
    server: SocketAddr,
    requests: &Mutex<Vec<String>>,
    over: &AtomicBool,
    decide: &Decide,
) -> Option<()> {
    let limit = Some(Duration::from_secs(20));
    client.set_read_timeout(limit).ok()?;
    let head = head_of(&mut client)?;
    let action = decide(&head);
    requests.lock().unwrap().push(head.clone());
    if let Action::Reply(answer) = &action {
        client.write_all(answer.as_bytes()).ok()?;
        client.shutdown(Shutdown::Write).ok()?;
        // Until the other side has read it: closing at once could throw it away.
        let _ = client.read(&mut [0; 64]);
        return Some(());
    }
    let mut upstream = TcpStream::connect(server).ok()?;
    upstream.set_read_timeout(limit).ok()?;
    let mut lines: Vec<&str> = head.trim_end().lines().collect();
    if matches!(action, Action::WithoutRange) {
        lines.retain(|line| !line.to_ascii_lowercase().starts_with("range:"));
    }
    let request = format!("{}\r\nConnection: close\r\n\r\n", lines.join("\r\n"));
    upstream.write_all(request.as_bytes()).ok()?;
    client.write_all(head_of(&mut upstream)?.as_bytes()).ok()?;
    let mut sent = 0;
    let mut buffer = [0; 16 << 10];
    loop {
        let mut count = upstream.read(&mut buffer).ok()?;
        if count == 0 {
            return Some(());
        }
        match action {
            Action::CorruptAt(at) if (sent..sent + count).contains(&at) => buffer[at - sent] ^= 1,
            Action::DropAfter(most) | Action::StallAfter(most) => count = count.min(most - sent),
            _ => {}
        }
        client.write_all(&buffer[..count]).ok()?;
        sent += count;
        match action {
            Action::DropAfter(most) if sent == most => return Some(()),
            Action::StallAfter(most) if sent == most => {
                // The other side goes away, or the test ends.
                client.set_read_timeout(Some(Duration::from_millis(20))).ok()?;
                let until = Instant::now() + Duration::from_secs(20);
                while !over.load(Ordering::Relaxed) && Instant::now() < until {
                    if matches!(client.read(&mut [0; 64]), Ok(0)) {
                        break;
                    }
                }
                return Some(());
            }
            _ => {}
        }
    }
}
