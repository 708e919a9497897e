/// <reference types="node" />
// Files, of a running sandbox or of a volume.
import type { CallOptions, Integer, ProgressOptions } from './calls.js';

/** What is known of a file. `size` beyond 2 to the 53rd is rounded, as in `fs.Stats`. */
export interface FileInfo {
  /** The last part of its name; empty for an open file. */
  name: string;
  kind: 'file' | 'directory' | 'symlink' | 'fifo' | 'socket' | 'characterDevice' | 'blockDevice' | 'other';
  size: number;
  mode: number;
  uid: number;
  gid: number;
  nlink: number;
  /** Nanoseconds since 1970 UTC. */
  accessedNs: bigint;
  modifiedNs: bigint;
  changedNs: bigint;
  inode: bigint;
  device: bigint;
}

export interface ModeOptions extends CallOptions {
  /** Permissions of what is made. Default: 0o644 for files, 0o755 for directories. */
  mode?: number;
}

export interface WriteOptions extends ModeOptions {
  /** Other readers see the old file or the new one, never a part, whatever happens meanwhile. */
  atomic?: boolean;
  /** The data go to the end of the file. */
  append?: boolean;
}

export interface ListOptions extends CallOptions {
  /** How many entries are read at once, 1 to 10000. Default: 1000. */
  pageEntries?: number;
}

/** Times to set: a Date, or nanoseconds since 1970 UTC. What is left out stays as it is. */
export interface FileTimes {
  accessed?: Date | bigint;
  modified?: Date | bigint;
}

/** As in `node:fs`. */
export type OpenFlags = 'r' | 'r+' | 'w' | 'wx' | 'w+' | 'wx+' | 'a' | 'ax' | 'a+' | 'ax+';

/** A file descriptor of this process that stays open during the call, or an object that has one, such as a `FileHandle`. */
export type Descriptor = number | { readonly fd: number };

/** Files by path: of a running sandbox, from the guest's root, or of a directory volume, beneath its root. */
export interface FileSystem {
  /** Reads a whole file of at most 1 GiB. */
  read(path: string, options?: CallOptions): Promise<Buffer>;
  write(path: string, data: string | Uint8Array, options?: WriteOptions): Promise<void>;
  /** Opens a file, to read and write parts of it. Default: `'r'`. */
  open(path: string, flags?: OpenFlags, options?: ModeOptions): Promise<File>;
  /** Every entry of a directory, in its own order. */
  list(path: string, options?: ListOptions): AsyncGenerator<FileInfo, void, undefined>;
  /** Of a symbolic link itself, unless `follow`. */
  stat(path: string, options?: CallOptions & { follow?: boolean }): Promise<FileInfo>;
  exists(path: string, options?: CallOptions): Promise<boolean>;
  /** With `parents`, makes missing parents too and succeeds if the directory is there. */
  mkdir(path: string, options?: ModeOptions & { parents?: boolean }): Promise<void>;
  /** Removes what is no directory. */
  remove(path: string, options?: CallOptions): Promise<void>;
  /** Removes a directory, which is empty unless `recursive`. */
  removeDir(path: string, options?: CallOptions & { recursive?: boolean }): Promise<void>;
  /** Copies a file or a whole directory; nothing may be at `to` yet. */
  copy(from: string, to: string, options?: ProgressOptions): Promise<void>;
  rename(from: string, to: string, options?: CallOptions): Promise<void>;
  /** Makes a link at `path` that holds `target`. */
  symlink(target: string, path: string, options?: CallOptions): Promise<void>;
  readlink(path: string, options?: CallOptions): Promise<string>;
  chmod(path: string, mode: number, options?: CallOptions): Promise<void>;
  utimes(path: string, times: FileTimes, options?: CallOptions): Promise<void>;
  /** Writes a file or a whole directory as a tar archive. */
  tarExport(path: string, file: Descriptor, options?: ProgressOptions): Promise<FileProgress>;
  /** Unpacks a tar archive, which is not trusted, beneath a directory. */
  tarImport(path: string, file: Descriptor, options?: ProgressOptions): Promise<FileProgress>;
}

/** The files in a running sandbox. */
export interface SandboxFs extends FileSystem {}

/** The files in a directory volume. No sandbox need run. */
export interface VolumeFs extends FileSystem {}

/** An open file. */
export class File implements Disposable {
  private constructor();
  /** Reads at an offset; fewer bytes than `size` mean the end of the file. */
  pread(offset: Integer, size: number, options?: CallOptions): Promise<Buffer>;
  pwrite(offset: Integer, data: string | Uint8Array, options?: CallOptions): Promise<void>;
  append(data: string | Uint8Array, options?: CallOptions): Promise<void>;
  truncate(size: Integer, options?: CallOptions): Promise<void>;
  /** Waits until everything written is on the disk. */
  sync(options?: CallOptions): Promise<void>;
  size(options?: CallOptions): Promise<number>;
  stat(options?: CallOptions): Promise<FileInfo>;
  /** Closes the file. */
  release(): void;
  /** `using`: releases. */
  [Symbol.dispose](): void;
}

/** How far an import, an export or a copy has come. */
export interface FileProgress {
  bytes: number;
  entries: number;
}
