'use strict';
// The files in a running sandbox: the agent in the guest does what is asked, so every call is an operation.
const native = require('./native.js');
const { operate } = require('./operation.js');
const { File } = require('./file.js');
const { FILE_MODE, DIRECTORY_MODE, openFlags, writeFlags, bytesOf, timeNs, descriptor, entries } = require('./fs-options.js');

class SandboxFs {
  #sandbox;

  constructor(sandbox) {
    this.#sandbox = sandbox;
  }

  /** msb_sandbox_fs_read */
  read(path, options) {
    return operate(options, (timeoutMs) => native.sandbox_fs_read(this.#sandbox, path, timeoutMs));
  }

  /** msb_sandbox_fs_write */
  write(path, data, options) {
    return operate(options, (timeoutMs) => native.sandbox_fs_write(
      this.#sandbox, path, bytesOf(data), writeFlags(options), options?.mode ?? FILE_MODE, timeoutMs));
  }

  /** msb_sandbox_fs_open */
  async open(path, flags, options) {
    const handle = await operate(options, (timeoutMs) => native.sandbox_fs_open(
      this.#sandbox, path, openFlags(flags), options?.mode ?? FILE_MODE, timeoutMs));
    return new File(handle);
  }

  /** msb_sandbox_fs_list */
  list(path, options) {
    return entries(options, (cursor, limit) => operate(options, (timeoutMs) => (
      native.sandbox_fs_list(this.#sandbox, path, cursor, limit, timeoutMs))));
  }

  /** msb_sandbox_fs_stat */
  stat(path, options) {
    const flags = options?.follow ? native.STAT_FOLLOW : 0;
    return operate(options, (timeoutMs) => native.sandbox_fs_stat(this.#sandbox, path, flags, timeoutMs));
  }

  /** msb_sandbox_fs_exists */
  exists(path, options) {
    return operate(options, (timeoutMs) => native.sandbox_fs_exists(this.#sandbox, path, timeoutMs));
  }

  /** msb_sandbox_fs_mkdir */
  mkdir(path, options) {
    const flags = options?.parents ? native.MKDIR_PARENTS : 0;
    return operate(options, (timeoutMs) => (
      native.sandbox_fs_mkdir(this.#sandbox, path, options?.mode ?? DIRECTORY_MODE, flags, timeoutMs)));
  }

  /** msb_sandbox_fs_remove */
  remove(path, options) {
    return operate(options, (timeoutMs) => native.sandbox_fs_remove(this.#sandbox, path, timeoutMs));
  }

  /** msb_sandbox_fs_remove_dir */
  removeDir(path, options) {
    const flags = options?.recursive ? native.REMOVE_RECURSIVE : 0;
    return operate(options, (timeoutMs) => native.sandbox_fs_remove_dir(this.#sandbox, path, flags, timeoutMs));
  }

  /** msb_sandbox_fs_copy */
  copy(from, to, options) {
    return operate(options, (timeoutMs) => native.sandbox_fs_copy(this.#sandbox, from, to, timeoutMs));
  }

  /** msb_sandbox_fs_rename */
  rename(from, to, options) {
    return operate(options, (timeoutMs) => native.sandbox_fs_rename(this.#sandbox, from, to, timeoutMs));
  }

  /** msb_sandbox_fs_symlink */
  symlink(target, path, options) {
    return operate(options, (timeoutMs) => native.sandbox_fs_symlink(this.#sandbox, target, path, timeoutMs));
  }

  /** msb_sandbox_fs_readlink */
  async readlink(path, options) {
    const target = await operate(options, (timeoutMs) => native.sandbox_fs_readlink(this.#sandbox, path, timeoutMs));
    return target.toString();
  }

  /** msb_sandbox_fs_chmod */
  chmod(path, mode, options) {
    return operate(options, (timeoutMs) => native.sandbox_fs_chmod(this.#sandbox, path, mode, timeoutMs));
  }

  /** msb_sandbox_fs_utimes */
  utimes(path, times, options) {
    return operate(options, (timeoutMs) => native.sandbox_fs_utimes(
      this.#sandbox, path, timeNs(times.accessed), timeNs(times.modified), timeoutMs));
  }

  /** msb_sandbox_fs_tar_export */
  tarExport(path, file, options) {
    return operate(options, (timeoutMs) => native.sandbox_fs_tar_export(this.#sandbox, path, descriptor(file), timeoutMs));
  }

  /** msb_sandbox_fs_tar_import */
  tarImport(path, file, options) {
    return operate(options, (timeoutMs) => native.sandbox_fs_tar_import(this.#sandbox, path, descriptor(file), timeoutMs));
  }
}

module.exports = { SandboxFs };
