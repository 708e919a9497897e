package msb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
)

// How much is moved at once between a command and a reader or writer.
const copyBytes = 256 << 10

// How much of what a failed command wrote to standard error [Cmd.Output] keeps in the [ExitError].
const keptStderrBytes = 32 << 10

var errNotStarted = errors.New("msb: the command was not started; call Start first")

// Cmd is a command in a sandbox, to be used like one of os/exec, once. Its fields are set before Start.
type Cmd struct {
	ExecConfig

	// Stdin is what the command reads; nil for nothing. Wait waits until it was read as far as the command needed it,
	// except for an *os.File, of which something may be read ahead.
	Stdin io.Reader
	// Stdout and Stderr are where the command's output goes; nil to throw it away. One writer for both is written by one
	// at a time.
	Stdout, Stderr io.Writer

	sandbox *Sandbox
	exec    *Exec
	pipes   [3]*pipe       // that were asked for before Start
	streams [3]io.Closer   // that goroutines of this package move data with
	input   sync.WaitGroup // goroutine that feeds Stdin
	output  sync.WaitGroup // goroutines that empty the outputs

	mu     sync.Mutex
	failed error // the first failure of a goroutine
}

// Command gives a command, which [Cmd.Run], [Cmd.Start], [Cmd.Output] or [Cmd.CombinedOutput] starts.
func (s *Sandbox) Command(program string, args ...string) *Cmd {
	return &Cmd{ExecConfig: ExecConfig{Program: program, Args: args}, sandbox: s}
}

// ExitError is the error of a command that did not exit with 0.
type ExitError struct {
	ExecStatus
	// Stderr is the beginning of what the command wrote there, if [Cmd.Output] ran it and nobody else wanted it.
	Stderr []byte
}

// Error says how the command ended.
func (e *ExitError) Error() string {
	switch {
	case e.TimedOut:
		return "msb: the command ran into its timeout"
	case e.Signal != 0:
		return fmt.Sprintf("msb: the command was ended by signal %d (%v)", e.Signal, syscall.Signal(e.Signal))
	default:
		return fmt.Sprintf("msb: exit status %d", e.ExitCode)
	}
}

// Run starts the command, waits for it, and kills it if the context ends first.
func (c *Cmd) Run(ctx context.Context) error {
	if err := c.Start(ctx); err != nil {
		return err
	}
	defer c.Close()
	err := c.Wait(ctx)
	if err != nil && ctx.Err() != nil {
		_ = c.Signal(syscall.SIGKILL) // fails if it is over, which is as well
	}
	return err
}

// Output runs the command and gives what it wrote to standard output.
func (c *Cmd) Output(ctx context.Context) ([]byte, error) {
	if c.Stdout != nil {
		return nil, errors.New("msb: Stdout is set already; leave it nil for Output")
	}
	var stdout bytes.Buffer
	var stderr *prefix
	c.Stdout = &stdout
	if c.Stderr == nil && c.pipes[2] == nil {
		stderr = new(prefix)
		c.Stderr = stderr
	}
	err := c.Run(ctx)
	var exit *ExitError
	if stderr != nil && errors.As(err, &exit) {
		exit.Stderr = stderr.kept
	}
	return stdout.Bytes(), err
}

// CombinedOutput runs the command and gives what it wrote to standard output and standard error.
func (c *Cmd) CombinedOutput(ctx context.Context) ([]byte, error) {
	if c.Stdout != nil || c.Stderr != nil {
		return nil, errors.New("msb: Stdout or Stderr is set already; leave them nil for CombinedOutput")
	}
	var both bytes.Buffer
	c.Stdout, c.Stderr = &both, &both
	err := c.Run(ctx)
	return both.Bytes(), err
}

// Start starts the command. After success Wait or Close must be called.
func (c *Cmd) Start(ctx context.Context) error {
	if c.exec != nil {
		return errors.New("msb: the command was started already; make another with Sandbox.Command")
	}
	stdin := c.Stdin
	if stdin == nil && c.Input != nil {
		stdin = bytes.NewReader(c.Input)
	}
	exec, err := c.sandbox.ExecStart(ctx, c.ExecConfig, stdin != nil || c.pipes[0] != nil)
	if err != nil {
		return err
	}
	c.exec = exec
	if err := c.connect(stdin); err != nil {
		c.Close()
		return err
	}
	return nil
}

