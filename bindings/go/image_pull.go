package msb

// #include <msb.h>
import "C"

import (
	"context"
	"runtime"
)

// ImagePullPolicy says when a registry is asked for an image. The zero policy is [PullIfMissing].
type ImagePullPolicy uint32

// The policies of this version.
const (
	PullIfMissing ImagePullPolicy = C.MSB_IMAGE_PULL_POLICY_IF_MISSING // only if the home has no such image
	PullAlways    ImagePullPolicy = C.MSB_IMAGE_PULL_POLICY_ALWAYS     // each time; what the home has already is not fetched again
	PullNever     ImagePullPolicy = C.MSB_IMAGE_PULL_POLICY_NEVER      // an image that is missing is ErrNotFound
)

// ImagePullConfig is what [Backend.PullImage] takes. The zero config pulls what is missing, for this host.
type ImagePullConfig struct {
	Policy ImagePullPolicy
	// Platform is which platform's image, such as "linux/arm64/v8".
	Platform string
	// Username and Password are what the registry knows the caller by; Token is a bearer token in their place.
	Username, Password string
	Token              string
	// Insecure allows a registry without TLS.
	Insecure bool
	// MaxEntries is how many files, directories and links a layer may have, MaxFileBytes how large its largest file may be, and
	// MaxLayerBytes how much it may unpack to; zero: a million, 64 GiB and 256 GiB.
	MaxEntries, MaxFileBytes, MaxLayerBytes uint64
}

// c makes the config in C, to be freed by the caller.
func (config *ImagePullConfig) c() (*C.msb_image_pull_config, error) {
	c := C.msb_image_pull_config_new()
	if c == nil {
		return nil, outOfMemory()
	}
	b := new(builder)
	number(b, uint32(config.Policy), func(err **C.msb_error) C.msb_status {
		return C.msb_image_pull_config_set_policy(c, C.uint32_t(config.Policy), err)
	})
	b.text("platform", config.Platform, func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_image_pull_config_set_platform(c, v, err)
	})
	number(b, config.MaxEntries, func(err **C.msb_error) C.msb_status {
		return C.msb_image_pull_config_set_max_entries(c, C.uint64_t(config.MaxEntries), err)
	})
	number(b, config.MaxFileBytes, func(err **C.msb_error) C.msb_status {
		return C.msb_image_pull_config_set_max_file_bytes(c, C.uint64_t(config.MaxFileBytes), err)
	})
	number(b, config.MaxLayerBytes, func(err **C.msb_error) C.msb_status {
		return C.msb_image_pull_config_set_max_layer_bytes(c, C.uint64_t(config.MaxLayerBytes), err)
	})
	if config.Username != "" || config.Password != "" {
		username, password := b.c("username", config.Username), b.c("password", config.Password)
		b.call(func(err **C.msb_error) C.msb_status {
			return C.msb_image_pull_config_set_credentials(c, username, password, err)
		})
	}
	b.text("token", config.Token, func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_image_pull_config_set_token(c, v, err)
	})
	b.flag(config.Insecure, func(err **C.msb_error) C.msb_status {
		return C.msb_image_pull_config_set_insecure(c, 1, err)
	})
	if b.err != nil {
		C.msb_image_pull_config_free(c)
		return nil, b.err
	}
	return c, nil
}

// PullImage fetches an image from its registry as far as the home lacks it; it is there whole, or not at all. `watch`, which
// may be nil, is called now and then (msb_image_pull).
func (b *Backend) PullImage(
	ctx context.Context, reference string, config ImagePullConfig, watch func(Progress),
) (*ImageInfo, error) {
	defer runtime.KeepAlive(b)
	cReference, err := cText("reference", reference)
	if err != nil {
		return nil, err
	}
	c, err := config.c()
	if err != nil {
		return nil, err
	}
	defer C.msb_image_pull_config_free(c)
	return b.queue.runImage(ctx, func(t ticket) C.msb_status {
		return C.msb_image_pull_async(b.c(), cReference, c, t.queue, t.token, t.op, t.err)
	}, watch)
}
