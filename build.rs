//! Builds the guest agent and the runner and embeds both, so that the shared library is self-contained.
//!
//! They are built by a cargo of their own with its own target directory: the outer cargo holds the lock of its
//! own. The agent is linked statically because a guest has no C library to offer.

use sha2::{Digest, Sha256};
use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let target = env::var("TARGET")?;
    let release = env::var("PROFILE")? == "release";
    let process = env::var_os("CARGO_FEATURE_PROCESS_DRIVER").is_some();
    let krun = env::var_os("CARGO_FEATURE_KRUN").is_some();
    if process && release {
        return Err("the process driver is for tests only and must not be in a release build".into());
    }
    for input in [
        "guest",
        "tree",
        "runner",
        "protocol",
        "store",
        "migrations",
        "Cargo.toml",
        "Cargo.lock",
    ] {
        println!("cargo:rerun-if-changed={input}");
    }
    // Not below OUT_DIR itself, whose name changes: what was built before should serve again.
    let build = target_directory(&out)?.join("embedded");

    let mut agent = Build::new(&root, &build, &target, "msb-agent");
    agent.profile = if release { "agent" } else { "dev" };
    agent.rustflags = "-C target-feature=+crt-static";
    agent.features = if process { vec!["process"] } else { vec![] };
    let agent = agent.run()?;

    let mut runner = Build::new(&root, &build, &target, "msb-runner");
    runner.profile = if release { "release" } else { "dev" };
    runner.features = [("process", process), ("krun", krun)]
        .iter()
        .filter(|f| f.1)
        .map(|f| f.0)
        .collect();
    let runner = runner.run()?;
    // In a debug build only the time counts.
    let level = if release { 19 } else { 1 };
    let programs = [
        pack("AGENT", &agent, &out, level)?,
        pack("RUNNER", &runner, &out, level)?,
    ];
    fs::write(out.join("programs.rs"), programs.concat())?;
    println!(
        "cargo:rustc-env=MSB_EMBEDDED_DIGEST={}",
        digest([&agent, &runner])?
    );

    link_arguments(&target);
    Ok(())
}

/// Compresses a program into `out` and returns the item of src/runtime/embedded.rs that carries it.
fn pack(name: &str, program: &Path, out: &Path, level: i32) -> io::Result<String> {
    let content = fs::read(program)?;
    let packed = out.join(format!("{name}.zst"));
    fs::write(&packed, zstd::bulk::compress(&content, level)?)?;
    Ok(format!(
        "static {name}: Program = Program {{ packed: include_bytes!({packed:?}), len: {}, crc32: {} }};\n",
        content.len(),
        crc32fast::hash(&content),
    ))
}

/// Names this very set of programs: the directory that they are put into.
fn digest(programs: [&Path; 2]) -> io::Result<String> {
    let mut hasher = Sha256::new();
    for program in programs {
        let content = fs::read(program)?;
        hasher.update((content.len() as u64).to_le_bytes());
        hasher.update(&content);
    }
    let digest = hasher.finalize();
    Ok(digest[..16].iter().map(|byte| format!("{byte:02x}")).collect())
}

/// How the shared library is linked: never interposable (another library exports `msb_*` names too), never
/// unloaded (its threads may still run), resolved at load and read-only after it.
fn link_arguments(target: &str) {
    if !target.contains("linux") {
        return;
    }
    for argument in [
        "-Wl,-soname,libmsb.so.0",
        "-Wl,-Bsymbolic-functions",
        "-Wl,-z,nodelete",
        "-Wl,-z,now",
        "-Wl,-z,relro",
    ] {
        println!("cargo:rustc-cdylib-link-arg={argument}");
    }
}

/// The outer target directory: the one that holds `<profile>/build/<package>/out`.
fn target_directory(out: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let directory = out
        .ancestors()
        .nth(4)
        .ok_or("OUT_DIR is not where cargo puts it")?;
    // With --target there is one more level, named after the target.
    let is_triple = directory
        .file_name()
        .is_some_and(|name| name.to_string_lossy().matches('-').count() >= 2);
    let directory = if is_triple {
        directory.parent().unwrap_or(directory)
    } else {
        directory
    };
    Ok(directory.to_path_buf())
}

/// One program built by the inner cargo.
struct Build<'a> {
    root: &'a Path,
    directory: &'a Path,
    target: &'a str,
    package: &'a str,
    profile: &'a str,
    rustflags: &'a str,
    features: Vec<&'a str>,
}

impl<'a> Build<'a> {
    fn new(root: &'a Path, directory: &'a Path, target: &'a str, package: &'a str) -> Self {
        Self {
            root,
            directory,
            target,
            package,
            profile: "dev",
            rustflags: "",
            features: Vec::new(),
        }
    }

    /// Builds it and returns where it is.
    fn run(&self) -> Result<PathBuf, Box<dyn Error>> {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let flags_variable = format!(
            "CARGO_TARGET_{}_RUSTFLAGS",
            self.target.to_uppercase().replace('-', "_")
        );
        // The outer build's flags (sanitizers, lints) are not for programs that run elsewhere.
        let status = Command::new(cargo)
            .args([
                "build",
                "--locked",
                "--package",
                self.package,
                "--profile",
                self.profile,
            ])
            .args([
                "--target",
                self.target,
                "--no-default-features",
                "--features",
                &self.features.join(","),
            ])
            .arg("--target-dir")
            .arg(self.directory)
            .current_dir(self.root)
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .env_remove("CARGO_CFG_SANITIZE")
            .env_remove("CARGO_BUILD_TARGET")
            .env_remove("RUSTC_WORKSPACE_WRAPPER")
            // Each test's home gets a copy of these programs: symbols would make them ten times as large.
            .env("CARGO_PROFILE_DEV_STRIP", "symbols")
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env(flags_variable, self.rustflags)
            .status()?;
        if !status.success() {
            return Err(format!("building {} failed", self.package).into());
        }
        let profile = if self.profile == "dev" {
            "debug"
        } else {
            self.profile
        };
        Ok(self.directory.join(self.target).join(profile).join(self.package))
    }
}
