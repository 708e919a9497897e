//! A real registry on loopback, and a small image in it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use msb_oci::registry::BlobWanted;
use msb_oci::{Digest, Reference};
use tempfile::TempDir;

const PROGRAM: &str = "/usr/bin/docker-registry";

/// User and password of a registry with a login.
pub const USER: &str = "ada";
pub const PASSWORD: &str = "engine:1843";

/// Whether the tests that need a registry can run. They have to where `MSB_REQUIRE_REGISTRY` is set.
pub fn available() -> bool {
    let there = Path::new(PROGRAM).exists();
    assert!(
        there || std::env::var_os("MSB_REQUIRE_REGISTRY").is_none(),
        "install docker-registry"
    );
    if !there {
        println!("skipped: there is no {PROGRAM}");
    }
    there
}

/// A registry that ends with the test.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
}

impl Server {
    /// Serves what is in a directory; `extra` are further lines of its configuration.
    fn start(storage: &Path, http: &str, extra: &str) -> Self {
        let config = storage.join(format!("config-{}.yml", http.len() + extra.len()));
        let text = format!(
            "version: 0.1\nlog: {{level: info}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n\
             http:\n  addr: 127.0.0.1:0\n{http}{extra}",
            storage.display()
        );
        std::fs::write(&config, text).unwrap();
        let mut child = Command::new(PROGRAM)
            .arg("serve")
            .arg(&config)
            .env("OTEL_TRACES_EXPORTER", "none")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        let address = loop {
            line.clear();
            assert!(
                log.read_line(&mut line).unwrap() > 0,
                "the registry did not start"
            );
            if let Some((_, rest)) = line.split_once("listening on ") {
                let end = rest.find(|c: char| !(c.is_ascii_digit() || ".:".contains(c)));
                break rest[..end.unwrap_or(rest.len())].parse().unwrap();
            }
        };
        // It must never wait for somebody to read its log.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Self { child, address }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A registry with one image in it, `test/image:latest`, for two architectures.
pub struct World {
    pub directory: TempDir,
    pub server: Server,
    pub layers: Vec<Vec<u8>>,
}

impl World {
    pub fn new() -> Self {
        Self::of(vec![noise(1, 3 << 20), noise(2, 70_000), noise(3, 1)])
    }

    /// With these layers in the image.
    pub fn of(layers: Vec<Vec<u8>>) -> Self {
        let directory = TempDir::new().unwrap();
        let server = Server::start(directory.path(), "", "");
        let world = Self {
            directory,
            server,
            layers,
        };
        world.fill();
        world
    }

    /// The same content behind a login.
    pub fn with_login(&self) -> Server {
        let file = self.directory.path().join("htpasswd");
        let made = Command::new("htpasswd")
            .args(["-Bbn", USER, PASSWORD])
            .output()
            .unwrap();
        std::fs::write(&file, made.stdout).unwrap();
        let extra = format!("auth: {{htpasswd: {{realm: test, path: {}}}}}\n", file.display());
        Server::start(self.directory.path(), "", &extra)
    }

    /// The same content by HTTPS, and the certificate of its authority.
    pub fn with_tls(&self) -> (Server, PathBuf) {
        let path = |name: &str| self.directory.path().join(name).display().to_string();
        let extensions = path("extensions");
        std::fs::write(
            &extensions,
            "subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n",
        )
        .unwrap();
        let key = [
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ];
        openssl(
            &[
                &["req", "-x509", "-subj", "/CN=test authority"],
                &key[..],
                &["-keyout", &path("ca.key"), "-out", &path("ca.pem")],
            ]
            .concat(),
        );
        openssl(
            &[
                &["req", "-subj", "/CN=registry"],
                &key[..5],
                &["-keyout", &path("key.pem"), "-out", &path("request")],
            ]
            .concat(),
        );
        openssl(&[
            "x509",
            "-req",
            "-days",
            "2",
            "-in",
            &path("request"),
            "-CA",
            &path("ca.pem"),
            "-CAkey",
            &path("ca.key"),
            "-CAcreateserial",
            "-extfile",
            &extensions,
            "-out",
            &path("cert.pem"),
        ]);
        let http = format!(
            "  tls: {{certificate: {}, key: {}}}\n",
            path("cert.pem"),
            path("key.pem")
        );
        let server = Server::start(self.directory.path(), &http, "");
        (server, self.directory.path().join("ca.pem"))
    }

    fn fill(&self) {
        let layers: Vec<_> = self.layers.iter().map(|layer| self.put_blob(layer)).collect();
        let mut manifests = Vec::new();
        for architecture in ["amd64", "riscv64"] {
            let config = format!(
                r#"{{"os":"linux","architecture":"{architecture}","rootfs":{{"type":"layers","diff_ids":[{}]}},"config":{{"Env":["A={architecture}"]}}}}"#,
                layers
                    .iter()
                    .map(|(digest, _)| format!("{digest:?}"))
                    .collect::<Vec<_>>()
                    .join(",")
            );
            let config = self.put_blob(config.as_bytes());
            let listed: Vec<_> = layers
                .iter()
                .map(|layer| descriptor(layer, "application/vnd.oci.image.layer.v1.tar", ""))
                .collect();
            let kind = "application/vnd.oci.image.manifest.v1+json";
            let manifest = format!(
                r#"{{"schemaVersion":2,"mediaType":"{kind}","config":{},"layers":[{}]}}"#,
                descriptor(&config, "application/vnd.oci.image.config.v1+json", ""),
                listed.join(",")
            );
            let digest = Digest::of(manifest.as_bytes()).to_string();
            self.put(
                &format!("/v2/test/image/manifests/{digest}"),
                kind,
                manifest.as_bytes(),
            );
            let platform = format!(r#","platform":{{"os":"linux","architecture":"{architecture}"}}"#);
            manifests.push(descriptor(&(digest, manifest.len()), kind, &platform));
        }
        let kind = "application/vnd.oci.image.index.v1+json";
        let index = format!(
            r#"{{"schemaVersion":2,"mediaType":"{kind}","manifests":[{}]}}"#,
            manifests.join(",")
        );
        self.put("/v2/test/image/manifests/latest", kind, index.as_bytes());
    }

    fn put_blob(&self, bytes: &[u8]) -> (String, usize) {
        let digest = Digest::of(bytes).to_string();
        let begun = ask(
            self.server.address,
            "POST",
            "/v2/test/image/blobs/uploads/",
            "",
            b"",
        );
        let location = header(&begun, "location").unwrap();
        let path = location.split_once("/v2/").unwrap().1;
        self.put(
            &format!("/v2/{path}&digest={digest}"),
            "application/octet-stream",
            bytes,
        );
        (digest, bytes.len())
    }

    fn put(&self, path: &str, kind: &str, bytes: &[u8]) {
        let answer = ask(self.server.address, "PUT", path, kind, bytes);
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    }

    /// The digest of the large layer.
    pub fn large(&self) -> String {
        Digest::of(&self.layers[0]).to_string()
    }

    /// What has to be fetched, into files of a directory.
    pub fn blobs(&self, into: &Path) -> Vec<BlobWanted> {
        let blobs = self.layers.iter().enumerate();
        blobs
            .map(|(index, layer)| BlobWanted {
                digest: Digest::of(layer),
                size: layer.len() as u64,
                partial_path: into.join(index.to_string()),
            })
            .collect()
    }
}

/// The name of the image at an address.
pub fn image_at(address: SocketAddr) -> Reference {
    Reference::parse(&format!("{address}/test/image:latest")).unwrap()
}

fn descriptor((digest, size): &(String, usize), kind: &str, more: &str) -> String {
    format!(r#"{{"mediaType":"{kind}","digest":"{digest}","size":{size}{more}}}"#)
}

fn openssl(arguments: &[&str]) {
    let output = Command::new("openssl").args(arguments).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Bytes that do not repeat.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..length).map(|_| next()).collect()
}

/// One request by itself; the answer as text.
fn ask(address: SocketAddr, method: &str, path: &str, kind: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// The value of a header of a request or an answer.
pub fn header<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = message.lines().take_while(|line| !line.is_empty());
    lines.find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}
