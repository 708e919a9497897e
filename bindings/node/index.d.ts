/// <reference types="node" />
import type { Socket } from 'node:net';

// ---- What calls have in common ----

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

// ---- Errors ----

/**
 * Why a call failed. There is a subclass for each status, so `instanceof` says what happened; `reason` says more exactly why.
 * Both sets are open: a newer libmsb may reject with a plain MsbError, or with a reason that is not known yet.
 */
export class MsbError extends Error {
  protected constructor();
  /** The C name of the status, such as `'MSB_ERR_NOT_FOUND'`. */
  readonly code: string;
  /** The same as a number. */
  readonly status: number;
  /** The stable dotted reason, such as `'sandbox.name_taken'`, for programs to act upon. */
  readonly reason: string;
  /** The errno of the system call that failed; 0 if none did. */
  readonly errno: number;
  /** Whether the same call, unchanged, may succeed later. */
  readonly retryable: boolean;
  /** Facts about the failure, such as `argument`, `sandbox` or `console_tail`: text, but `stdout` and `stderr` are Buffers. */
  readonly details: Readonly<Record<string, string | Buffer>>;
  /** The nearest cause, which may have a cause of its own. */
  readonly cause?: unknown;
}

/** The operation was cancelled. */
export class CancelledError extends MsbError {}

/** An AbortSignal ended the call. `name` is `'AbortError'`, as elsewhere in Node.js; `cause` is libmsb's own error. */
export class AbortError extends CancelledError {
  /** The signal's `reason`. */
  readonly abortReason: unknown;
}

/** An argument is missing, malformed or out of range; the message names it. */
export class InvalidArgumentError extends MsbError {}
/** Nothing of that name exists. */
export class NotFoundError extends MsbError {}
/** The name is taken. */
export class AlreadyExistsError extends MsbError {}
/** The object is in a state in which this cannot be done. */
export class InvalidStateError extends MsbError {}
/** The operating system denies access. */
export class PermissionDeniedError extends MsbError {}
/** A limit of the process, the system or the library is reached. */
export class ResourceExhaustedError extends MsbError {}
/** The other side does not answer now. */
export class UnavailableError extends MsbError {}
/** The time that was given has passed. */
export class TimeoutError extends MsbError {}
/** Nothing is ready and the caller asked not to wait. */
export class WouldBlockError extends MsbError {}
/** The stream has ended. */
export class EndOfStreamError extends MsbError {}
/** This build, host or driver cannot do it. */
export class UnsupportedError extends MsbError {}
/** A file or device operation failed; see `errno`. */
export class IoError extends MsbError {}
/** A network operation failed. */
export class NetworkError extends MsbError {}
/** Data does not have the form or the digest that it must have. */
export class CorruptError extends MsbError {}
/** Somebody else changed the same object first. */
export class ConflictError extends MsbError {}
/** The guest did not come up; `details` hold the `stage` and the `console_tail`. */
export class GuestFailedError extends MsbError {}
/** The command could not be started; `reason` says why, such as `'exec.not_found'`. */
export class ExecFailedError extends MsbError {}
/** The object was released. */
export class StaleHandleError extends MsbError {}
/** The handle belongs to an object of another type. */
export class WrongHandleTypeError extends MsbError {}
/** The call would wait for the thread that makes it. */
export class WouldDeadlockError extends MsbError {}
/** The process was forked after the library was first used. */
export class ForkedError extends MsbError {}
/** Header and library are of incompatible versions. */
export class AbiMismatchError extends MsbError {}
/** Memory could not be allocated. */
export class OutOfMemoryError extends MsbError {}
/** A defect of the library itself. */
export class InternalError extends MsbError {}
/** The store was written by a newer version; it was left as it was. */
export class StoreNewerError extends MsbError {}
/** The store's database is damaged. */
export class StoreCorruptError extends MsbError {}
/** The place to be written is read-only. */
export class ReadOnlyError extends MsbError {}
/** The disk or its quota is full. */
export class DiskFullError extends MsbError {}
/** A configuration cannot be used as it stands; the message names the key. */
export class ConfigInvalidError extends MsbError {}
/** No driver can run a guest on this host. */
export class DriverUnavailableError extends MsbError {}
/** No guest kernel was found; the message lists where it was looked for. */
export class KernelNotFoundError extends MsbError {}
/** This host cannot give the isolation that was asked for. */
export class IsolationUnavailableError extends MsbError {}
/** The sandbox's machine ended without being asked to. */
export class SandboxCrashedError extends MsbError {}
/** The sandbox is not running. */
export class NotRunningError extends MsbError {}
/** The object is in use. */
export class BusyError extends MsbError {}

