//! How an image is loaded, as a caller says it.

use super::limits;
use crate::error::MsbError;
use crate::options::check::{self, each, within};
use crate::options::{Options, options, verdict};
use msb_erofs::Limits;

options! {
    /// How an image is loaded from an archive, a layout or the tar of a root file system.
    ImageLoadOptions for "msb_image_load_config" {
        /// What the image is to be asked for by. Unset: the names that the archive gives it.
        reference: Option<String> = None, "set_reference", since "0.1.0", check |v| each(v, check::text);
        /// Which image of the archive, by a name or digest in it. Unset: the only one.
        image: Option<String> = None, "set_image", since "0.1.0", check |v| each(v, check::text);
        /// Which platform's image, as `"linux/arm64/v8"`. Unset: this host's.
        platform: Option<String> = None, "set_platform", since "0.1.0", check |v| each(v, check::text);
        /// Most files, directories and links that a layer may have, at least 1; each takes memory while the layer is made. Unset:
        /// 1000000.
        max_entries: Option<u64> = None, "set_max_entries", since "0.1.0", check |v| each(v, within(1..=u64::MAX));
        /// Largest file that a layer may have, in bytes, holes included, at least 1. Unset: 64 GiB.
        max_file_bytes: Option<u64> = None, "set_max_file_bytes", since "0.1.0", check |v| each(v, within(1..=u64::MAX));
        /// Most bytes that a layer may unpack to, at least 1. Unset: 256 GiB.
        max_layer_bytes: Option<u64> = None, "set_max_layer_bytes", since "0.1.0", check |v| each(v, within(1..=u64::MAX));
    }
}

impl ImageLoadOptions {
    /// How much is unpacked at most.
    pub fn limits(&self) -> Limits {
        limits::chosen(self.max_entries, self.max_file_bytes, self.max_layer_bytes)
    }

    /// An error that lists everything that is wrong with the options.
    pub fn validate(&self) -> Result<(), MsbError> {
        verdict::<Self>(self.problems())
    }
}
