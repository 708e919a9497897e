/// <reference types="node" />
// Volumes: what outlives sandboxes.
import type { CallOptions, Integer } from './calls.js';
import type { VolumeFs } from './files.js';

export interface VolumeConfig {
  /** Unique within the home: 1 to 128 of `A-Z a-z 0-9 . _ -`, beginning with a letter or digit. */
  name: string;
  /** A directory, or a raw ext4 image. Default: `dir`. */
  kind?: 'dir' | 'disk';
  /** Most that a directory may hold, in MiB. */
  quotaMib?: number;
  /** The size of a disk, in MiB; required for one. */
  capacityMib?: number;
  labels?: Record<string, string>;
}

/** Which volumes to list. */
export interface VolumeFilter {
  labels?: Record<string, string>;
  kind?: 'dir' | 'disk';
  namePrefix?: string;
  /** How many are read at once, 1 to 1000. */
  limit?: number;
  cursor?: string;
}

/** A snapshot of a volume. */
export interface VolumeInfo {
  name: string;
  kind: 'dir' | 'disk' | (string & {});
  path: string;
  /** 0 without a limit. */
  quotaMib: number;
  /** Of a disk. */
  capacityBytes: number;
  /** Null in a listing, which looks at no files. */
  usedBytes: number | null;
  diskFormat: string | null;
  diskFstype: string | null;
  createdAt: Date;
  updatedAt: Date;
  labels: Record<string, string>;
  /** The names of the sandboxes that have it. */
  attachedTo: string[];
}

/** What outlives sandboxes: a directory or a disk, mounted into them by name. */
export class Volume implements Disposable {
  private constructor();
  /** The files in the volume, if it is a directory. */
  readonly fs: VolumeFs;
  info(options?: CallOptions): Promise<VolumeInfo>;
  /** Short for `fs.read`. */
  read(path: string, options?: CallOptions): Promise<Buffer>;
  /** Short for `fs.write`, in place of what the file held. */
  write(path: string, data: string | Uint8Array, options?: CallOptions): Promise<void>;
  /** Makes a disk larger. */
  resize(capacityMib: Integer, options?: CallOptions): Promise<void>;
  /** Removes the volume, with everything in it. */
  remove(options?: CallOptions): Promise<void>;
  release(): void;
  /** `using`: releases. */
  [Symbol.dispose](): void;
}
