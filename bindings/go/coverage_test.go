package msb

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// leftOut names what this package does without, and why. An entry that ends with `*` is for all functions that begin so.
var leftOut = map[string]string{
	"msb_*_config_from_json":          "configs are Go structs, which encoding/json reads",
	"msb_*_config_to_json":            "configs are Go structs, which encoding/json writes",
	"msb_*_filter_from_json":          "filters are Go structs",
	"msb_*_filter_to_json":            "filters are Go structs",
	"msb_backend_info_to_json":        "BackendInfo is a Go struct",
	"msb_*_config_set_name":           "the constructor takes it",
	"msb_exec_config_set_program":     "the constructor takes it",
	"msb_mount_config_set_guest_path": "the constructor takes it",

	"msb_error_status": "the call that fails returns it too",

	"msb_dispatcher_*":   "a thread that calls back; goroutines wait for the queue and read descriptors instead",
	"msb_exec_dispatch":  "a thread that calls back; see Exec.TakeStdout",
	"msb_queue_dispatch": "a thread that calls back; the queue's goroutine takes the completions",
	"msb_queue_wake":     "the queue's goroutine waits for the descriptor, and closing the queue makes that readable",
	"msb_queue_pending":  "the package counts its own waiters",

	"msb_snapshot_*": "snapshots can only be listed yet; they come to the bindings when they can be taken",

	"msb_exec_write":         "Exec.TakeStdin gives an *os.File",
	"msb_exec_write_async":   "Exec.TakeStdin gives an *os.File",
	"msb_exec_close_stdin":   "closing the *os.File of Exec.TakeStdin does it",
	"msb_volume_read":        "short for msb_volume_fs_read",
	"msb_volume_read_async":  "short for msb_volume_fs_read_async",
	"msb_volume_write":       "short for msb_volume_fs_write",
	"msb_volume_write_async": "short for msb_volume_fs_write_async",
}

func readHeader(t *testing.T) string {
	path := os.Getenv("MSB_TEST_HEADER")
	if path == "" {
		path = filepath.Join("..", "..", "include", "msb.h")
	}
	text := string(must[[]byte](t)(os.ReadFile(path)))
	comments := regexp.MustCompile(`(?s)/\*.*?\*/`)
	return comments.ReplaceAllString(text, "")
}

func statusesOf(header string) []string {
	names := regexp.MustCompile(`\bMSB_ERR_[A-Z_]+\b`).FindAllString(header, -1)
	slices.Sort(names)
	return slices.Compact(names)
}

// functionsOf gives the functions that a header declares; callbacks' types are not among them.
func functionsOf(header string) []string {
	var names []string
	for _, match := range regexp.MustCompile(`\b(msb_\w+)\s*\(`).FindAllStringSubmatch(header, -1) {
		names = append(names, match[1])
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func TestEveryFunctionIsWrappedOrLeftOutOnPurpose(t *testing.T) {
	var sources strings.Builder
	for _, path := range must[[]string](t)(filepath.Glob("*.go")) {
		if !strings.HasSuffix(path, "_test.go") {
			sources.Write(must[[]byte](t)(os.ReadFile(path)))
		}
	}
	called := make(map[string]bool)
	for _, match := range regexp.MustCompile(`\bC\.(msb_\w+)\(`).FindAllStringSubmatch(sources.String(), -1) {
		called[match[1]] = true
	}
	functions := functionsOf(readHeader(t))
	if len(functions) < 300 {
		t.Fatalf("the header has only %d functions", len(functions))
	}
	used := make(map[string]bool)
	wrapped := 0
	for _, function := range functions {
		// The blocking function of a pair is wrapped by wrapping its asynchronous twin.
		if called[function] || (called[function+"_async"] && slices.Contains(functions, function+"_async")) {
			wrapped++
			continue
		}
		if pattern := leftOutBy(function); pattern != "" {
			used[pattern] = true
			continue
		}
		t.Errorf("%s is neither wrapped nor left out on purpose", function)
	}
	for pattern := range leftOut {
		if !used[pattern] {
			t.Errorf("%s is left out, but there is nothing of that name to wrap", pattern)
		}
	}
	t.Logf("%d functions: %d wrapped, %d left out on purpose", len(functions), wrapped, len(functions)-wrapped)
}

func leftOutBy(function string) string {
	for pattern := range leftOut {
		expression := "^" + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, `\w+`) + "$"
		if regexp.MustCompile(expression).MatchString(function) {
			return pattern
		}
	}
	return ""
}
