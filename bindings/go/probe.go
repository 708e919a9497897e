package msb

// #include <msb.h>
import "C"

import (
	"context"
	"runtime"
)

// ProbeReport is what this host can run, and what to do about what it cannot.
type ProbeReport struct {
	Driver    string // that "auto" takes; empty if none works
	Isolation string // "hardware" or "emulated"; empty if none works
	Checks    []ProbeCheck
}

// ProbeCheck is one thing that was looked at.
type ProbeCheck struct {
	Name    string // "kernel", "kvm" or "qemu"
	OK      bool
	Reason  string // why it cannot be used, as a stable dotted word
	Message string // what was found, as a clause for people
	Remedy  string // what to do about it, as a clause for people
}

// Probe looks at what this host can run. A missing driver is no failure of this call (msb_probe).
func (b *Backend) Probe(ctx context.Context) (*ProbeReport, error) {
	defer runtime.KeepAlive(b)
	var out *C.msb_probe_report
	err := b.queue.run(ctx, func(t ticket) C.msb_status {
		return C.msb_probe_async(b.c(), t.queue, t.token, t.op, t.err)
	}, func(op C.msb_op, err **C.msb_error) C.msb_status {
		return C.msb_op_take_probe_report(op, &out, err)
	})
	if err != nil {
		return nil, err
	}
	defer C.msb_probe_report_free(out)
	report := &ProbeReport{
		Driver:    C.GoString(C.msb_probe_report_driver(out)),
		Isolation: C.GoString(C.msb_probe_report_isolation(out)),
	}
	for i := range C.msb_probe_report_len(out) {
		report.Checks = append(report.Checks, ProbeCheck{
			Name:    C.GoString(C.msb_probe_report_name(out, i)),
			OK:      C.msb_probe_report_ok(out, i) != 0,
			Reason:  C.GoString(C.msb_probe_report_reason(out, i)),
			Message: C.GoString(C.msb_probe_report_message(out, i)),
			Remedy:  C.GoString(C.msb_probe_report_remedy(out, i)),
		})
	}
	return report, nil
}