// connect gives each stream to the pipe, reader or writer that wants it, or to nobody.
func (c *Cmd) connect(stdin io.Reader) error {
	stdout, stderr := c.Stdout, c.Stderr
	if sameWriter(stdout, stderr) {
		shared := &oneAtATime{to: stdout}
		stdout, stderr = shared, shared
	}
	c.drain(1, stdout)
	c.drain(2, stderr)
	if stdin == nil && c.pipes[0] == nil {
		return nil
	}
	in, err := c.exec.TakeStdin()
	if err != nil {
		return err
	}
	if c.pipes[0] != nil {
		c.pipes[0].connect(in)
		return nil
	}
	c.feed(in, stdin)
	return nil
}

// drain moves an output to its writer until its end. What nobody wants is thrown away by closing it.
func (c *Cmd) drain(which int, to io.Writer) {
	from := c.exec.output(which)
	if c.pipes[which] != nil {
		c.pipes[which].connect(from)
		return
	}
	if to == nil {
		from.Close()
		return
	}
	c.streams[which] = from
	c.output.Add(1)
	go func() {
		defer c.output.Done()
		defer from.Close()
		_, err := io.CopyBuffer(struct{ io.Writer }{to}, from, make([]byte, copyBytes))
		if !errors.Is(err, os.ErrClosed) { // Close does not wait for the end
			c.fail(err)
		}
	}()
}

// feed moves a reader to the command's input until either ends.
func (c *Cmd) feed(to *os.File, from io.Reader) {
	wait := &c.input
	if _, ok := from.(*os.File); ok {
		wait = new(sync.WaitGroup) // may never end: nobody waits
	}
	c.streams[0] = to
	wait.Add(1)
	go func() {
		defer wait.Done()
		defer to.Close()
		_, err := io.Copy(struct{ io.Writer }{to}, from)
		// A command need not read all of its input.
		if !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, os.ErrClosed) {
			c.fail(err)
		}
	}()
}

func (c *Cmd) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed == nil {
		c.failed = err
	}
}

// Wait waits for the end of the command and until all of its output has arrived. A command that did not exit with 0 is an
// [*ExitError]. If the context ends first the command goes on, and Wait can be called again. As with os/exec, what pipes
// give is to be read before.
func (c *Cmd) Wait(ctx context.Context) error {
	if c.exec == nil {
		return errNotStarted
	}
	status, err := c.exec.Wait(ctx)
	if err != nil {
		return err
	}
	if c.streams[0] != nil {
		c.streams[0].Close() // nobody reads what might still be written to it
	}
	moved := make(chan struct{})
	go func() {
		c.output.Wait()
		c.input.Wait()
		close(moved)
	}()
	select {
	case <-moved:
	case <-ctx.Done():
		return endedEarly(ctx, "the command ended, but Stdin, Stdout or Stderr were still busy with its data")
	}
	c.Close()
	if !status.Success() {
		return &ExitError{ExecStatus: status}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failed
}

// Close lets go of a command that is not waited for any more. It goes on, with its input at an end and its output thrown
// away. Afterwards Stdout and Stderr are not written to.
func (c *Cmd) Close() error {
	for _, stream := range c.streams {
		if stream != nil {
			stream.Close()
		}
	}
	if c.exec != nil {
		c.exec.Close()
	}
	c.output.Wait()
	return nil
}

// Signal sends a signal to the command's process group.
func (c *Cmd) Signal(signal syscall.Signal) error {
	if c.exec == nil {
		return errNotStarted
	}
	return c.exec.Signal(signal)
}

// Resize changes the size of the command's terminal.
func (c *Cmd) Resize(rows, cols uint16) error {
	if c.exec == nil {
		return errNotStarted
	}
	return c.exec.Resize(rows, cols)
}

// PID gives the command's process id in the guest; 0 if it does not run.
func (c *Cmd) PID() int {
	if c.exec == nil {
		return 0
	}
	return c.exec.PID()
}
