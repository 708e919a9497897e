/// <reference types="node" />
// Sandboxes: what they are made of, what is known of them, and what can be done with them.
import type { CallOptions, Integer, ProgressOptions } from './calls.js';
import type { Exec, ExecOptions, ExecResult } from './exec.js';
import type { FileProgress, SandboxFs } from './files.js';
import type { PullPolicy } from './image.js';

export type Resource =
  | 'cpu' | 'fsize' | 'data' | 'stack' | 'core' | 'rss' | 'nproc' | 'nofile' | 'memlock' | 'as' | 'locks' | 'sigpending'
  | 'msgqueue' | 'nice' | 'rtprio' | 'rttime';

export interface Rlimit {
  resource: Resource;
  soft: Integer;
  hard: Integer;
}

/** Something that the guest sees in its tree beside its root. One of `volume`, `bind`, `tmpfs` and `disk` is required. */
export interface Mount {
  /** Where the guest sees it: an absolute path. */
  guestPath: string;
  /** The volume of this name. */
  volume?: string;
  /** What creating the sandbox does about the volume. Default: `existing`. */
  volumeMode?: 'existing' | 'create' | 'ensure';
  volumeKind?: 'dir' | 'disk';
  volumeQuotaMib?: number;
  volumeCapacityMib?: number;
  /** A directory or a file of the host. */
  bind?: string;
  /** An empty directory in guest memory. */
  tmpfs?: boolean;
  tmpfsSizeMib?: number;
  tmpfsMode?: number;
  /** The file system in a disk image of the host. */
  disk?: string;
  diskFormat?: 'probe' | 'raw' | 'qcow2';
  diskFstype?: string;
  readOnly?: boolean;
  noexec?: boolean;
  nosuid?: boolean;
  nodev?: boolean;
  uid?: number;
  gid?: number;
}

/** One change of a sandbox's root before anybody uses it. Directories above `path` that are missing are made. */
export interface Patch {
  /**
   * `text` makes a file with `text`, `file` one with `data`; `mkdir` makes a directory, which may be there already; `append` adds
   * `text` to a file, which must be there; `copy_file` and `copy_dir` copy `source` of the host; `symlink` makes a link to
   * `target`; `remove` removes what is there, if anything is.
   */
  op: 'text' | 'file' | 'mkdir' | 'append' | 'copy_file' | 'copy_dir' | 'symlink' | 'remove';
  /** What is changed: an absolute path in the guest. */
  path: string;
  text?: string;
  /** Bytes as numbers: `Array.from(buffer)`. */
  data?: number[];
  /** A file or directory of the host. */
  source?: string;
  target?: string;
  /** Default: 0o644 for a new file, 0o755 for a new directory, and that of `source` for a copied file. */
  mode?: number;
  uid?: number;
  gid?: number;
  /** Let it take the place of what is there, which is an error otherwise. */
  replace?: boolean;
}

export interface SandboxConfig {
  /** Unique in its backend: 1 to 128 of `A-Z a-z 0-9 . _ -`, beginning with a letter or digit. */
  name: string;
  /**
   * The root file system: the path of a directory, of a disk image (raw or qcow2, with ext4, EROFS, XFS or btrfs), of an OCI
   * layout or of an archive, or the reference of an image, such as `'python:3.12'`. What begins with `/` or `.` is a path.
   */
  image: string;
  /** When the registry is asked for an image that is a reference. Default: `'if-missing'`. */
  imagePullPolicy?: PullPolicy;
  /** `overlay` keeps the guest's writes apart from the image; `bind` writes them into it. Default: `overlay`. */
  rootMode?: 'overlay' | 'bind';
  /** Where the guest's writes to its root go: `disk` survives stop and start, `tmpfs` does not. Default: `disk`. */
  upper?: 'disk' | 'tmpfs';
  /** The size of what holds those writes, in MiB. Default: 4096. */
  upperSizeMib?: number;
  cpus?: number;
  memoryMib?: number;
  /** Environment variables of every command in the sandbox. */
  env?: Record<string, string>;
  /**
   * Executable files in the guest's `/.msb/scripts`, the first directory on the PATH of every command, by their names. A text begins
   * with the line that names its interpreter.
   */
  scripts?: Record<string, string>;
  workdir?: string;
  shell?: string;
  hostname?: string;
  /** The user of commands that do not say: a name of the guest's passwd or a number, `user[:group]`. Default: root. */
  user?: string;
  /** What the default command begins with. Default: the image's; when it is set, the image's `cmd` is not used. */
  entrypoint?: string[];
  /** What the default command ends with: arguments for the entrypoint, or without one the whole command. Default: the image's. */
  cmd?: string[];
  /** The signal by which a stop asks commands to end, such as `'SIGQUIT'`. Default: the image's, else `SIGTERM`. */
  stopSignal?: string;
  /** Labels to find the sandbox by. */
  labels?: Record<string, string>;
  rlimits?: Rlimit[];
  mounts?: Mount[];
  /** Change the root in this order, at the first start, and with `upper: 'tmpfs'` at each, before anybody uses the sandbox. */
  patches?: Patch[];
  /** Remove the sandbox when it stops. */
  ephemeral?: boolean;
  /** Stop and remove another sandbox of this name first. */
  replace?: boolean;
  /** How long the sandbox being replaced has to stop before it is killed. */
  replaceTimeoutMs?: number;
  /** Stop the sandbox after this long without any activity. Default: never. */
  idleTimeoutMs?: number;
  /** Stop the sandbox after it has run this long. Default: never. */
  maxDurationMs?: number;
  /** Let the sandbox live on when this process ends. */
  detached?: boolean;
  /** The least isolation to run with: `hardware` refuses emulation. Default: `any`. */
  minIsolation?: 'any' | 'hardware';
  driver?: 'auto' | 'krun' | 'qemu' | (string & {});
  /** How long the guest has to come up. Default: 120000. */
  bootTimeoutMs?: number;
}

