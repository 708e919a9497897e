package msb

import (
	"errors"
	"io"
	"os"
	"reflect"
	"sync"
	"sync/atomic"
)

// pipe is the caller's end of one stream of a command; there is something behind it once the command was started.
type pipe struct {
	stream atomic.Pointer[io.Closer] // an io.Writer for the input, an io.Reader for an output
}

func (p *pipe) connect(stream io.Closer) { p.stream.Store(&stream) }

// Read reads from an output.
func (p *pipe) Read(data []byte) (int, error) {
	if stream := p.stream.Load(); stream != nil {
		return (*stream).(io.Reader).Read(data)
	}
	return 0, errNotStarted
}

// Write writes to the input.
func (p *pipe) Write(data []byte) (int, error) {
	if stream := p.stream.Load(); stream != nil {
		return (*stream).(io.Writer).Write(data)
	}
	return 0, errNotStarted
}

// Close ends the input, or throws away what an output still gives. Closing again does nothing.
func (p *pipe) Close() error {
	if stream := p.stream.Load(); stream != nil {
		if err := (*stream).Close(); !errors.Is(err, os.ErrClosed) {
			return err
		}
	}
	return nil
}

// StdinPipe gives what the command will read, to be written and closed after Start.
func (c *Cmd) StdinPipe() (io.WriteCloser, error) { return c.newPipe(0, c.Stdin != nil) }

// StdoutPipe gives what the command will write to standard output, to be read after Start and before Wait.
func (c *Cmd) StdoutPipe() (io.ReadCloser, error) { return c.newPipe(1, c.Stdout != nil) }

// StderrPipe gives what the command will write to standard error, to be read after Start and before Wait.
func (c *Cmd) StderrPipe() (io.ReadCloser, error) { return c.newPipe(2, c.Stderr != nil) }

func (c *Cmd) newPipe(which int, taken bool) (*pipe, error) {
	if taken || c.pipes[which] != nil {
		return nil, errors.New("msb: the stream has a reader, writer or pipe already; take one of them away")
	}
	if c.exec != nil {
		return nil, errors.New("msb: the command was started already; ask for pipes before Start")
	}
	c.pipes[which] = new(pipe)
	return c.pipes[which], nil
}

// oneAtATime lets two goroutines share a writer.
type oneAtATime struct {
	mu sync.Mutex
	to io.Writer
}

func (w *oneAtATime) Write(data []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(data)
}

// prefix keeps the first bytes written to it.
type prefix struct {
	kept []byte
}

func (w *prefix) Write(data []byte) (int, error) {
	room := keptStderrBytes - len(w.kept)
	w.kept = append(w.kept, data[:min(room, len(data))]...)
	return len(data), nil
}

// sameWriter reports whether two writers are one. Types that cannot be compared are taken for different.
func sameWriter(a, b io.Writer) bool {
	return a != nil && b != nil && reflect.TypeOf(a).Comparable() && a == b
}
