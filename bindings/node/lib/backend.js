'use strict';
// Backends: a home directory with its sandboxes, volumes and images.
require('./dispose.js');
const native = require('./native.js');
const { toText, fromText } = require('./config.js');
const { direct, operate, operateWithin } = require('./operation.js');
const { descriptor } = require('./fs-options.js');
const { Sandbox, sandboxInfo } = require('./sandbox.js');
const { Volume } = require('./volume.js');

const PRUNED = {
  cache: native.PRUNE_CACHE,
  temporary: native.PRUNE_TEMPORARY,
  lost: native.PRUNE_LOST,
  logs: native.PRUNE_LOGS,
  backups: native.PRUNE_BACKUPS,
  images: native.PRUNE_IMAGES,
};

/** Every item of a listing, page by page: `next` of one page is the cursor of the following one. */
async function* pages(options, filter, list) {
  let { cursor } = filter ?? {};
  do {
    const page = await direct(options, () => list(toText({ ...filter, cursor })));
    yield* page.items;
    cursor = page.next;
  } while (cursor !== null);
}

class Backend {
  #handle;

  constructor(handle) {
    this.#handle = handle;
  }

  /** msb_backend_new */
  static async open(config, options) {
    const handle = await operateWithin(options, () => native.backend_new(toText(config ?? {})));
    return new Backend(handle);
  }

  /** msb_backend_default */
  static default(options) {
    return direct(options, () => new Backend(native.backend_default()));
  }

  /** msb_backend_info_get */
  info(options) {
    return direct(options, () => fromText(native.backend_info_get(this.#handle).toString()));
  }

  /** msb_probe */
  probe(options) {
    return operateWithin(options, () => native.probe(this.#handle));
  }

  /** msb_sandbox_create */
  async createSandbox(config, options) {
    const handle = await operateWithin(options, () => native.sandbox_create(this.#handle, toText(config)));
    return new Sandbox(handle);
  }

  /** msb_sandbox_open */
  openSandbox(name, options) {
    return direct(options, () => new Sandbox(native.sandbox_open(this.#handle, name)));
  }

  /** msb_sandbox_list */
  async* listSandboxes(filter, options) {
    for await (const info of pages(options, filter, (text) => native.sandbox_list(this.#handle, text))) yield sandboxInfo(info);
  }

  /** msb_volume_create */
  async createVolume(config, options) {
    const handle = await operateWithin(options, () => native.volume_create(this.#handle, toText(config)));
    return new Volume(handle);
  }

  /** msb_volume_open */
  openVolume(name, options) {
    return direct(options, () => new Volume(native.volume_open(this.#handle, name)));
  }

  /** msb_volume_list */
  listVolumes(filter, options) {
    return pages(options, filter, (text) => native.volume_list(this.#handle, text));
  }

  /** msb_image_load, or msb_image_load_fd of what is no path */
  loadImage(source, config, options) {
    return operateWithin(options, () => (typeof source === 'string'
      ? native.image_load(this.#handle, source, toText(config))
      : native.image_load_fd(this.#handle, descriptor(source), toText(config))));
  }

  /** msb_image_pull */
  pullImage(reference, config, options) {
    return operateWithin(options, () => native.image_pull(this.#handle, reference, toText(config)));
  }

  /** msb_image_save, or msb_image_save_fd to what is no path */
  saveImage(reference, target, options) {
    return operateWithin(options, () => (typeof target === 'string'
      ? native.image_save(this.#handle, reference, target)
      : native.image_save_fd(this.#handle, reference, descriptor(target))));
  }

  /** msb_image_info_get */
  imageInfo(reference, options) {
    return direct(options, () => native.image_info_get(this.#handle, reference));
  }

  /** msb_image_list */
  listImages(filter, options) {
    return pages(options, filter, (text) => native.image_list(this.#handle, text));
  }

  /** msb_image_remove */
  removeImage(reference, options) {
    return direct(options, () => native.image_remove(this.#handle, reference));
  }

  /** msb_storage_usage_get */
  storageUsage(options) {
    return operateWithin(options, () => native.storage_usage_get(this.#handle));
  }

  /** msb_fsck */
  fsck(options) {
    return operateWithin(options, () => native.fsck(this.#handle, options?.repair ? native.FSCK_REPAIR : 0));
  }

  /** msb_prune */
  prune(options) {
    return operateWithin(options, () => {
      const flags = Object.entries(PRUNED).reduce((sum, [name, flag]) => (options?.[name] ? sum | flag : sum), 0);
      return native.prune(this.#handle, options?.dryRun ? flags | native.PRUNE_DRY_RUN : flags);
    });
  }

  /** msb_backend_close */
  async close(options) {
    await operate(options, (timeoutMs) => native.backend_close(this.#handle, timeoutMs));
  }

  /** msb_backend_release */
  release() {
    native.release(this.#handle);
  }

  [Symbol.dispose]() {
    this.release();
  }

  /** Closes the backend, then gives the handle back. */
  async [Symbol.asyncDispose]() {
    await this.close();
    this.release();
  }
}

module.exports = { Backend };
