'use strict';
// Volumes, and the files in directory volumes. What looks at one entry only is done at once; the rest are operations.
require('./dispose.js');
const native = require('./native.js');
const { direct, operateWithin } = require('./operation.js');
const { File } = require('./file.js');
const { FILE_MODE, DIRECTORY_MODE, openFlags, writeFlags, bytesOf, timeNs, descriptor, entries } = require('./fs-options.js');

class VolumeFs {
  #volume;

  constructor(volume) {
    this.#volume = volume;
  }

  /** msb_volume_fs_read */
  read(path, options) {
    return operateWithin(options, () => native.volume_fs_read(this.#volume, path));
  }

  /** msb_volume_fs_write */
  write(path, data, options) {
    return operateWithin(options, () => native.volume_fs_write(
      this.#volume, path, bytesOf(data), writeFlags(options), options?.mode ?? FILE_MODE));
  }

  /** msb_volume_fs_open */
  open(path, flags, options) {
    return direct(options, () => (
      new File(native.volume_fs_open(this.#volume, path, openFlags(flags), options?.mode ?? FILE_MODE))));
  }

  /** msb_volume_fs_list */
  list(path, options) {
    return entries(options, (cursor, limit) => (
      operateWithin(options, () => native.volume_fs_list(this.#volume, path, cursor, limit))));
  }

  /** msb_volume_fs_stat */
  stat(path, options) {
    return direct(options, () => native.volume_fs_stat(this.#volume, path, options?.follow ? native.STAT_FOLLOW : 0));
  }

  /** msb_volume_fs_exists */
  exists(path, options) {
    return direct(options, () => native.volume_fs_exists(this.#volume, path));
  }

  /** msb_volume_fs_mkdir */
  mkdir(path, options) {
    const flags = options?.parents ? native.MKDIR_PARENTS : 0;
    return direct(options, () => native.volume_fs_mkdir(this.#volume, path, options?.mode ?? DIRECTORY_MODE, flags));
  }

  /** msb_volume_fs_remove */
  remove(path, options) {
    return direct(options, () => native.volume_fs_remove(this.#volume, path));
  }

  /** msb_volume_fs_remove_dir */
  removeDir(path, options) {
    const flags = options?.recursive ? native.REMOVE_RECURSIVE : 0;
    return operateWithin(options, () => native.volume_fs_remove_dir(this.#volume, path, flags));
  }

  /** msb_volume_fs_copy */
  copy(from, to, options) {
    return operateWithin(options, () => native.volume_fs_copy(this.#volume, from, to));
  }

  /** msb_volume_fs_rename */
  rename(from, to, options) {
    return direct(options, () => native.volume_fs_rename(this.#volume, from, to));
  }

  /** msb_volume_fs_symlink */
  symlink(target, path, options) {
    return direct(options, () => native.volume_fs_symlink(this.#volume, target, path));
  }

  /** msb_volume_fs_readlink */
  readlink(path, options) {
    return direct(options, () => native.volume_fs_readlink(this.#volume, path).toString());
  }

  /** msb_volume_fs_chmod */
  chmod(path, mode, options) {
    return direct(options, () => native.volume_fs_chmod(this.#volume, path, mode));
  }

  /** msb_volume_fs_utimes */
  utimes(path, times, options) {
    return direct(options, () => (
      native.volume_fs_utimes(this.#volume, path, timeNs(times.accessed), timeNs(times.modified))));
  }

  /** msb_volume_fs_tar_export */
  tarExport(path, file, options) {
    return operateWithin(options, () => native.volume_fs_tar_export(this.#volume, path, descriptor(file)));
  }

  /** msb_volume_fs_tar_import */
  tarImport(path, file, options) {
    return operateWithin(options, () => native.volume_fs_tar_import(this.#volume, path, descriptor(file)));
  }
}

class Volume {
  #handle;
  #fs;

  constructor(handle) {
    this.#handle = handle;
    this.#fs = new VolumeFs(handle);
  }

  /** The files in the volume, if it is a directory. */
  get fs() {
    return this.#fs;
  }

  /** msb_volume_info_get */
  info(options) {
    return direct(options, () => native.volume_info_get(this.#handle));
  }

  /** msb_volume_read */
  read(path, options) {
    return operateWithin(options, () => native.volume_read(this.#handle, path));
  }

  /** msb_volume_write */
  write(path, data, options) {
    return operateWithin(options, () => native.volume_write(this.#handle, path, bytesOf(data)));
  }

  /** msb_volume_resize */
  resize(capacityMib, options) {
    return operateWithin(options, () => native.volume_resize(this.#handle, capacityMib));
  }

  /** msb_volume_remove */
  remove(options) {
    return operateWithin(options, () => native.volume_remove(this.#handle));
  }

  /** msb_volume_release */
  release() {
    native.release(this.#handle);
  }

  [Symbol.dispose]() {
    this.release();
  }
}

module.exports = { Volume };
