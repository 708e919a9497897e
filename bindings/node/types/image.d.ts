// Images: root file systems that a home stores once, by reference, for any number of sandboxes.

/** How an image is loaded from an archive, a layout or the tar of a root file system. */
export interface ImageLoadConfig {
  /** What the image is to be asked for by. Default: the names that the archive gives it. */
  reference?: string;
  /** Which image of the archive, by a name or digest in it. Default: the only one. */
  image?: string;
  /** Which platform's image, such as `'linux/arm64/v8'`. Default: this host's. */
  platform?: string;
  /** Most files, directories and links that a layer may have. Default: 1000000. */
  maxEntries?: number;
  /** Largest file that a layer may have, in bytes. Default: 64 GiB. */
  maxFileBytes?: number;
  /** Most bytes that a layer may unpack to. Default: 256 GiB. */
  maxLayerBytes?: number;
}

/** When a registry is asked for an image: when it is missing, each time (only what is new is fetched), or never. */
export type PullPolicy = 'if-missing' | 'always' | 'never';

/** How an image is pulled from its registry. */
export interface ImagePullConfig {
  /** Default: `'if-missing'`. */
  policy?: PullPolicy;
  /** Which platform's image, such as `'linux/arm64/v8'`. Default: this host's. */
  platform?: string;
  /** Whom to log in as. Default: as `registryHosts` says, else docker's logins, else nobody. */
  credentials?: { username: string; password: string };
  /** A bearer token to show to the registry instead of logging in. */
  token?: string;
  /** Plain HTTP instead of HTTPS. Default: as `registryHosts` says. */
  insecure?: boolean;
  /** Most files, directories and links that a layer may have. Default: 1000000. */
  maxEntries?: number;
  /** Largest file that a layer may have, in bytes. Default: 64 GiB. */
  maxFileBytes?: number;
  /** Most bytes that a layer may unpack to. Default: 256 GiB. */
  maxLayerBytes?: number;
}

/** Which images to list. */
export interface ImageFilter {
  /** Only images whose reference begins so, in its full form: `docker.io/library/`. */
  referencePrefix?: string;
  /** How many are read at once, 1 to 1000. */
  limit?: number;
  /** Where to go on. */
  cursor?: string;
}

export interface ImageLayer {
  /** The digest of what it holds. */
  diffId: string;
  /** The digest of the form in which it is transferred. */
  digest: string;
  /** Its size as it is transferred. */
  sizeBytes: number;
  /** Its size on this disk. */
  diskBytes: number;
}

/** A snapshot of an image. */
export interface ImageInfo {
  /** What it is asked for by, in full: `'docker.io/library/python:3.12'`. */
  reference: string;
  digest: string;
  configDigest: string;
  architecture: string;
  os: string;
  /** The variant of the processor, such as `'v8'`; mostly empty. */
  variant: string;
  /** The size of its layers as they are transferred. */
  sizeBytes: number;
  /** The size of its layers on this disk; other images may share them. */
  diskBytes: number;
  /** What those of its layers take on this disk that no other image has: what goes with its last reference. */
  uniqueBytes: number;
  createdAt: Date;
  updatedAt: Date;
  /** The lowest first. */
  layers: ImageLayer[];
  /** What its commands have in their environment, each as `NAME=VALUE`. */
  env: string[];
  entrypoint: string[];
  /** Its default arguments; without an entrypoint its default command. */
  cmd: string[];
  /** Where its commands run; empty for `/`. */
  workingDir: string;
  /** Who they run as, `user[:group]`; empty for root. */
  user: string;
  /** The signal that asks its default command to end; empty for `SIGTERM`. */
  stopSignal: string;
  labels: Record<string, string>;
}
