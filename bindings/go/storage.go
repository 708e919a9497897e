package msb

// #include <msb.h>
import "C"

import (
	"context"
	"runtime"
)

// StorageCategory is how much room one part of a home takes.
type StorageCategory struct {
	Name  string // "database", "sandboxes", "volumes", "snapshots", "images", "cache", "logs", "secrets", "programs" or "other"
	Path  string
	Bytes uint64 // on disk, holes left out
	Files uint64 // of any kind, directories included
}

// StorageUsage is how much room a home takes.
type StorageUsage struct {
	TotalBytes uint64
	Categories []StorageCategory
}

// StorageUsage measures how much room the home takes (msb_storage_usage_get).
func (b *Backend) StorageUsage(ctx context.Context) (*StorageUsage, error) {
	defer runtime.KeepAlive(b)
	var out *C.msb_storage_usage
	err := b.queue.run(ctx, func(t ticket) C.msb_status {
		return C.msb_storage_usage_get_async(b.c(), t.queue, t.token, t.op, t.err)
	}, func(op C.msb_op, err **C.msb_error) C.msb_status {
		return C.msb_op_take_storage_usage(op, &out, err)
	})
	if err != nil {
		return nil, err
	}
	defer C.msb_storage_usage_free(out)
	usage := &StorageUsage{TotalBytes: uint64(C.msb_storage_usage_total_bytes(out))}
	for i := range C.msb_storage_usage_len(out) {
		usage.Categories = append(usage.Categories, StorageCategory{
			Name:  C.GoString(C.msb_storage_usage_category(out, i)),
			Path:  C.GoString(C.msb_storage_usage_path(out, i)),
			Bytes: uint64(C.msb_storage_usage_bytes(out, i)),
			Files: uint64(C.msb_storage_usage_files(out, i)),
		})
	}
	return usage, nil
}

// StorageItem is something that [Backend.Fsck] found or [Backend.Prune] freed.
type StorageItem struct {
	Kind   string // such as "stale_lock"; the set is open
	Name   string // of the sandbox, volume or file
	Path   string // empty if it is a row that has nothing on disk
	Bytes  uint64 // that it takes on disk
	Reason string // why it is one, as a clause for people
	Action string // "none", "removed", "moved", "mended", "in_use" or "failed"
	Detail string // more about what was done, for people
}

// StorageReport is what [Backend.Fsck] found or [Backend.Prune] freed.
type StorageReport struct {
	Bytes uint64 // that all items take on disk, or took
	Items []StorageItem
}

// Fsck looks for what crashes and accidents left in the home, and with `repair` mends it. Nothing of a running sandbox is
// touched (msb_fsck).
func (b *Backend) Fsck(ctx context.Context, repair bool) (*StorageReport, error) {
	defer runtime.KeepAlive(b)
	var flags C.uint32_t
	if repair {
		flags = C.MSB_FSCK_REPAIR
	}
	var out *C.msb_fsck_report
	err := b.queue.run(ctx, func(t ticket) C.msb_status {
		return C.msb_fsck_async(b.c(), flags, t.queue, t.token, t.op, t.err)
	}, func(op C.msb_op, err **C.msb_error) C.msb_status {
		return C.msb_op_take_fsck_report(op, &out, err)
	})
	if err != nil {
		return nil, err
	}
	defer C.msb_fsck_report_free(out)
	report := &StorageReport{Bytes: uint64(C.msb_fsck_report_bytes(out))}
	for i := range C.msb_fsck_report_len(out) {
		report.Items = append(report.Items, StorageItem{
			Kind:   C.GoString(C.msb_fsck_report_kind(out, i)),
			Name:   C.GoString(C.msb_fsck_report_name(out, i)),
			Path:   C.GoString(C.msb_fsck_report_path(out, i)),
			Bytes:  uint64(C.msb_fsck_report_item_bytes(out, i)),
			Reason: C.GoString(C.msb_fsck_report_reason(out, i)),
			Action: C.GoString(C.msb_fsck_report_action(out, i)),
			Detail: C.GoString(C.msb_fsck_report_detail(out, i)),
		})
	}
	return report, nil
}

// PruneFlags say what [Backend.Prune] frees.
type PruneFlags uint32

// What there is to free. At least one beside PruneDryRun is needed.
const (
	PruneDryRun    PruneFlags = C.MSB_PRUNE_DRY_RUN   // only tell what would be freed
	PruneCache     PruneFlags = C.MSB_PRUNE_CACHE     // what is made or fetched again when it is needed
	PruneTemporary PruneFlags = C.MSB_PRUNE_TEMPORARY // what processes that are gone left half done
	PruneLost      PruneFlags = C.MSB_PRUNE_LOST      // what Fsck moved aside, for good
	PruneLogs      PruneFlags = C.MSB_PRUNE_LOGS      // logs of sandboxes that do not run
	PruneBackups   PruneFlags = C.MSB_PRUNE_BACKUPS   // copies of the database from before upgrades
	PruneImages    PruneFlags = C.MSB_PRUNE_IMAGES    // images that no sandbox and no snapshot needs
)

// Prune frees room in the home. Nothing that is in use is touched (msb_prune).
func (b *Backend) Prune(ctx context.Context, what PruneFlags) (*StorageReport, error) {
	defer runtime.KeepAlive(b)
	var out *C.msb_prune_report
	err := b.queue.run(ctx, func(t ticket) C.msb_status {
		return C.msb_prune_async(b.c(), C.uint32_t(what), t.queue, t.token, t.op, t.err)
	}, func(op C.msb_op, err **C.msb_error) C.msb_status {
		return C.msb_op_take_prune_report(op, &out, err)
	})
	if err != nil {
		return nil, err
	}
	defer C.msb_prune_report_free(out)
	report := &StorageReport{Bytes: uint64(C.msb_prune_report_bytes(out))}
	for i := range C.msb_prune_report_len(out) {
		report.Items = append(report.Items, StorageItem{
			Kind:   C.GoString(C.msb_prune_report_kind(out, i)),
			Name:   C.GoString(C.msb_prune_report_name(out, i)),
			Path:   C.GoString(C.msb_prune_report_path(out, i)),
			Bytes:  uint64(C.msb_prune_report_item_bytes(out, i)),
			Reason: C.GoString(C.msb_prune_report_reason(out, i)),
			Action: C.GoString(C.msb_prune_report_action(out, i)),
			Detail: C.GoString(C.msb_prune_report_detail(out, i)),
		})
	}
	return report, nil
}
