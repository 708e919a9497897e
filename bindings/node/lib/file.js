'use strict';
// Open files, of a volume or in a sandbox.
require('./dispose.js');
const native = require('./native.js');
const { operate } = require('./operation.js');
const { bytesOf } = require('./fs-options.js');

class File {
  #handle;

  constructor(handle) {
    this.#handle = handle;
  }

  /** msb_file_pread */
  pread(offset, size, options) {
    return operate(options, (timeoutMs) => native.file_pread(this.#handle, offset, size, timeoutMs));
  }

  /** msb_file_pwrite */
  pwrite(offset, data, options) {
    return operate(options, (timeoutMs) => native.file_pwrite(this.#handle, offset, bytesOf(data), timeoutMs));
  }

  /** msb_file_append */
  append(data, options) {
    return operate(options, (timeoutMs) => native.file_append(this.#handle, bytesOf(data), timeoutMs));
  }

  /** msb_file_truncate */
  truncate(size, options) {
    return operate(options, (timeoutMs) => native.file_truncate(this.#handle, size, timeoutMs));
  }

  /** msb_file_sync */
  sync(options) {
    return operate(options, (timeoutMs) => native.file_sync(this.#handle, timeoutMs));
  }

  /** msb_file_size */
  size(options) {
    return operate(options, (timeoutMs) => native.file_size(this.#handle, timeoutMs));
  }

  /** msb_file_stat */
  stat(options) {
    return operate(options, (timeoutMs) => native.file_stat(this.#handle, timeoutMs));
  }

  /** msb_file_release */
  release() {
    native.release(this.#handle);
  }

  [Symbol.dispose]() {
    this.release();
  }
}

module.exports = { File };