// ---- Backends ----

/** Where the password for a registry is: exactly one of the three. */
export interface RegistryAuth {
  username: string;
  store?: 'keyring';
  password_env?: string;
  secret_name?: string;
}

/** What a registry is like, spelled as in the config file. */
export interface RegistryHost {
  /** Plain HTTP instead of HTTPS. */
  insecure?: boolean;
  auth?: RegistryAuth;
}

/** Options of a backend. What is left out is taken from the config file, and what is not there either has a default. */
export interface BackendConfig {
  /** The directory of the store, the sandboxes and all caches. Default: `$MSB_HOME`, else `~/.microsandbox`. */
  home?: string;
  /** The hypervisor driver. `auto` takes `krun` where hardware virtualization works and `qemu` elsewhere. Default: `auto`. */
  driver?: 'auto' | 'krun' | 'qemu' | (string & {});
  /** The libkrunfw library to take the guest kernel from. Default: it is looked for. */
  libkrunfwPath?: string;
  /** The qemu-system program. Default: it is looked for in `PATH`. */
  qemuPath?: string;
  /** The msb-runner program. Default: the one inside the library. */
  runnerPath?: string;
  /** Reading connections to the database, 1 to 1024. Default: 5. */
  maxConnections?: number;
  /** How long to wait for a free database connection, in seconds. Default: 30. */
  connectTimeoutSecs?: number;
  /** How long to wait for another process's write to the database, in seconds. Default: 5. */
  busyTimeoutSecs?: number;
  /** Virtual processors of a sandbox that does not say. Default: 1. */
  defaultCpus?: number;
  /** Memory in MiB of a sandbox that does not say. Default: 512. */
  defaultMemoryMib?: number;
  /** The shell that commands find in `SHELL`. Default: `/bin/sh`. */
  shell?: string;
  /** The working directory of commands in a sandbox that does not say. */
  workdir?: string;
  /** Milliseconds between two samples of a sandbox's metrics. This version takes none yet. */
  metricsSampleIntervalMs?: number;
  /** Take no samples of metrics. */
  disableMetricsSample?: boolean;
  /** How much the runners of sandboxes write to their logs. Default: `info`. */
  logLevel?: 'error' | 'warn' | 'info' | 'debug' | 'trace';
  /** A PEM file with further certificate authorities; null takes away what the config file has. */
  caCerts?: string | null;
  /** Registries of images by host name, in place of the config file's. This version fetches no images yet. */
  registryHosts?: Record<string, RegistryHost>;
  sandboxesDir?: string;
  volumesDir?: string;
  snapshotsDir?: string;
  cacheDir?: string;
  logsDir?: string;
  secretsDir?: string;
}

/** What a backend goes by. */
export interface BackendInfo {
  home: string;
  configPath: string;
  configFound: boolean;
  databasePath: string;
  sandboxesDir: string;
  volumesDir: string;
  snapshotsDir: string;
  cacheDir: string;
  logsDir: string;
  secretsDir: string;
  driver: string;
  libkrunfwPath: string | null;
  qemuPath: string | null;
  runnerPath: string | null;
  maxConnections: number;
  connectTimeoutSecs: number;
  busyTimeoutSecs: number;
  defaultCpus: number;
  defaultMemoryMib: number;
  defaultUpperSizeMib: number;
  shell: string;
  workdir: string | null;
  metricsSampleIntervalMs: number;
  disableMetricsSample: boolean;
  metricsCapacity: number;
  logLevel: string;
  activeProfile: string | null;
  caCerts: string | null;
  registryHosts: Record<string, RegistryHost>;
}

