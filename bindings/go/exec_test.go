package msb

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestACommandWithoutAProgramIsTheDefaultOne(t *testing.T) {
	ctx := testContext(t)
	box := must[*Sandbox](t)(testBackend.CreateSandbox(ctx, SandboxConfig{
		Name: boxName(t) + "-default", Image: "/", Entrypoint: []string{"/bin/echo", "entry"}, Cmd: []string{"two words"}, StopSignal: "SIGQUIT",
	}))
	t.Cleanup(func() { discard(t, box) })
	ok(t, box.Start(ctx))
	for want, args := range map[string][]string{"entry two words\n": nil, "entry other\n": {"other"}} {
		if out := must[[]byte](t)(box.Command("", args...).Output(ctx)); string(out) != want {
			t.Errorf("the default command with %q said %q", args, out)
		}
	}
	_, err := testBackend.CreateSandbox(ctx, SandboxConfig{Name: boxName(t) + "-bad", Image: "/", Cmd: []string{"a\x00b"}})
	isError(t, err, ErrInvalidArgument)
	isError(t, runningBox(t).Command("").Run(ctx), ErrInvalidArgument)
}

func shell(box *Sandbox, script string) *Cmd { return box.Command("/bin/sh", "-c", script) }

func TestExecCollectsWhatACommandWrites(t *testing.T) {
	ctx := testContext(t)
	box := runningBox(t)
	result := must[*Result](t)(box.Exec(ctx, ExecConfig{
		Program: "/bin/sh", Args: []string{"-c", "pwd; echo $KEY; cat; echo no >&2; ulimit -n; exit 3"},
		Dir: "/tmp", Env: map[string]string{"KEY": "value"}, Input: []byte("fed\n"), Rlimits: []Rlimit{{"nofile", 77, 77}},
	}))
	if result.ExitCode != 3 || result.Signal != 0 || string(result.Stdout) != "/tmp\nvalue\nfed\n77\n" || string(result.Stderr) != "no\n" {
		t.Errorf("it left %d, %q, %q", result.ExitCode, result.Stdout, result.Stderr)
	}
	result = must[*Result](t)(box.Exec(ctx, ExecConfig{Program: "printf", Args: []string{"0123456789"}, MaxOutputBytes: 4}))
	if string(result.Stdout) != "0123" || !result.StdoutTruncated || result.StdoutTotal != 10 || result.StderrTruncated {
		t.Errorf("it left %+v", result)
	}
	_, err := box.Exec(ctx, ExecConfig{Program: "sleep", Args: []string{"1000"}, Timeout: 20 * time.Millisecond})
	isError(t, err, ErrTimeout)
	isError(t, err, os.ErrDeadlineExceeded)
}

func TestACommandFeelsLikeOneOfOsExec(t *testing.T) {
	ctx := testContext(t)
	box := runningBox(t)
	var stdout, stderr bytes.Buffer
	command := shell(box, "cat; echo done; echo oops >&2")
	command.Stdin, command.Stdout, command.Stderr = strings.NewReader("in\n"), &stdout, &stderr
	ok(t, command.Run(ctx))
	if stdout.String() != "in\ndone\n" || stderr.String() != "oops\n" {
		t.Errorf("it wrote %q and %q", &stdout, &stderr)
	}
	both := must[[]byte](t)(shell(box, "echo a; echo b >&2; echo c").CombinedOutput(ctx))
	if len(both) != 6 || !bytes.Contains(both, []byte("b\n")) {
		t.Errorf("together it wrote %q", both)
	}
	_, err := shell(box, "echo why >&2; exit 7").Output(ctx)
	var exit *ExitError
	if !errors.As(err, &exit) || exit.ExitCode != 7 || string(exit.Stderr) != "why\n" || exit.Error() != "msb: exit status 7" {
		t.Errorf("the error is %v", err)
	}
	err = shell(box, "kill -9 $$").Run(ctx)
	if !errors.As(err, &exit) || exit.Signal != 9 || exit.ExitCode != -1 {
		t.Errorf("the error is %v", err)
	}
	limited := box.Command("sleep", "1000")
	limited.Timeout = 10 * time.Millisecond
	if err = limited.Run(ctx); !errors.As(err, &exit) || !exit.TimedOut {
		t.Errorf("the error is %v", err)
	}
	isError(t, box.Command("no-such-program").Run(ctx), ErrExecFailed)
}

