// What calls have in common: options, cancelling, progress.
import type { AbortError, TimeoutError } from './errors.js';

/** What every asynchronous method takes, as its last argument. */
export interface CallOptions {
  /**
   * Cancels the call. It then rejects with an {@link AbortError}, unless it was done before it could be cancelled: a call that
   * has succeeded resolves. Nothing half done is left behind.
   */
  signal?: AbortSignal;
  /** How long the call may take, in milliseconds. Without it there is no limit. After it: {@link TimeoutError}. */
  timeoutMs?: number;
}

/** How far a call has come. A total is 0 while it is unknown. */
export interface Progress {
  bytesDone: number;
  bytesTotal: number;
  itemsDone: number;
  itemsTotal: number;
}

export interface ProgressOptions extends CallOptions {
  /** Called about ten times a second while the call goes on. */
  onProgress?: (progress: Progress) => void;
}

/** Whole numbers that may be larger than a number holds exactly can be given as a bigint. */
export type Integer = number | bigint;
