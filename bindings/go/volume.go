package msb

// #cgo noescape msb_volume_open
// #cgo nocallback msb_volume_open
// #cgo noescape msb_volume_release
// #cgo nocallback msb_volume_release
// #include <msb.h>
import "C"

import (
	"context"
	"iter"
	"runtime"
	"time"
)

// VolumeConfig is what [Backend.CreateVolume] takes. Name is required.
type VolumeConfig struct {
	// Name is unique in the home: 1 to 128 of A-Z a-z 0-9 . _ - beginning with a letter or digit.
	Name string
	// Kind is "dir", a directory of the host, or "disk", a raw ext4 image; unset, "dir".
	Kind string
	// QuotaMiB is the most that a directory may hold; 0 for no limit.
	QuotaMiB uint64
	// CapacityMiB is the size of a disk, at least 16.
	CapacityMiB uint64
	// Labels are to find the volume by.
	Labels map[string]string
}

// Volume is a directory or a disk that outlives sandboxes, to be mounted in them.
type Volume struct {
	handle  handle
	backend *Backend
}

// CreateVolume makes a volume; it is there whole, or not at all (msb_volume_create).
func (b *Backend) CreateVolume(ctx context.Context, config VolumeConfig) (*Volume, error) {
	defer runtime.KeepAlive(b)
	c, err := config.c()
	if err != nil {
		return nil, err
	}
	defer C.msb_volume_config_free(c)
	var out C.msb_volume
	err = b.queue.run(ctx, func(t ticket) C.msb_status {
		return C.msb_volume_create_async(b.c(), c, t.queue, t.token, t.op, t.err)
	}, func(op C.msb_op, err **C.msb_error) C.msb_status {
		return C.msb_op_take_volume(op, &out, err)
	})
	if err != nil {
		return nil, err
	}
	return b.ownVolume(out), nil
}

// c makes the config in C, to be freed by the caller.
func (config *VolumeConfig) c() (*C.msb_volume_config, error) {
	name, err := cText("name", config.Name)
	if err != nil {
		return nil, err
	}
	c := C.msb_volume_config_new(name)
	if c == nil {
		return nil, outOfMemory()
	}
	b := new(builder)
	b.text("kind", config.Kind, func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_volume_config_set_kind(c, v, err)
	})
	number(b, config.QuotaMiB, func(err **C.msb_error) C.msb_status {
		return C.msb_volume_config_set_quota_mib(c, C.uint64_t(config.QuotaMiB), err)
	})
	number(b, config.CapacityMiB, func(err **C.msb_error) C.msb_status {
		return C.msb_volume_config_set_capacity_mib(c, C.uint64_t(config.CapacityMiB), err)
	})
	b.pairs("labels", config.Labels, func(key, value *C.char, err **C.msb_error) C.msb_status {
		return C.msb_volume_config_add_label(c, key, value, err)
	})
	if b.err != nil {
		C.msb_volume_config_free(c)
		return nil, b.err
	}
	return c, nil
}

// OpenVolume gives a volume by its name (msb_volume_open).
func (b *Backend) OpenVolume(ctx context.Context, name string) (*Volume, error) {
	defer runtime.KeepAlive(b)
	if ctx.Err() != nil {
		return nil, notBegun(ctx)
	}
	cName, err := cText("name", name)
	if err != nil {
		return nil, err
	}
	var out C.msb_volume
	var cerr *C.msb_error
	if status := C.msb_volume_open(b.c(), cName, &out, &cerr); status != C.MSB_OK {
		return nil, newError(status, cerr)
	}
	return b.ownVolume(out), nil
}

func (b *Backend) ownVolume(c C.msb_volume) *Volume {
	v := &Volume{backend: b}
	v.handle = hold(v, c.id, releaseVolume)
	return v
}

func releaseVolume(id C.uint64_t) {
	handle := C.msb_volume{id: id}
	C.msb_volume_release(&handle)
}

func (v *Volume) c() C.msb_volume { return C.msb_volume{id: v.handle.token()} }

// Close gives the handle back. Closing again does nothing (msb_volume_release).
func (v *Volume) Close() error {
	v.handle.close()
	return nil
}

// run runs an operation that has no result.
func (v *Volume) run(ctx context.Context, submit submission) error {
	defer runtime.KeepAlive(v)
	return v.backend.queue.run(ctx, submit, finish)
}

// Resize gives a disk that nobody has attached a larger capacity, with everything in it kept (msb_volume_resize).
func (v *Volume) Resize(ctx context.Context, capacityMiB uint64) error {
	return v.run(ctx, func(t ticket) C.msb_status {
		return C.msb_volume_resize_async(v.c(), C.uint64_t(capacityMiB), t.queue, t.token, t.op, t.err)
	})
}

// Remove removes the volume with everything in it, unless a running sandbox has it attached (msb_volume_remove).
func (v *Volume) Remove(ctx context.Context) error {
	return v.run(ctx, func(t ticket) C.msb_status {
		return C.msb_volume_remove_async(v.c(), t.queue, t.token, t.op, t.err)
	})
}

