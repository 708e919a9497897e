package msb

// #include <msb.h>
import "C"

import (
	"context"
	"io"
	"iter"
	"runtime"
	"time"
)

// ImageLoadConfig is what [Backend.LoadImage] takes. The zero config loads the archive's only image for this host, under the
// names that the archive gives it.
type ImageLoadConfig struct {
	// Reference is what the image is to be asked for by, in place of the archive's own names.
	Reference string
	// Image is which image of the archive, by a name or digest in it.
	Image string
	// Platform is which platform's image, such as "linux/arm64/v8".
	Platform string
	// MaxEntries is how many files, directories and links a layer may have, MaxFileBytes how large its largest file may be, and
	// MaxLayerBytes how much it may unpack to; zero: a million, 64 GiB and 256 GiB.
	MaxEntries, MaxFileBytes, MaxLayerBytes uint64
}

// c makes the config in C, to be freed by the caller.
func (config *ImageLoadConfig) c() (*C.msb_image_load_config, error) {
	c := C.msb_image_load_config_new()
	if c == nil {
		return nil, outOfMemory()
	}
	b := new(builder)
	b.text("reference", config.Reference, func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_image_load_config_set_reference(c, v, err)
	})
	b.text("image", config.Image, func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_image_load_config_set_image(c, v, err)
	})
	b.text("platform", config.Platform, func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_image_load_config_set_platform(c, v, err)
	})
	number(b, config.MaxEntries, func(err **C.msb_error) C.msb_status {
		return C.msb_image_load_config_set_max_entries(c, C.uint64_t(config.MaxEntries), err)
	})
	number(b, config.MaxFileBytes, func(err **C.msb_error) C.msb_status {
		return C.msb_image_load_config_set_max_file_bytes(c, C.uint64_t(config.MaxFileBytes), err)
	})
	number(b, config.MaxLayerBytes, func(err **C.msb_error) C.msb_status {
		return C.msb_image_load_config_set_max_layer_bytes(c, C.uint64_t(config.MaxLayerBytes), err)
	})
	if b.err != nil {
		C.msb_image_load_config_free(c)
		return nil, b.err
	}
	return c, nil
}

// LoadImage loads an image from a file or directory of this host: an archive of docker, podman or skopeo, an OCI layout, or
// the tar of a root file system, each also compressed. It is there whole, or not at all. `watch`, which may be nil, is called
// now and then (msb_image_load).
func (b *Backend) LoadImage(
	ctx context.Context, path string, config ImageLoadConfig, watch func(Progress),
) (*ImageInfo, error) {
	defer runtime.KeepAlive(b)
	cPath, err := cText("path", path)
	if err != nil {
		return nil, err
	}
	c, err := config.c()
	if err != nil {
		return nil, err
	}
	defer C.msb_image_load_config_free(c)
	return b.queue.runImage(ctx, func(t ticket) C.msb_status {
		return C.msb_image_load_async(b.c(), cPath, c, t.queue, t.token, t.op, t.err)
	}, watch)
}

// LoadImageFrom loads an image from what a reader gives; an *os.File is read directly (msb_image_load_fd).
func (b *Backend) LoadImageFrom(
	ctx context.Context, from io.Reader, config ImageLoadConfig, watch func(Progress),
) (*ImageInfo, error) {
	defer runtime.KeepAlive(b)
	c, err := config.c()
	if err != nil {
		return nil, err
	}
	defer C.msb_image_load_config_free(c)
	var info *ImageInfo
	err = readThrough(ctx, from, func(ctx context.Context, fd C.int32_t) (err error) {
		info, err = b.queue.runImage(ctx, func(t ticket) C.msb_status {
			return C.msb_image_load_fd_async(b.c(), fd, c, t.queue, t.token, t.op, t.err)
		}, watch)
		return err
	})
	return info, err
}

// SaveImage saves an image as an archive that docker, podman, skopeo and LoadImage take. A file that is there is replaced once
// the archive is whole. `watch`, which may be nil, is called now and then (msb_image_save).
func (b *Backend) SaveImage(ctx context.Context, reference, path string, watch func(Progress)) error {
	cPath, err := cText("path", path)
	if err != nil {
		return err
	}
	return b.saveImage(ctx, reference, func(cReference *C.char, t ticket) C.msb_status {
		return C.msb_image_save_async(b.c(), cReference, cPath, t.queue, t.token, t.op, t.err)
	}, watch)
}

