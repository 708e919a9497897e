// The room that a home takes on disk.
import type { CallOptions } from './calls.js';

export interface StorageUsage {
  totalBytes: number;
  categories: { category: string; path: string; bytes: number; files: number }[];
}

/** One thing that `fsck` found or `prune` freed. */
export interface StorageItem {
  kind: string;
  name: string;
  path: string;
  bytes: number;
  reason: string;
  action: string;
  detail: string | null;
}

export interface StorageReport {
  /** The room of all items on disk. */
  bytes: number;
  items: StorageItem[];
}

export interface FsckOptions extends CallOptions {
  /** Mend what is found, not only report it. */
  repair?: boolean;
}

/** What to free: at least one. */
export interface PruneOptions extends CallOptions {
  /** Only tell what would be freed. */
  dryRun?: boolean;
  /** What is made or fetched again when it is needed. */
  cache?: boolean;
  /** What processes that are gone left half done. */
  temporary?: boolean;
  /** What `fsck` moved aside, for good. */
  lost?: boolean;
  /** Logs of sandboxes that do not run. */
  logs?: boolean;
  /** Copies of the database from before upgrades. */
  backups?: boolean;
  /** Images that no sandbox and no snapshot needs; they have to be pulled or loaded again. */
  images?: boolean;
}
