// Command consumer imports msb.h as it is: no shim in C stands between. names.go, made by tests/packaging/run, uses all of it.
package main

// #cgo pkg-config: msb
// #include <msb.h>
import "C"

import (
	"fmt"
	"os"
)

func main() {
	var backend C.msb_backend
	var failure *C.msb_error
	config := C.msb_backend_config_new()
	defer C.msb_backend_config_free(config)
	status := C.msb_backend_config_set_home(config, C.CString(os.Args[1]), &failure)
	if status == C.MSB_OK {
		status = C.msb_backend_new(config, &backend, &failure)
	}
	if status != C.MSB_OK {
		fmt.Fprintln(os.Stderr, "consumer:", C.GoString(C.msb_error_message(failure)))
		os.Exit(1)
	}
	C.msb_backend_release(&backend)
	fmt.Println(C.GoString(C.msb_version()))
}
