/// <reference types="node" />
// Commands in a sandbox: collected, and streamed.
import type { Socket } from 'node:net';
import type { CallOptions } from './calls.js';
import type { TimeoutError } from './errors.js';
import type { Rlimit } from './sandbox.js';

export interface ExecOptions {
  /** Cancels the call: a command that is started or collected is killed. A command that `execStart` gave goes on. */
  signal?: AbortSignal;
  /** Kills the command after this long. `exec` then rejects with a {@link TimeoutError}; `wait` says `timedOut`. */
  timeoutMs?: number;
  /** Environment variables, added to those of the sandbox. */
  env?: Record<string, string>;
  /** The working directory in the guest. */
  cwd?: string;
  /** The user, `user[:group]`. Default: the sandbox's. */
  user?: string;
  /** Give the command a terminal; its standard error then arrives with its standard output. */
  tty?: boolean;
  rows?: number;
  cols?: number;
  rlimits?: Rlimit[];
  /** How much of each output `exec` keeps, in bytes. */
  maxOutputBytes?: number;
  /**
   * The standard input: nothing, a pipe to write to (for `execStart`), or the text or bytes themselves. A text that is one of
   * these two words is given as bytes. Default: `'none'`.
   */
  stdin?: 'none' | 'pipe' | Uint8Array | (string & {});
}

/** What a collected command left behind. */
export interface ExecResult {
  /** Null if a signal ended the command. */
  exitCode: number | null;
  /** The name of that signal; null if none did. */
  signal: string | null;
  stdout: Buffer;
  stderr: Buffer;
  /** The command wrote more than was kept. */
  stdoutTruncated: boolean;
  stderrTruncated: boolean;
  /** How much it wrote, in bytes. */
  stdoutTotal: number;
  stderrTotal: number;
}

/** How a command ended. */
export interface ExecStatus {
  /** Null if a signal ended the command. */
  exitCode: number | null;
  signal: string | null;
  /** The command's own timeout ended it. */
  timedOut: boolean;
  /** Something that the command started still held its output open; what that writes is thrown away. */
  outputOpen: boolean;
}

/**
 * A command that was started. Its streams are made when they are first looked at. An output that nobody reads holds the command
 * up once about 1 MiB is waiting.
 */
export class Exec implements Disposable, AsyncDisposable {
  private constructor();
  /** Its process id in the guest; 0 when it is over. */
  readonly pid: number;
  /** Its standard input, if it was started with `stdin: 'pipe'`. `end()` is its end of file. */
  readonly stdin: Socket;
  /** Its standard output; with a terminal, everything it prints. Reading slowly holds the command up, nothing is lost. */
  readonly stdout: Socket;
  readonly stderr: Socket;
  /** Reads at least one byte, without a stream; an empty Buffer is the end. Not for a channel whose stream was looked at. */
  read(channel?: 'stdout' | 'stderr', options?: CallOptions & { size?: number }): Promise<Buffer>;
  /** Writes all of it, without a stream, and gives the number of bytes. */
  write(data: string | Uint8Array, options?: CallOptions): Promise<number>;
  closeStdin(options?: CallOptions): Promise<void>;
  /** Sends a signal to the command's process group: a name such as `'SIGTERM'`, the default, or Linux's number. */
  signal(signal?: string | number, options?: CallOptions): Promise<void>;
  /** Changes the size of the command's terminal. */
  resize(rows: number, cols: number, options?: CallOptions): Promise<void>;
  /** Waits for the end of the command. It goes on if the wait ends first. */
  wait(options?: CallOptions): Promise<ExecStatus>;
  /** Gives the handle and the streams back. The command goes on; its input ends, and what it still writes is thrown away. */
  release(): void;
  /** `using`: releases. */
  [Symbol.dispose](): void;
  /** `await using`: kills the command if it still runs, waits for its end, and releases. */
  [Symbol.asyncDispose](): Promise<void>;
}
