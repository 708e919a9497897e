package msb

// #include <msb.h>
import "C"

import (
	"runtime"
	"sync"
)

// handle is one object of the library, given back exactly once: by Close, or, as a net, when its owner became unreachable.
//
// A method of an owner begins with `defer runtime.KeepAlive(owner)`, so that the net cannot give the handle back during a
// call. A Close during a call is the library's to handle: it gives ErrStaleHandle or finishes the call.
type handle struct {
	id      C.uint64_t
	net     runtime.Cleanup
	release func() // once
}

// hold makes the handle of an owner. `release` must not refer to the owner.
func hold[T any](owner *T, id C.uint64_t, release func(id C.uint64_t)) handle {
	once := sync.OnceFunc(func() { release(id) })
	return handle{id: id, release: once, net: runtime.AddCleanup(owner, func(release func()) { release() }, once)}
}

// token is what C takes. It stays what it was after the release: the library knows it for stale.
func (h *handle) token() C.uint64_t { return h.id }

func (h *handle) close() {
	h.net.Stop()
	h.release()
}
