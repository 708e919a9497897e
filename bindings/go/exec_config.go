package msb

// #include <msb.h>
import "C"

import (
	"time"
	"unsafe"
)

// ExecConfig is a command to run. What is zero is the sandbox's or the library's default.
type ExecConfig struct {
	// Program is a path in the guest, or a name that is looked for in its PATH. Empty: the sandbox's default command, in which
	// Args take the place of its own after the entrypoint.
	Program string
	// Args are the arguments after the program's own name.
	Args []string
	// Env is added to the sandbox's environment.
	Env map[string]string
	// Dir is the working directory in the guest.
	Dir string
	// User is a name of the guest's passwd or a number, perhaps with ":group".
	User string
	// TTY gives the command a terminal of Rows and Cols; its standard error then arrives with its standard output.
	TTY        bool
	Rows, Cols uint16
	// Timeout kills the command after this long.
	Timeout time.Duration
	// Rlimits are added to those of the sandbox.
	Rlimits []Rlimit
	// MaxOutputBytes is how much of each output [Sandbox.Exec] keeps: 0 for 16 MiB.
	MaxOutputBytes uint64
	// Input is what [Sandbox.Exec] gives the command as its standard input; nil for none.
	Input []byte
}

// c makes the config in C, to be freed by the caller. With `pipe`, standard input is for the host to write while the
// command runs.
func (config *ExecConfig) c(pipe bool) (*C.msb_exec_config, error) {
	var program *C.char // none for the default command
	if config.Program != "" {
		var err error
		if program, err = cText("program", config.Program); err != nil {
			return nil, err
		}
	}
	c := C.msb_exec_config_new(program)
	if c == nil {
		return nil, outOfMemory()
	}
	b := new(builder)
	config.program(c, b)
	config.terminal(c, b)
	config.limits(c, b)
	config.input(c, b, pipe)
	if b.err != nil {
		C.msb_exec_config_free(c)
		return nil, b.err
	}
	return c, nil
}

func (config *ExecConfig) program(c *C.msb_exec_config, b *builder) {
	for _, arg := range config.Args {
		b.always("args", arg, func(v *C.char, err **C.msb_error) C.msb_status {
			return C.msb_exec_config_add_arg(c, v, err)
		})
	}
	b.pairs("env", config.Env, func(key, value *C.char, err **C.msb_error) C.msb_status {
		return C.msb_exec_config_set_env(c, key, value, err)
	})
	b.text("cwd", config.Dir, func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_exec_config_set_cwd(c, v, err)
	})
	b.text("user", config.User, func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_exec_config_set_user(c, v, err)
	})
}

func (config *ExecConfig) terminal(c *C.msb_exec_config, b *builder) {
	b.flag(config.TTY, func(err **C.msb_error) C.msb_status {
		return C.msb_exec_config_set_tty(c, 1, err)
	})
	number(b, config.Rows, func(err **C.msb_error) C.msb_status {
		return C.msb_exec_config_set_rows(c, C.uint16_t(config.Rows), err)
	})
	number(b, config.Cols, func(err **C.msb_error) C.msb_status {
		return C.msb_exec_config_set_cols(c, C.uint16_t(config.Cols), err)
	})
}

func (config *ExecConfig) limits(c *C.msb_exec_config, b *builder) {
	b.milliseconds(config.Timeout, func(ms C.uint64_t, err **C.msb_error) C.msb_status {
		return C.msb_exec_config_set_timeout_ms(c, ms, err)
	})
	for _, limit := range config.Rlimits {
		b.always("rlimits", limit.Resource, func(v *C.char, err **C.msb_error) C.msb_status {
			return C.msb_exec_config_add_rlimit(c, v, C.uint64_t(limit.Soft), C.uint64_t(limit.Hard), err)
		})
	}
	number(b, config.MaxOutputBytes, func(err **C.msb_error) C.msb_status {
		return C.msb_exec_config_set_max_output_bytes(c, C.uint64_t(config.MaxOutputBytes), err)
	})
}

func (config *ExecConfig) input(c *C.msb_exec_config, b *builder, pipe bool) {
	b.flag(pipe, func(err **C.msb_error) C.msb_status {
		return C.msb_exec_config_set_stdin_pipe(c, err)
	})
	b.flag(!pipe && config.Input != nil, func(err **C.msb_error) C.msb_status {
		data := pointable(config.Input)
		return C.msb_exec_config_set_stdin(c, unsafe.Pointer(&data[0]), C.size_t(len(config.Input)), err)
	})
}

var nothing [1]byte

// pointable is data that has a first byte to point to, also if there are none.
func pointable(data []byte) []byte {
	if len(data) == 0 {
		return nothing[:]
	}
	return data
}