func TestPipesGoBothWaysWhileACommandRuns(t *testing.T) {
	ctx := testContext(t)
	command := shell(runningBox(t), "echo ready; while read line; do echo got $line; done; echo bye >&2")
	in := must[io.WriteCloser](t)(command.StdinPipe())
	out := must[io.ReadCloser](t)(command.StdoutPipe())
	complaints := must[io.ReadCloser](t)(command.StderrPipe())
	if _, err := out.Read(make([]byte, 1)); err == nil {
		t.Error("a pipe was read before the start")
	}
	ok(t, command.Start(ctx))
	lines := bufio.NewReader(out)
	line := func(want string) {
		t.Helper()
		if got := must[string](t)(lines.ReadString('\n')); got != want {
			t.Fatalf("it wrote %q, not %q", got, want)
		}
	}
	line("ready\n")
	if command.PID() == 0 {
		t.Error("a command that runs has no process id")
	}
	for _, word := range []string{"one", "two"} {
		_, err := io.WriteString(in, word+"\n")
		ok(t, err)
		line("got " + word + "\n")
	}
	ok(t, in.Close())
	ok(t, in.Close())
	if rest := must[[]byte](t)(io.ReadAll(complaints)); string(rest) != "bye\n" {
		t.Errorf("it complained %q", rest)
	}
	_, err := lines.ReadByte()
	isError(t, err, io.EOF)
	ok(t, command.Wait(ctx))
	if command.PID() != 0 {
		t.Error("a command that is over has a process id")
	}
}

// slowly counts and checks what comes, and takes its time.
type slowly struct {
	count int
	wrong bool
}

func (s *slowly) Write(data []byte) (int, error) {
	for i, b := range data {
		s.wrong = s.wrong || b != byte('0'+(s.count+i)%10)
	}
	s.count += len(data)
	if s.count%7 == 0 {
		time.Sleep(time.Millisecond)
	}
	return len(data), nil
}

func TestEveryByteOfALargeOutputArrivesInOrder(t *testing.T) {
	const size = 8 << 20
	command := shell(runningBox(t), "yes 0123456789 | tr -d '\\n' | head -c 8388608")
	var sink slowly
	command.Stdout = &sink
	ok(t, command.Run(testContext(t)))
	if sink.count != size || sink.wrong {
		t.Errorf("%d bytes, in disorder: %v", sink.count, sink.wrong)
	}
}

func TestALargeInputArrivesWhole(t *testing.T) {
	const size = 4 << 20
	command := runningBox(t).Command("wc", "-c")
	command.Stdin = io.LimitReader(zeroes{}, size)
	if out := must[[]byte](t)(command.Output(testContext(t))); strings.TrimSpace(string(out)) != "4194304" {
		t.Errorf("it counted %s", out)
	}
}

type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestACommandThatReadsLittleEndsAllTheSame(t *testing.T) {
	command := runningBox(t).Command("head", "-c", "3")
	command.Stdin = io.LimitReader(zeroes{}, 64<<20)
	if out := must[[]byte](t)(command.Output(testContext(t))); len(out) != 3 {
		t.Errorf("it gave %d bytes", len(out))
	}
}

func TestAStdinFileThatNeverEndsHoldsUpNothing(t *testing.T) {
	reader, writer, err := os.Pipe()
	ok(t, err)
	defer reader.Close()
	defer writer.Close()
	command := runningBox(t).Command("true")
	command.Stdin = reader
	ok(t, command.Run(testContext(t)))
}

func TestAWriterThatFailsIsTheErrorOfTheCommand(t *testing.T) {
	command := shell(runningBox(t), "echo text")
	command.Stdout = failing{}
	isError(t, command.Run(testContext(t)), io.ErrShortBuffer)
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrShortBuffer }

func TestARunThatIsCancelledKillsItsCommand(t *testing.T) {
	box := runningBox(t)
	ctx, cancel := context.WithTimeout(testContext(t), 50*time.Millisecond)
	defer cancel()
	command := shell(box, "echo begun; exec sleep 1000")
	var out bytes.Buffer
	command.Stdout = &out
	err := command.Run(ctx)
	isError(t, err, context.DeadlineExceeded)
	if out.String() != "begun\n" {
		t.Errorf("it wrote %q", &out)
	}
	eventually(t, "the command is killed", func() bool { return noSleepers(t, box) })
}

func TestAnExecThatIsCancelledKillsItsCommand(t *testing.T) {
	box := runningBox(t)
	ctx, cancel := context.WithTimeout(testContext(t), 50*time.Millisecond)
	defer cancel()
	_, err := box.Exec(ctx, ExecConfig{Program: "sleep", Args: []string{"1000.5"}})
	isError(t, err, context.DeadlineExceeded)
	eventually(t, "the command is killed", func() bool { return noSleepers(t, box) })
}

func noSleepers(t *testing.T, box *Sandbox) bool {
	out, err := shell(box, "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '").Output(testContext(t))
	ok(t, err)
	return !bytes.Contains(out, []byte("sleep 1000.5")) && !bytes.Contains(out, []byte("exec sleep 1000"))
}