// SaveImageTo saves an image to a writer; an *os.File is written directly (msb_image_save_fd).
func (b *Backend) SaveImageTo(ctx context.Context, reference string, to io.Writer, watch func(Progress)) error {
	return writeThrough(ctx, to, func(ctx context.Context, fd C.int32_t) error {
		return b.saveImage(ctx, reference, func(cReference *C.char, t ticket) C.msb_status {
			return C.msb_image_save_fd_async(b.c(), cReference, fd, t.queue, t.token, t.op, t.err)
		}, watch)
	})
}

func (b *Backend) saveImage(
	ctx context.Context, reference string, submit func(cReference *C.char, t ticket) C.msb_status, watch func(Progress),
) error {
	defer runtime.KeepAlive(b)
	cReference, err := cText("reference", reference)
	if err != nil {
		return err
	}
	return b.queue.runWatched(ctx, func(t ticket) C.msb_status { return submit(cReference, t) }, finish, watch)
}

// runImage runs an operation whose result is an image.
func (q *queue) runImage(ctx context.Context, submit submission, watch func(Progress)) (*ImageInfo, error) {
	var out *C.msb_image_info
	err := q.runWatched(ctx, submit, func(op C.msb_op, err **C.msb_error) C.msb_status {
		return C.msb_op_take_image_info(op, &out, err)
	}, watch)
	if err != nil {
		return nil, err
	}
	defer C.msb_image_info_free(out)
	return imageInfo(out), nil
}

// RemoveImage removes an image, and from the disk what no other image has, unless a sandbox needs it (msb_image_remove).
func (b *Backend) RemoveImage(ctx context.Context, reference string) error {
	return b.withImage(ctx, reference, func(cReference *C.char, err **C.msb_error) C.msb_status {
		return C.msb_image_remove(b.c(), cReference, err)
	})
}

// Image takes a snapshot of an image, by the short form of its reference or the full one: "python" or
// "docker.io/library/python:latest" (msb_image_info_get).
func (b *Backend) Image(ctx context.Context, reference string) (*ImageInfo, error) {
	var out *C.msb_image_info
	err := b.withImage(ctx, reference, func(cReference *C.char, err **C.msb_error) C.msb_status {
		return C.msb_image_info_get(b.c(), cReference, &out, err)
	})
	if err != nil {
		return nil, err
	}
	defer C.msb_image_info_free(out)
	return imageInfo(out), nil
}

// withImage runs a call that has no asynchronous twin, since it is over at once.
func (b *Backend) withImage(
	ctx context.Context, reference string, call func(cReference *C.char, err **C.msb_error) C.msb_status,
) error {
	defer runtime.KeepAlive(b)
	if ctx.Err() != nil {
		return notBegun(ctx)
	}
	arguments := new(builder)
	arguments.always("reference", reference, call)
	return arguments.err
}

// ImageInfo is a snapshot of an image.
type ImageInfo struct {
	Reference    string // what it is asked for by, in its full form: "docker.io/library/python:3.12"
	Digest       string // of its manifest
	ConfigDigest string // empty when unknown, as are the next three
	Architecture string // such as "amd64"
	OS           string
	Variant      string // of the architecture, such as "v8"
	SizeBytes    uint64 // of its layers as they are transferred
	DiskBytes    uint64 // of its layers on this disk; other images may share them
	UniqueBytes  uint64 // of those that no other image has
	Created      time.Time
	Updated      time.Time    // when the reference last changed what it stands for
	Layers       []ImageLayer // the lowest first

	// What its commands have, unless a sandbox's configuration says otherwise.
	Env        []string // NAME=VALUE
	Entrypoint []string
	Cmd        []string // default arguments of the entrypoint; without one, the default command
	WorkingDir string   // empty for /
	User       string   // "USER[:GROUP]"; empty for root
	StopSignal string   // such as "SIGQUIT"; empty for SIGTERM
	Labels     map[string]string
}

// ImageLayer is a layer of an image.
type ImageLayer struct {
	Digest    string // as it is transferred
	DiffID    string // the digest of its archive, unpacked
	SizeBytes uint64 // as it is transferred
	DiskBytes uint64 // on this disk
}

