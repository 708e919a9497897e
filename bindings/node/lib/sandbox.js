'use strict';
// Sandboxes: started, stopped, looked at, and what runs in them.
require('./dispose.js');
const native = require('./native.js');
const { toText } = require('./config.js');
const { direct, operate, operateWithin } = require('./operation.js');
const { Exec, execConfig, operationOptions } = require('./exec.js');
const { SandboxFs } = require('./sandbox-fs.js');
const { named } = require('./signals.js');

/** How long `await using` lets a guest shut down. */
const DISPOSE_TIMEOUT_MS = 30_000;

/**
 * The handles of sandboxes that this environment has started. Releasing the last handle to one shuts it down; that must be the
 * program's decision and not the garbage collector's.
 */
const started = new Set();

function sandboxInfo(info) {
  info.config = JSON.parse(info.config);
  if (info.exit) named(info.exit);
  return info;
}

class Sandbox {
  #handle;
  #fs;

  constructor(handle) {
    this.#handle = handle;
    this.#fs = new SandboxFs(handle);
  }

  /** The files in the running sandbox. */
  get fs() {
    return this.#fs;
  }

  /** msb_sandbox_info_get */
  info(options) {
    return direct(options, () => sandboxInfo(native.sandbox_info_get(this.#handle)));
  }

  /** msb_sandbox_start */
  async start(options) {
    await operate(options, (timeoutMs) => native.sandbox_start(this.#handle, timeoutMs));
    started.add(this.#handle);
  }

  /** msb_sandbox_stop */
  async stop(options) {
    await operate(options, (timeoutMs) => native.sandbox_stop(this.#handle, timeoutMs));
    started.delete(this.#handle);
  }

  /** msb_sandbox_kill */
  async kill(options) {
    await operate(options, (timeoutMs) => native.sandbox_kill(this.#handle, timeoutMs));
    started.delete(this.#handle);
  }

  /** msb_sandbox_wait */
  async wait(options) {
    const exit = await operate(options, (timeoutMs) => native.sandbox_wait(this.#handle, timeoutMs));
    started.delete(this.#handle);
    return named(exit);
  }

  /** msb_sandbox_detach */
  async detach(options) {
    await operateWithin(options, () => native.sandbox_detach(this.#handle));
    started.delete(this.#handle);
  }

  /** msb_sandbox_remove */
  async remove(options) {
    await operateWithin(options, () => native.sandbox_remove(this.#handle));
    started.delete(this.#handle);
  }

  /** msb_sandbox_set_label */
  setLabel(key, value, options) {
    return direct(options, () => native.sandbox_set_label(this.#handle, key, value));
  }

  /** msb_sandbox_remove_label */
  removeLabel(key, options) {
    return direct(options, () => native.sandbox_remove_label(this.#handle, key));
  }

  /** msb_sandbox_exec */
  async exec(program, args, options) {
    const { config, input } = execConfig(program, args, options);
    const submit = () => native.sandbox_exec(this.#handle, toText(config), input);
    return named(await operate(operationOptions(options), submit));
  }

  /** msb_sandbox_exec_start */
  async execStart(program, args, options) {
    const { config, input } = execConfig(program, args, options);
    if (input) config.stdin = 'pipe';
    const submit = () => native.sandbox_exec_start(this.#handle, toText(config));
    const exec = new Exec(await operate(operationOptions(options), submit));
    if (input) {
      // A command may end without having read all of its input; that is no failure.
      exec.stdin.on('error', () => {}).end(input);
    }
    return exec;
  }

  /** msb_sandbox_copy_in */
  copyIn(from, to, options) {
    return operate(options, (timeoutMs) => native.sandbox_copy_in(this.#handle, from, to, timeoutMs));
  }

  /** msb_sandbox_copy_out */
  copyOut(from, to, options) {
    return operate(options, (timeoutMs) => native.sandbox_copy_out(this.#handle, from, to, timeoutMs));
  }

  /** msb_sandbox_release */
  release() {
    started.delete(this.#handle);
    native.release(this.#handle);
  }

  [Symbol.dispose]() {
    this.release();
  }

  /** Stops the sandbox, then gives the handle back. */
  async [Symbol.asyncDispose]() {
    await this.stop({ timeoutMs: DISPOSE_TIMEOUT_MS });
    this.release();
  }
}

module.exports = { Sandbox };
Object.defineProperty(module.exports, 'sandboxInfo', { value: sandboxInfo, enumerable: false });