func TestAWaitThatIsCancelledLeavesItsCommandRunning(t *testing.T) {
	command := shell(runningBox(t), "read x; exit 4")
	in := must[io.WriteCloser](t)(command.StdinPipe())
	ok(t, command.Start(testContext(t)))
	ctx, cancel := context.WithTimeout(testContext(t), 10*time.Millisecond)
	defer cancel()
	isError(t, command.Wait(ctx), context.DeadlineExceeded)
	_, err := io.WriteString(in, "go\n")
	ok(t, err)
	var exit *ExitError
	if err := command.Wait(testContext(t)); !errors.As(err, &exit) || exit.ExitCode != 4 {
		t.Errorf("the error is %v", err)
	}
}

func TestASignalReachesACommand(t *testing.T) {
	command := shell(runningBox(t), "trap 'exit 5' TERM; echo ready; while :; do sleep 0.01; done")
	out := must[io.ReadCloser](t)(command.StdoutPipe())
	isError(t, command.Signal(syscall.SIGTERM), errNotStarted)
	ok(t, command.Start(testContext(t)))
	must[string](t)(bufio.NewReader(out).ReadString('\n'))
	ok(t, command.Signal(syscall.SIGTERM))
	var exit *ExitError
	if err := command.Wait(testContext(t)); !errors.As(err, &exit) || exit.ExitCode != 5 {
		t.Errorf("the error is %v", err)
	}
}

func TestATerminalHasItsSize(t *testing.T) {
	command := shell(runningBox(t), "stty size; read x; stty size")
	command.TTY, command.Rows, command.Cols = true, 11, 22
	in := must[io.WriteCloser](t)(command.StdinPipe())
	out := must[io.ReadCloser](t)(command.StdoutPipe())
	ok(t, command.Start(testContext(t)))
	lines := bufio.NewReader(out)
	if size := must[string](t)(lines.ReadString('\n')); size != "11 22\r\n" {
		t.Errorf("the size is %q", size)
	}
	ok(t, command.Resize(33, 44))
	_, err := io.WriteString(in, "\n")
	ok(t, err)
	rest := must[[]byte](t)(io.ReadAll(lines))
	if !bytes.Contains(rest, []byte("33 44")) {
		t.Errorf("the rest is %q", rest)
	}
	ok(t, command.Wait(testContext(t)))
}

func TestAStreamIsGivenAwayOnceAndTakesDeadlines(t *testing.T) {
	exec := must[*Exec](t)(runningBox(t).ExecStart(testContext(t), ExecConfig{Program: "sleep", Args: []string{"1000"}}, false))
	defer exec.Close()
	out := must[*os.File](t)(exec.TakeStdout())
	defer out.Close()
	_, err := exec.TakeStdout()
	isError(t, err, ErrInvalidState)
	ok(t, out.SetReadDeadline(time.Now().Add(10*time.Millisecond)))
	_, err = out.Read(make([]byte, 1))
	isError(t, err, os.ErrDeadlineExceeded)
	ok(t, exec.Signal(syscall.SIGKILL))
	if status := must[ExecStatus](t)(exec.Wait(testContext(t))); status.Signal != 9 || status.Success() {
		t.Errorf("it ended with %+v", status)
	}
	ok(t, exec.Close())
	isError(t, exec.Signal(syscall.SIGKILL), os.ErrClosed)
}

func TestCommandsOfASandboxThatIsKilledEndWithAnError(t *testing.T) {
	box := runningBox(t)
	command := shell(box, "echo on; exec sleep 1000")
	out := must[io.ReadCloser](t)(command.StdoutPipe())
	ok(t, command.Start(testContext(t)))
	must[string](t)(bufio.NewReader(out).ReadString('\n'))
	ok(t, box.Kill(testContext(t)))
	isError(t, command.Wait(testContext(t)), ErrNotRunning)
	ok(t, command.Close())
	isError(t, box.Command("true").Run(testContext(t)), ErrNotRunning)
}

func TestManyCommandsRunAtOnce(t *testing.T) {
	box := runningBox(t)
	var all sync.WaitGroup
	for range 16 {
		all.Add(1)
		go func() {
			defer all.Done()
			for range 8 {
				result, err := box.Exec(testContext(t), ExecConfig{Program: "echo", Args: []string{"x"}})
				if err != nil || string(result.Stdout) != "x\n" {
					t.Errorf("%+v, %v", result, err)
				}
			}
		}()
	}
	all.Wait()
}

// Cancels at all kinds of moments; no operation and no command's handle is left.
func TestCommandsThatAreCancelledAtAnyMomentLeaveNothing(t *testing.T) {
	box := runningBox(t)
	before := LiveObjects(KindExec)
	var all sync.WaitGroup
	for worker := range 4 {
		all.Add(1)
		go func() {
			defer all.Done()
			for i := range 40 {
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i*100+worker*25)*time.Microsecond)
				exec, err := box.ExecStart(ctx, ExecConfig{Program: "true"}, false)
				cancel()
				if err == nil {
					exec.Close()
				} else if !errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
				}
			}
		}()
	}
	all.Wait()
	if LiveObjects(KindOp) != 0 || LiveObjects(KindExec) != before {
		t.Errorf("left: %s", liveObjects())
	}
}