// VolumeInfo is a snapshot of a volume.
type VolumeInfo struct {
	Name          string
	Kind          string // "dir" or "disk"
	Path          string // its directory on the host
	QuotaMiB      uint64
	CapacityBytes uint64 // of a disk
	UsedBytes     uint64 // see Measured
	Measured      bool   // whether UsedBytes and AttachedTo are known: a listing looks at neither
	DiskFormat    string
	DiskFstype    string
	Created       time.Time
	Updated       time.Time // when it was last resized, else created
	Labels        map[string]string
	AttachedTo    []string // the running sandboxes that have it
}

// Info takes a snapshot of the volume and measures what it holds (msb_volume_info_get).
func (v *Volume) Info(ctx context.Context) (*VolumeInfo, error) {
	defer runtime.KeepAlive(v)
	if ctx.Err() != nil {
		return nil, notBegun(ctx)
	}
	var out *C.msb_volume_info
	var cerr *C.msb_error
	if err := result(C.msb_volume_info_get(v.c(), &out, &cerr), cerr); err != nil {
		return nil, err
	}
	defer C.msb_volume_info_free(out)
	return volumeInfo(out), nil
}

// volumeInfo copies what C owns.
func volumeInfo(c *C.msb_volume_info) *VolumeInfo {
	info := &VolumeInfo{
		Name:          C.GoString(C.msb_volume_info_name(c)),
		Kind:          C.GoString(C.msb_volume_info_kind(c)),
		Path:          C.GoString(C.msb_volume_info_path(c)),
		QuotaMiB:      uint64(C.msb_volume_info_quota_mib(c)),
		CapacityBytes: uint64(C.msb_volume_info_capacity_bytes(c)),
		DiskFormat:    C.GoString(C.msb_volume_info_disk_format(c)),
		DiskFstype:    C.GoString(C.msb_volume_info_disk_fstype(c)),
		Created:       unixMs(C.msb_volume_info_created_unix_ms(c)),
		Updated:       unixMs(C.msb_volume_info_updated_unix_ms(c)),
		Labels:        make(map[string]string),
	}
	if used := C.msb_volume_info_used_bytes(c); used != C.MSB_NOT_MEASURED {
		info.UsedBytes, info.Measured = uint64(used), true
	}
	for i := range C.msb_volume_info_label_count(c) {
		info.Labels[C.GoString(C.msb_volume_info_label_key(c, i))] = C.GoString(C.msb_volume_info_label_value(c, i))
	}
	for i := range C.msb_volume_info_attached_count(c) {
		info.AttachedTo = append(info.AttachedTo, C.GoString(C.msb_volume_info_attached_to(c, i)))
	}
	return info
}

// VolumeFilter chooses volumes; the zero filter takes all.
type VolumeFilter struct {
	Labels     map[string]string // all of them
	Kind       string            // "dir" or "disk"; empty for both
	NamePrefix string
	PageSize   uint32 // how many to fetch at once, 1 to 1000
}

// c makes the filter in C, to be freed by the caller.
func (filter *VolumeFilter) c() (*C.msb_volume_filter, error) {
	c := C.msb_volume_filter_new()
	if c == nil {
		return nil, outOfMemory()
	}
	b := new(builder)
	b.pairs("labels", filter.Labels, func(key, value *C.char, err **C.msb_error) C.msb_status {
		return C.msb_volume_filter_add_label(c, key, value, err)
	})
	b.text("kind", filter.Kind, func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_volume_filter_set_kind(c, v, err)
	})
	b.text("name_prefix", filter.NamePrefix, func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_volume_filter_set_name_prefix(c, v, err)
	})
	number(b, filter.PageSize, func(err **C.msb_error) C.msb_status {
		return C.msb_volume_filter_set_limit(c, C.uint32_t(filter.PageSize), err)
	})
	if b.err != nil {
		C.msb_volume_filter_free(c)
		return nil, b.err
	}
	return c, nil
}

// Volumes lists volumes in the order of their names (msb_volume_list). It fetches a page at a time and ends after the first
// error.
func (b *Backend) Volumes(ctx context.Context, filter VolumeFilter) iter.Seq2[*VolumeInfo, error] {
	return func(yield func(*VolumeInfo, error) bool) {
		defer runtime.KeepAlive(b)
		c, err := filter.c()
		if err != nil {
			yield(nil, err)
			return
		}
		defer C.msb_volume_filter_free(c)
		for more := true; more; {
			var infos []*VolumeInfo
			if infos, more, err = b.volumePage(ctx, c); err != nil {
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

// volumePage fetches a page and moves the filter on to the next, if there is one.
func (b *Backend) volumePage(ctx context.Context, filter *C.msb_volume_filter) (infos []*VolumeInfo, more bool, err error) {
	if ctx.Err() != nil {
		return nil, false, notBegun(ctx)
	}
	var page *C.msb_volume_page
	var cerr *C.msb_error
	if err := result(C.msb_volume_list(b.c(), filter, &page, &cerr), cerr); err != nil {
		return nil, false, err
	}
	defer C.msb_volume_page_free(page)
	for i := range C.msb_volume_page_len(page) {
		infos = append(infos, volumeInfo(C.msb_volume_page_get(page, i)))
	}
	next := C.msb_volume_page_next(page)
	if next == nil {
		return infos, false, nil
	}
	return infos, true, result(C.msb_volume_filter_set_cursor(filter, next, &cerr), cerr)
}
