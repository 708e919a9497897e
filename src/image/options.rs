//! How an image is loaded, as a caller says it.

use crate::error::MsbError;
use crate::options::check::{self, each};
use crate::options::{Options, options, verdict};

options! {
    /// How an image is loaded from an archive, a layout or the tar of a root file system.
    ImageLoadOptions for "msb_image_load_config" {
        /// What the image is to be asked for by. Unset: the names that the archive gives it.
        reference: Option<String> = None, "set_reference", since "0.1.0", check |v| each(v, check::text);
        /// Which image of the archive, by a name or digest in it. Unset: the only one.
        image: Option<String> = None, "set_image", since "0.1.0", check |v| each(v, check::text);
        /// Which platform's image, as `"linux/arm64/v8"`. Unset: this host's.
        platform: Option<String> = None, "set_platform", since "0.1.0", check |v| each(v, check::text);
    }
}

impl ImageLoadOptions {
    /// An error that lists everything that is wrong with the options.
    pub fn validate(&self) -> Result<(), MsbError> {
        verdict::<Self>(self.problems())
    }
}
