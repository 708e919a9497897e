package msb

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestAnErrorCanBeComparedAndTakenApart(t *testing.T) {
	_, err := testBackend.OpenSandbox(context.Background(), "nobody")
	isError(t, err, ErrNotFound)
	isError(t, err, fs.ErrNotExist)
	if errors.Is(err, ErrAlreadyExists) || errors.Is(err, fs.ErrExist) || errors.Is(err, context.Canceled) {
		t.Errorf("%v is too many things", err)
	}
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("%T is no *Error", err)
	}
	if e.Status != ErrNotFound || e.Reason == "" || e.Message == "" || e.Retryable || !strings.Contains(err.Error(), "nobody") {
		t.Errorf("the error is %+v", e)
	}
}

func TestTheNameOfWhatIsTakenIsInTheError(t *testing.T) {
	box := createdBox(t)
	name := must[*SandboxInfo](t)(box.Info(testContext(t))).Name
	_, err := testBackend.CreateSandbox(testContext(t), SandboxConfig{Name: name, Image: "/"})
	isError(t, err, ErrAlreadyExists)
	isError(t, err, fs.ErrExist)
}

func TestAnErrnoIsFoundBehindAnError(t *testing.T) {
	volume := newVolume(t, VolumeConfig{})
	_, err := volume.ReadFile(testContext(t), "missing")
	isError(t, err, ErrNotFound)
	isError(t, err, syscall.ENOENT)
	isError(t, err, fs.ErrNotExist)
	var errno syscall.Errno
	if !errors.As(err, &errno) || errno != syscall.ENOENT {
		t.Errorf("the errno is %v", errno)
	}
}

func TestAnArgumentIsNamedByItsError(t *testing.T) {
	ctx := testContext(t)
	_, err := testBackend.CreateSandbox(ctx, SandboxConfig{Name: "bad", Image: "/", RootMode: "sideways"})
	isError(t, err, ErrInvalidArgument)
	_, err = testBackend.CreateSandbox(ctx, SandboxConfig{Name: "two\x00parts", Image: "/"})
	isError(t, err, ErrInvalidArgument)
	var e *Error
	if !errors.As(err, &e) || e.Reason != "argument.nul" || e.Details["argument"] != "name" {
		t.Errorf("the error is %+v", e)
	}
	_, err = testBackend.CreateSandbox(ctx, SandboxConfig{Name: "bad", Image: "/", Env: map[string]string{"A": "\x00"}})
	isError(t, err, ErrInvalidArgument)
	_, err = testBackend.CreateSandbox(ctx, SandboxConfig{Name: "bad\xff", Image: "/"})
	if err == nil {
		t.Error("a name that is no UTF-8 was taken")
	}
	_, err = NewBackend(ctx, BackendConfig{Driver: "steam"})
	isError(t, err, ErrInvalidArgument)
}

func TestAFailedCommandNamesItsReason(t *testing.T) {
	box := runningBox(t)
	_, err := box.Exec(testContext(t), ExecConfig{Program: "/no/such/program"})
	isError(t, err, ErrExecFailed)
	var e *Error
	if !errors.As(err, &e) || e.Reason != "exec.not_found" {
		t.Errorf("the error is %+v", e)
	}
}

func TestEveryStatusOfTheHeaderHasAName(t *testing.T) {
	header := readHeader(t)
	source := string(must[[]byte](t)(os.ReadFile("error.go")))
	for _, name := range statusesOf(header) {
		if !strings.Contains(source, "C."+name+" ") {
			t.Errorf("error.go has no constant for %s", name)
		}
	}
	if ErrNotFound.Error() != "MSB_ERR_NOT_FOUND" || Status(9999).Error() != "MSB_ERR_UNKNOWN" {
		t.Errorf("the names are %v, %v", ErrNotFound, Status(9999))
	}
}

func TestTheLibraryTellsItsVersion(t *testing.T) {
	info := must[string](t)(BuildInfo())
	if Version() == "" || !strings.Contains(info, `"`+Version()+`"`) {
		t.Errorf("version %s, built as %s", Version(), info)
	}
}
