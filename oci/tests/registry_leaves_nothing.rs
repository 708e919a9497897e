//! Nothing is left of a call in the process: no thread and no descriptor. Alone in its process, as it counts both.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests, which fail by panicking"
)]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use msb_oci::Reference;
use msb_oci::registry::{Patience, RegistryError, RegistryOptions, resolve};

fn count(what: &str) -> usize {
    std::fs::read_dir(format!("/proc/self/{what}")).unwrap().count()
}

/// Waits for so many threads and descriptors: a thread that has been joined is still listed for a moment.
fn becomes(expected: (usize, usize)) {
    let until = Instant::now() + Duration::from_secs(5);
    while (count("task"), count("fd")) != expected {
        assert!(
            Instant::now() < until,
            "{} threads, {} descriptors",
            count("task"),
            count("fd")
        );
        std::thread::yield_now();
    }
}

#[test]
fn threads_and_descriptors_end_with_the_call() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let options = RegistryOptions {
        insecure: true,
        patience: Patience {
            attempts: 2,
            pause: Duration::from_millis(1),
            ..Patience::default()
        },
        ..RegistryOptions::default()
    };
    let image = Reference::parse(&format!("{address}/test/image")).unwrap();
    let server = std::thread::spawn(move || {
        let mut silent = Vec::new();
        for stream in listener.incoming().take(2) {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            if silent.is_empty() {
                stream
                    .write_all(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")
                    .unwrap();
            }
            silent.push(stream);
        }
        // Kept open until the test has counted.
        silent
    });
    let before = (count("task"), count("fd"));
    let error = resolve(&image, &options, &|| false).unwrap_err();
    assert!(matches!(error, RegistryError::NotFound { .. }), "{error:?}");
    // The server holds its end of the connection.
    becomes((before.0, before.1 + 1));
    let begin = Instant::now();
    let cancel = || begin.elapsed() > Duration::from_millis(200);
    let error = resolve(&image, &options, &cancel).unwrap_err();
    assert!(matches!(error, RegistryError::Cancelled), "{error:?}");
    assert!(begin.elapsed() < Duration::from_millis(700));
    let silent = server.join().unwrap();
    // Of the server, its thread and its listener have gone.
    becomes((before.0 - 1, before.1 + 1));
    drop(silent);
    let error = resolve(&image, &options, &|| false).unwrap_err();
    assert!(matches!(error, RegistryError::Connect { .. }), "{error:?}");
}
