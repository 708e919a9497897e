//! Configuration text from a host: reading it never panics, and what is accepted survives being written and read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use msb::backend::options::BackendOptions;
use msb::image::options::ImageLoadOptions;
use msb::image::pull_options::ImagePullOptions;
use msb::options::{Options, from_json, to_json};
use msb::sandbox::exec_options::ExecOptions;
use msb::sandbox::filter::SandboxFilter;
use msb::sandbox::mount::options::MountOptions;
use msb::sandbox::options::SandboxOptions;
use msb::sandbox::patch::options::PatchOptions;
use msb::sandbox::spec::SandboxSpec;
use msb::volume::filter::VolumeFilter;
use msb::volume::options::VolumeOptions;
use std::fmt::Debug;

fuzz_target!(|text: &str| {
    round_trip::<BackendOptions>(text);
    round_trip::<SandboxOptions>(text);
    round_trip::<MountOptions>(text);
    round_trip::<PatchOptions>(text);
    round_trip::<ImageLoadOptions>(text);
    round_trip::<ImagePullOptions>(text);
    round_trip::<ExecOptions>(text);
    round_trip::<SandboxFilter>(text);
    round_trip::<VolumeOptions>(text);
    round_trip::<VolumeFilter>(text);
    let _ = SandboxSpec::parse("fuzz", text);
});

fn round_trip<O: Options + PartialEq + Debug>(text: &str) {
    if let Ok(options) = from_json::<O>(text) {
        let written = to_json(&options).expect("what was read can be written");
        assert_eq!(from_json::<O>(&written).expect("what was written can be read"), options);
    }
}