export type SandboxStatus = 'Created' | 'Starting' | 'Running' | 'Draining' | 'Paused' | 'Stopped' | 'Crashed';

/** Which sandboxes to list. */
export interface SandboxFilter {
  /** Only those that have all these labels. */
  labels?: Record<string, string>;
  /** Only those in one of these statuses. */
  statuses?: SandboxStatus[];
  namePrefix?: string;
  /** How many are read at once, 1 to 1000. */
  limit?: number;
  /** Where to go on. */
  cursor?: string;
}

/** How a run of a sandbox ended. */
export interface Exit {
  reason:
    | 'completed' | 'stopRequested' | 'killRequested' | 'idleTimeout' | 'maxDuration' | 'ownerExited' | 'bootFailed'
    | 'vmmCrashed' | 'protocolViolation' | 'runnerDied' | 'internalError' | 'other';
  /** Of the virtual machine monitor; null if it did not exit by itself. */
  exitCode: number | null;
  /** The name of the signal that ended the virtual machine monitor; null if none did. */
  signal: string | null;
  /** It was a crash rather than an end in order. */
  crashed: boolean;
  /** A stop had to kill. */
  killed: boolean;
  /** The guest had flushed and unmounted everything. */
  clean: boolean;
  /** Null if it never came up. */
  startedAt: Date | null;
  endedAt: Date;
}

export interface SandboxMount {
  guestPath: string;
  kind: 'volume' | 'bind' | 'tmpfs' | 'disk' | 'other';
  source: string;
  readOnly: boolean;
  noexec: boolean;
  nosuid: boolean;
  nodev: boolean;
}

/** A snapshot of a sandbox. */
export interface SandboxInfo {
  name: string;
  status: SandboxStatus;
  /** Empty if none was chosen yet. */
  driver: string;
  /** Why driver `auto` did not choose a better one; empty if there is none, or if it was asked for by name. */
  driverReason: string;
  isolation: 'hardware' | 'emulated' | '' | (string & {});
  image: string;
  cpus: number;
  memoryMib: number;
  ephemeral: boolean;
  detached: boolean;
  createdAt: Date;
  /** 0 while it does not run. */
  runnerPid: number;
  labels: Record<string, string>;
  mounts: SandboxMount[];
  /** How the last run ended; null if it runs or never ran. */
  exit: Exit | null;
  endMessage: string;
  consoleTail: string;
  /** What it was created with, as the store has it. */
  config: Record<string, unknown>;
}

/**
 * A sandbox. While this process is attached to it, it runs for as long as the process and one of its handles do: what was
 * started is kept until `stop`, `kill`, `detach` or `release`.
 */
export class Sandbox implements Disposable, AsyncDisposable {
  private constructor();
  /** The files in the running sandbox. */
  readonly fs: SandboxFs;
  info(options?: CallOptions): Promise<SandboxInfo>;
  /** Starts the sandbox; then commands can run in it. A start that is not done in time is undone. */
  start(options?: CallOptions): Promise<void>;
  /** Shuts the sandbox down: what is left of it after `timeoutMs` is killed; without it nothing is. */
  stop(options?: CallOptions): Promise<void>;
  /** Kills the machine at once. What the guest had not written out is lost. */
  kill(options?: CallOptions): Promise<void>;
  /** Waits until the sandbox is not running, and tells how its last run ended. */
  wait(options?: CallOptions): Promise<Exit>;
  /** Lets the running sandbox live on when this process ends. */
  detach(options?: CallOptions): Promise<void>;
  /** Removes the sandbox, which must not be running, with everything in it. */
  remove(options?: CallOptions): Promise<void>;
  setLabel(key: string, value: string, options?: CallOptions): Promise<void>;
  removeLabel(key: string, options?: CallOptions): Promise<void>;
  /**
   * Runs a command to its end and collects what it writes. An exit code other than 0 is not an error. Without a program it is the
   * sandbox's default command, in which the arguments take the place of its `cmd` if there are any.
   */
  exec(program?: string | null, args?: string[], options?: ExecOptions): Promise<ExecResult>;
  /** Starts a command, to stream its input and output. */
  execStart(program?: string | null, args?: string[], options?: ExecOptions): Promise<Exec>;
  /** Copies a file or a directory of the host into the running sandbox; `to` is what the copy is called. */
  copyIn(from: string, to: string, options?: ProgressOptions): Promise<FileProgress>;
  /** Copies a file or a directory of the running sandbox to the host; `to` is what the copy is called. */
  copyOut(from: string, to: string, options?: ProgressOptions): Promise<FileProgress>;
  /** Gives the handle back. A sandbox that this process is attached to shuts down with its last handle. */
  release(): void;
  /** `using`: releases. */
  [Symbol.dispose](): void;
  /** `await using`: stops the sandbox (it has 30 seconds) and releases. */
  [Symbol.asyncDispose](): Promise<void>;
}
