// Package msb runs untrusted programs in microVM sandboxes. It is the Go face of the C library libmsb, found with pkg-config.
//
// A [Backend] owns a home directory with everything in it. It makes a [Sandbox], a virtual machine with a root directory of
// your choice, and a [Volume], a directory or disk that outlives sandboxes. Commands run in a sandbox with [Sandbox.Command],
// which feels like os/exec, or with [Sandbox.Exec], which collects what one writes.
//
// # Waiting and cancelling
//
// Whatever can block takes a [context.Context] first. When the context ends first, the operation is cancelled and waited for:
// nothing goes on behind your back, and a call that succeeded all the same returns its success. Any other outcome is an
// error for which errors.Is(err, ctx.Err()) holds. A goroutine that waits holds no operating system thread: one goroutine of each
// backend reads the completions of all of them, through the runtime's network poller.
//
// # Errors
//
// Every error of the library is an [*Error], and each [Status] is an error by itself to compare with: errors.Is(err,
// msb.ErrNotFound). The errno behind it and the errors of packages io/fs and os are found in the same way.
//
// # Lifetime
//
// Backends, sandboxes, commands, volumes and files have a Close, which may be called twice. What is forgotten is closed some time
// after it became unreachable; that is a net, not a plan. Any method may be called from any goroutine at any time.
package msb
