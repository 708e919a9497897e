/// <reference types="node" />
// Backends: a home directory with its sandboxes, volumes and images.
import type { CallOptions, ProgressOptions } from './calls.js';
import type { Descriptor } from './files.js';
import type { ImageFilter, ImageInfo, ImageLoadConfig, ImagePullConfig } from './image.js';
import type { Sandbox, SandboxConfig, SandboxFilter, SandboxInfo } from './sandbox.js';
import type { FsckOptions, PruneOptions, StorageReport, StorageUsage } from './storage.js';
import type { Volume, VolumeConfig, VolumeFilter, VolumeInfo } from './volume.js';

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
  /** Registries of images by host name, in place of the config file's. */
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

/** A home directory with its sandboxes, volumes and images. */
export class Backend implements Disposable, AsyncDisposable {
  private constructor();
  /** Opens a backend on a home directory, which is made if need be. */
  static open(config?: BackendConfig, options?: CallOptions): Promise<Backend>;
  /** The backend that the environment and the config file choose. */
  static default(options?: CallOptions): Promise<Backend>;
  info(options?: CallOptions): Promise<BackendInfo>;
  /** Finds out what this host can run, and what to do about what it cannot. */
  probe(options?: CallOptions): Promise<ProbeReport>;
  /** Creates a sandbox. It is not started, but everything that a start needs is checked, and an image that is missing is pulled. */
  createSandbox(config: SandboxConfig, options?: ProgressOptions): Promise<Sandbox>;
  /** Opens a sandbox by name, whoever created it and whether or not it runs. */
  openSandbox(name: string, options?: CallOptions): Promise<Sandbox>;
  /** Every sandbox that the filter lets through, in the order of their names. Pages of `limit` are read as they are needed. */
  listSandboxes(filter?: SandboxFilter, options?: CallOptions): AsyncGenerator<SandboxInfo, void, undefined>;
  createVolume(config: VolumeConfig, options?: CallOptions): Promise<Volume>;
  openVolume(name: string, options?: CallOptions): Promise<Volume>;
  /** Every volume that the filter lets through, in the order of their names. */
  listVolumes(filter?: VolumeFilter, options?: CallOptions): AsyncGenerator<VolumeInfo, void, undefined>;
  /**
   * Loads an image: from an archive of docker, podman or skopeo, the directory of an OCI layout, or the tar of a root file system,
   * by its path or from a file, pipe or socket that is open. It is there whole or not at all.
   */
  loadImage(source: string | Descriptor, config?: ImageLoadConfig, options?: ProgressOptions): Promise<ImageInfo>;
  /**
   * Pulls an image from its registry, unless it is there already. It is there whole, or as it was before. Creating a sandbox pulls
   * an image that is missing by itself.
   */
  pullImage(reference: string, config?: ImagePullConfig, options?: ProgressOptions): Promise<ImageInfo>;
  /**
   * Saves an image as an archive that docker, podman, skopeo and {@link loadImage} take: to a file, which is replaced once the
   * archive is whole, or to a file, pipe or socket that is open.
   */
  saveImage(reference: string, target: string | Descriptor, options?: ProgressOptions): Promise<void>;
  /** What is known of the image that has this reference: `'python'` is `'docker.io/library/python:latest'`. */
  imageInfo(reference: string, options?: CallOptions): Promise<ImageInfo>;
  /** Every image that the filter lets through, in the order of their references. */
  listImages(filter?: ImageFilter, options?: CallOptions): AsyncGenerator<ImageInfo, void, undefined>;
  /** Removes an image, with what no other image has of it. {@link BusyError} while a sandbox needs it. */
  removeImage(reference: string, options?: CallOptions): Promise<void>;
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