// imageInfo copies what C owns.
func imageInfo(c *C.msb_image_info) *ImageInfo {
	info := &ImageInfo{
		Reference:    C.GoString(C.msb_image_info_reference(c)),
		Digest:       C.GoString(C.msb_image_info_digest(c)),
		ConfigDigest: C.GoString(C.msb_image_info_config_digest(c)),
		Architecture: C.GoString(C.msb_image_info_architecture(c)),
		OS:           C.GoString(C.msb_image_info_os(c)),
		Variant:      C.GoString(C.msb_image_info_variant(c)),
		SizeBytes:    uint64(C.msb_image_info_size_bytes(c)),
		DiskBytes:    uint64(C.msb_image_info_disk_bytes(c)),
		UniqueBytes:  uint64(C.msb_image_info_unique_bytes(c)),
		Created:      unixMs(C.msb_image_info_created_unix_ms(c)),
		Updated:      unixMs(C.msb_image_info_updated_unix_ms(c)),
		WorkingDir:   C.GoString(C.msb_image_info_working_dir(c)),
		User:         C.GoString(C.msb_image_info_user(c)),
		StopSignal:   C.GoString(C.msb_image_info_stop_signal(c)),
		Labels:       make(map[string]string),
	}
	for i := range C.msb_image_info_layer_count(c) {
		info.Layers = append(info.Layers, ImageLayer{
			Digest:    C.GoString(C.msb_image_info_layer_digest(c, i)),
			DiffID:    C.GoString(C.msb_image_info_layer_diff_id(c, i)),
			SizeBytes: uint64(C.msb_image_info_layer_size_bytes(c, i)),
			DiskBytes: uint64(C.msb_image_info_layer_disk_bytes(c, i)),
		})
	}
	for i := range C.msb_image_info_env_count(c) {
		info.Env = append(info.Env, C.GoString(C.msb_image_info_env(c, i)))
	}
	for i := range C.msb_image_info_entrypoint_count(c) {
		info.Entrypoint = append(info.Entrypoint, C.GoString(C.msb_image_info_entrypoint(c, i)))
	}
	for i := range C.msb_image_info_cmd_count(c) {
		info.Cmd = append(info.Cmd, C.GoString(C.msb_image_info_cmd(c, i)))
	}
	for i := range C.msb_image_info_label_count(c) {
		info.Labels[C.GoString(C.msb_image_info_label_key(c, i))] = C.GoString(C.msb_image_info_label_value(c, i))
	}
	return info
}

// ImageFilter chooses images; the zero filter takes all.
type ImageFilter struct {
	ReferencePrefix string // of the full form, such as "docker.io/library/"
	PageSize        uint32 // how many to fetch at once, 1 to 1000
}

// c makes the filter in C, to be freed by the caller.
func (filter *ImageFilter) c() (*C.msb_image_filter, error) {
	c := C.msb_image_filter_new()
	if c == nil {
		return nil, outOfMemory()
	}
	b := new(builder)
	b.text("reference_prefix", filter.ReferencePrefix, func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_image_filter_set_reference_prefix(c, v, err)
	})
	number(b, filter.PageSize, func(err **C.msb_error) C.msb_status {
		return C.msb_image_filter_set_limit(c, C.uint32_t(filter.PageSize), err)
	})
	if b.err != nil {
		C.msb_image_filter_free(c)
		return nil, b.err
	}
	return c, nil
}

// Images lists images in the order of their references (msb_image_list). It fetches a page at a time and ends after the first
// error.
func (b *Backend) Images(ctx context.Context, filter ImageFilter) iter.Seq2[*ImageInfo, error] {
	return func(yield func(*ImageInfo, error) bool) {
		defer runtime.KeepAlive(b)
		c, err := filter.c()
		if err != nil {
			yield(nil, err)
			return
		}
		defer C.msb_image_filter_free(c)
		for more := true; more; {
			var infos []*ImageInfo
			if infos, more, err = b.imagePage(ctx, c); err != nil {
				yield(nil, err)
				return
			}
			for _, info := range infos {
				if !yield(info, nil) {
					return
				}
			}
		}
	}
}

// imagePage fetches a page and moves the filter on to the next, if there is one.
func (b *Backend) imagePage(ctx context.Context, filter *C.msb_image_filter) (infos []*ImageInfo, more bool, err error) {
	if ctx.Err() != nil {
		return nil, false, notBegun(ctx)
	}
	var page *C.msb_image_page
	var cerr *C.msb_error
	if err := result(C.msb_image_list(b.c(), filter, &page, &cerr), cerr); err != nil {
		return nil, false, err
	}
	defer C.msb_image_page_free(page)
	for i := range C.msb_image_page_len(page) {
		infos = append(infos, imageInfo(C.msb_image_page_get(page, i)))
	}
	next := C.msb_image_page_next(page)
	if next == nil {
		return infos, false, nil
	}
	return infos, true, result(C.msb_image_filter_set_cursor(filter, next, &cerr), cerr)
}
