package msb

import (
	"context"
	"net"
	"testing"
)

func TestAPullThatNeedsNoRegistryAsksNone(t *testing.T) {
	ctx := testContext(t)
	const reference = "127.0.0.1:1/pulled:1" // nobody listens there
	info := loaded(t, reference)
	again := must[*ImageInfo](t)(testBackend.PullImage(ctx, reference, ImagePullConfig{}, nil))
	if again.Digest != info.Digest {
		t.Errorf("%s became %s", info.Digest, again.Digest)
	}
	_, err := testBackend.PullImage(ctx, "127.0.0.1:1/missing:1", ImagePullConfig{Policy: PullNever}, nil)
	isError(t, err, ErrNotFound)
	config := SandboxConfig{Name: boxName(t), Image: "127.0.0.1:1/missing:1", ImagePullPolicy: PullNever}
	_, err = testBackend.CreateSandbox(ctx, config)
	isError(t, err, ErrNotFound)
}

func TestAPullThatIsCancelledLeavesNoImage(t *testing.T) {
	ctx := testContext(t)
	// A registry that takes connections and never answers.
	listener := must[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
	defer listener.Close()
	reference := listener.Addr().String() + "/silent:1"
	cancelled, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		_, err := testBackend.PullImage(cancelled, reference, ImagePullConfig{
			Policy: PullAlways, Platform: "linux/amd64", Username: "user", Password: "secret", Insecure: true,
		}, nil)
		ended <- err
	}()
	connection := must[net.Conn](t)(listener.Accept())
	defer connection.Close()
	cancel()
	isError(t, <-ended, context.Canceled)
	_, err := testBackend.Image(ctx, reference)
	isError(t, err, ErrNotFound)
}