/** What this host can run. */
export interface ProbeReport {
  /** The driver that `auto` takes; empty if none works. */
  driver: string;
  isolation: string;
  checks: {
    name: string;
    ok: boolean;
    reason: string | null;
    message: string | null;
    /** What to do about it. */
    remedy: string | null;
  }[];
}

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
}

/** A home directory with its sandboxes and volumes. */
export class Backend implements Disposable, AsyncDisposable {
  private constructor();
  /** Opens a backend on a home directory, which is made if need be. */
  static open(config?: BackendConfig, options?: CallOptions): Promise<Backend>;
  /** The backend that the environment and the config file choose. */
  static default(options?: CallOptions): Promise<Backend>;
  info(options?: CallOptions): Promise<BackendInfo>;
  /** Finds out what this host can run, and what to do about what it cannot. */
  probe(options?: CallOptions): Promise<ProbeReport>;
  /** Creates a sandbox. It is not started, but everything that a start needs is checked. */
  createSandbox(config: SandboxConfig, options?: CallOptions): Promise<Sandbox>;
  /** Opens a sandbox by name, whoever created it and whether or not it runs. */
  openSandbox(name: string, options?: CallOptions): Promise<Sandbox>;
  /** Every sandbox that the filter lets through, in the order of their names. Pages of `limit` are read as they are needed. */
  listSandboxes(filter?: SandboxFilter, options?: CallOptions): AsyncGenerator<SandboxInfo, void, undefined>;
  createVolume(config: VolumeConfig, options?: CallOptions): Promise<Volume>;
  openVolume(name: string, options?: CallOptions): Promise<Volume>;
  /** Every volume that the filter lets through, in the order of their names. */
  listVolumes(filter?: VolumeFilter, options?: CallOptions): AsyncGenerator<VolumeInfo, void, undefined>;
  /** Measures how much room the home takes on disk. */
  storageUsage(options?: CallOptions): Promise<StorageUsage>;
  /** Looks for what crashes and accidents left in the home. */
  fsck(options?: FsckOptions): Promise<StorageReport>;
  /** Frees room in the home. Nothing of a running sandbox is touched. */
  prune(options: PruneOptions): Promise<StorageReport>;
  /** Shuts down the sandboxes that are attached to this process, and waits until they have ended. */
  close(options?: CallOptions): Promise<void>;
  /** Gives the handle back without waiting for anything. */
  release(): void;
  /** `using`: releases. */
  [Symbol.dispose](): void;
  /** `await using`: closes and releases. */
  [Symbol.asyncDispose](): Promise<void>;
}

// ---- Sandboxes ----

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

export interface SandboxConfig {
  /** Unique in its backend: 1 to 128 of `A-Z a-z 0-9 . _ -`, beginning with a letter or digit. */
  name: string;
  /** The root file system: the path of a directory, or of a disk image with an ext4 file system. */
  image: string;
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
  workdir?: string;
  shell?: string;
  hostname?: string;
  /** The user of commands that do not say: a name of the guest's passwd or a number, `user[:group]`. Default: root. */
  user?: string;
  /** Labels to find the sandbox by. */
  labels?: Record<string, string>;
  rlimits?: Rlimit[];
  mounts?: Mount[];
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

/** How far an import, an export or a copy has come. */
export interface FileProgress {
  bytes: number;
  entries: number;
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
  /** Runs a command to its end and collects what it writes. An exit code other than 0 is not an error. */
  exec(program: string, args?: string[], options?: ExecOptions): Promise<ExecResult>;
  /** Starts a command, to stream its input and output. */
  execStart(program: string, args?: string[], options?: ExecOptions): Promise<Exec>;
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

// ---- Commands ----

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

// ---- Files ----

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

// ---- Volumes ----

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

// ---- The library ----

/** The version of the library, such as `'0.1.0'`. */
export function version(): string;
/** The version of its binary interface. */
export function abiVersion(): number;
/** How the library was built. */
export function buildInfo(): { version: string; abiVersion: number; target: string; profile: string; features: string[] };
/** How many handles are live in the process: what a leak check compares with zero. */
export function liveObjects(
  kind?: 'all' | 'backend' | 'sandbox' | 'exec' | 'dispatcher' | 'volume' | 'file' | 'queue' | 'op',
): number;
