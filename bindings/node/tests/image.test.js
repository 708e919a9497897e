'use strict';
// Images: loaded from archives, layouts and descriptors, listed, looked at, used as roots and removed.
const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { AbortError, BusyError, CorruptError, InvalidArgumentError, NotFoundError } = require('..');
const { ociArchive, rootTar } = require('./archives.js');
const { collect, createdBox, openBackend } = require('./support.js');

test('an_image_tells_what_its_archive_says', async (t) => {
  const { backend, home } = await openBackend(t);
  const info = await backend.loadImage(ociArchive(home), { reference: 'tool:1' });
  assert.equal(info.reference, 'docker.io/library/tool:1');
  assert.match(info.digest, /^sha256:[0-9a-f]{64}$/);
  assert.match(info.configDigest, /^sha256:[0-9a-f]{64}$/);
  const { os, env, entrypoint, cmd, user, workingDir, stopSignal, labels, variant } = info;
  assert.deepEqual({ os, env, entrypoint, cmd, user, workingDir, stopSignal, labels, variant }, {
    os: 'linux', env: ['A=1', 'B=2'], entrypoint: ['/bin/sh'], cmd: ['-c', 'true'], user: 'nobody', workingDir: '/etc',
    stopSignal: 'SIGINT', labels: { who: 'test' }, variant: '',
  });
  assert.equal(info.layers.length, 1);
  assert.equal(info.layers[0].digest, info.layers[0].diffId);
  assert.equal(info.sizeBytes, info.layers[0].sizeBytes);
  assert.ok(info.diskBytes > 0 && info.createdAt instanceof Date && info.updatedAt >= info.createdAt);
  assert.deepEqual(await backend.imageInfo('tool:1'), info);
});

test('a_descriptor_gives_the_image_that_its_path_gives', async (t) => {
  const { backend, home } = await openBackend(t);
  const file = rootTar(home, 'by descriptor\n');
  const handle = await fs.promises.open(file);
  const byHandle = await backend.loadImage(handle, { reference: 'by-handle' });
  await handle.close();
  const byPath = await backend.loadImage(file, { reference: 'by-path' });
  assert.equal(byHandle.digest, byPath.digest);
  await assert.rejects(backend.loadImage({ fd: -1 }), TypeError);
});

test('a_saved_image_is_loaded_again', async (t) => {
  const { backend, home } = await openBackend(t);
  const place = path.join(home, 'saved.tar');
  await backend.loadImage(ociArchive(home), { reference: 'tool:1' });
  await backend.saveImage('tool:1', place, { onProgress: (progress) => assert.ok(progress.itemsDone <= 1) });
  const saved = await backend.loadImage(place);
  assert.equal(saved.reference, 'docker.io/library/tool:1');
  assert.deepEqual(saved.cmd, ['-c', 'true']);
  const handle = await fs.promises.open(place, 'w');
  await backend.saveImage('tool:1', handle);
  await handle.close();
  assert.equal((await backend.loadImage(place)).digest, saved.digest);
  await assert.rejects(backend.saveImage('missing', place), NotFoundError);
  assert.equal((await backend.loadImage(place)).digest, saved.digest);
});

for (const [which, bytes] of [['nothing', 0], ['the beginning of an image', 1000]]) {
  test(`a_load_from_a_pipe_with_${which.replaceAll(' ', '_')}_ends_when_it_is_aborted`, async (t) => {
    const { backend, home } = await openBackend(t);
    const pipe = path.join(home, 'pipe');
    execFileSync('mkfifo', [pipe]);
    // Open for writing too, so that its end never comes: nobody but the signal ends the load.
    const fd = fs.openSync(pipe, 'r+');
    t.after(() => fs.closeSync(fd));
    fs.writeSync(fd, fs.readFileSync(rootTar(home, 'never\n')).subarray(0, bytes));
    const controller = new AbortController();
    const seen = [];
    const onProgress = (progress) => {
      seen.push(progress);
      controller.abort();
    };
    await assert.rejects(backend.loadImage(fd, { reference: 'never' }, { signal: controller.signal, onProgress }), AbortError);
    assert.equal(seen[0].itemsDone, 0);
    await assert.rejects(backend.imageInfo('never'), NotFoundError);
  });
}

test('images_are_listed_page_after_page_and_removed', async (t) => {
  const { backend, home } = await openBackend(t);
  const file = rootTar(home, 'listed\n');
  const references = ['a.example/one:1', 'a.example/two:1', 'b.example/one:1'];
  for (const reference of references) await backend.loadImage(file, { reference });
  const found = async (filter) => (await collect(backend.listImages(filter))).map((image) => image.reference);
  assert.deepEqual(await found({ limit: 2 }), references);
  assert.deepEqual(await found({ referencePrefix: 'a.example/', limit: 1 }), references.slice(0, 2));
  for (const reference of references) await backend.removeImage(reference);
  assert.deepEqual(await found(), []);
  await assert.rejects(backend.removeImage(references[0]), NotFoundError);
});

test('an_image_stays_while_a_sandbox_has_it_as_root', async (t) => {
  const { backend, home } = await openBackend(t);
  await backend.loadImage(rootTar(home, 'kept\n'), { reference: 'kept' });
  const box = await createdBox(t, backend, 'holder', { image: 'kept' });
  assert.equal((await box.info()).image, 'docker.io/library/kept:latest');
  await assert.rejects(backend.removeImage('kept'), (error) => error instanceof BusyError && error.reason === 'image.in_use');
  await box.remove();
  await backend.removeImage('kept');
});

test('what_is_no_image_is_refused', async (t) => {
  const { backend, home } = await openBackend(t);
  const file = rootTar(home, 'x\n');
  await assert.rejects(backend.loadImage(file), InvalidArgumentError);
  await assert.rejects(backend.loadImage('/nowhere/at/all.tar', { reference: 'bad' }), NotFoundError);
  await assert.rejects(backend.loadImage(file, { reference: 'bad', platform: 'nonsense' }), InvalidArgumentError);
  await assert.rejects(backend.imageInfo('No Such/Name'), InvalidArgumentError);
  fs.truncateSync(file, 1100);
  await assert.rejects(backend.loadImage(file, { reference: 'bad' }), CorruptError);
  await assert.rejects(backend.imageInfo('bad'), NotFoundError);
});
