'use strict';
// Commands in a sandbox: how they are described, and a running one with its streams.
require('./dispose.js');
const { Socket } = require('node:net');
const native = require('./native.js');
const { direct, operate } = require('./operation.js');
const { named, signalNumber } = require('./signals.js');

const CHANNELS = { stdin: native.STDIN, stdout: native.STDOUT, stderr: native.STDERR };
const READ_BYTES = 64 * 1024;

/** What of a call's options is the operation's; the rest describes the command. Its timeout is the command's own. */
function operationOptions(options) {
  return { signal: options?.signal };
}

/** exec('ls', ['-l'], options) as a configuration, without a program the sandbox's default command, and the bytes that are its standard input if they are given. */
function execConfig(program, args = [], { signal, stdin, ...rest } = {}) {
  if (!Array.isArray(args)) throw new TypeError('the arguments of the command must be an array of strings');
  const config = { program: program ?? undefined, args, ...rest };
  if (typeof stdin === 'string' && stdin !== 'pipe' && stdin !== 'none') return { config, input: Buffer.from(stdin) };
  if (stdin instanceof Uint8Array) return { config, input: stdin };
  return { config: { ...config, stdin }, input: undefined };
}

function channelNumber(channel) {
  const number = CHANNELS[channel];
  if (number === undefined) throw new TypeError(`${String(channel)} is no channel: it is stdin, stdout or stderr`);
  return number;
}

class Exec {
  #handle;
  #streams = {};

  constructor(handle) {
    this.#handle = handle;
  }

  /** msb_exec_pid */
  get pid() {
    return native.exec_pid(this.#handle);
  }

  /** msb_exec_take_fd, once for each channel: from then on the stream is the channel. */
  #stream(channel) {
    if (!this.#streams[channel]) {
      const writable = channel === 'stdin';
      const fd = native.exec_take_fd(this.#handle, CHANNELS[channel]);
      const stream = new Socket({ fd, readable: !writable, writable });
      // As long as the stream is used the command is not given back.
      stream.exec = this;
      this.#streams[channel] = stream;
    }
    return this.#streams[channel];
  }

  get stdin() {
    return this.#stream('stdin');
  }

  get stdout() {
    return this.#stream('stdout');
  }

  get stderr() {
    return this.#stream('stderr');
  }

  /** msb_exec_read */
  read(channel = 'stdout', options) {
    return operate(options, (timeoutMs) => (
      native.exec_read(this.#handle, channelNumber(channel), options?.size ?? READ_BYTES, timeoutMs)));
  }

  /** msb_exec_write */
  write(data, options) {
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    return operate(options, (timeoutMs) => native.exec_write(this.#handle, bytes, timeoutMs));
  }

  /** msb_exec_close_stdin */
  closeStdin(options) {
    return direct(options, () => native.exec_close_stdin(this.#handle));
  }

  /** msb_exec_signal */
  signal(signal = 'SIGTERM', options) {
    return direct(options, () => native.exec_signal(this.#handle, signalNumber(signal)));
  }

  /** msb_exec_resize */
  resize(rows, cols, options) {
    return direct(options, () => {
      if (!(rows <= 0xffff && cols <= 0xffff)) throw new RangeError('a terminal has at most 65535 rows and columns');
      native.exec_resize(this.#handle, rows, cols);
    });
  }

  /** msb_exec_wait */
  async wait(options) {
    return named(await operate(options, (timeoutMs) => native.exec_wait(this.#handle, timeoutMs)));
  }

  /** msb_exec_release */
  release() {
    for (const stream of Object.values(this.#streams)) stream.destroy();
    native.release(this.#handle);
  }

  [Symbol.dispose]() {
    this.release();
  }

  /** Kills the command if it still runs, waits for its end, and gives the handle back. */
  async [Symbol.asyncDispose]() {
    if (this.pid !== 0) await this.signal('SIGKILL');
    await this.wait();
    this.release();
  }
}

module.exports = { Exec };
for (const [name, value] of Object.entries({ execConfig, operationOptions })) {
  Object.defineProperty(module.exports, name, { value, enumerable: false });
}
