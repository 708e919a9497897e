'use strict';
// Backends and sandboxes: their life, what is said of them, and their labels and lists.
const assert = require('node:assert/strict');
const { test } = require('node:test');
const msb = require('..');
const {
  DRIVER, ROOT, PATIENCE_MS, openBackend, createdBox, runningBox, withBox, collect, temporaryDirectory,
} = require('./support.js');

test('a_sandbox_lives_through_its_states', async (t) => {
  const { backend } = await openBackend(t);
  const box = await createdBox(t, backend);
  assert.equal((await box.info()).status, 'Created');
  await box.start({ timeoutMs: PATIENCE_MS });
  assert.equal((await box.info()).status, 'Running');
  await assert.rejects(box.wait({ timeoutMs: 20 }), msb.TimeoutError);
  await box.stop({ timeoutMs: PATIENCE_MS });
  const exit = await box.wait();
  assert.equal(exit.reason, 'stopRequested');
  assert.equal(exit.crashed, false);
  assert.ok(exit.startedAt instanceof Date && exit.endedAt >= exit.startedAt);
  assert.equal((await box.info()).exit.reason, 'stopRequested');
  await box.remove();
  await assert.rejects(backend.openSandbox('box'), msb.NotFoundError);
});

test('a_killed_sandbox_says_so', async (t) => {
  const { box } = await withBox(t);
  await box.kill({ timeoutMs: PATIENCE_MS });
  assert.equal((await box.wait()).reason, 'killRequested');
});

test('an_info_says_what_was_configured', async (t) => {
  const { backend } = await openBackend(t);
  const box = await createdBox(t, backend, 'told', {
    memoryMib: 256, cpus: 2, labels: { 'team.name': 'blue' }, mounts: [{ guestPath: '/scratch', tmpfs: true }],
  });
  const info = await box.info();
  assert.equal(info.name, 'told');
  assert.equal(info.image, ROOT);
  assert.equal(info.memoryMib, 256);
  assert.equal(info.cpus, 2);
  assert.deepEqual(info.labels, { 'team.name': 'blue' });
  assert.equal(info.exit, null);
  assert.ok(info.createdAt instanceof Date);
  assert.equal(info.config.name, 'told');
  assert.deepEqual(info.mounts.map(({ guestPath, kind, readOnly }) => ({ guestPath, kind, readOnly })),
    [{ guestPath: '/scratch', kind: 'tmpfs', readOnly: false }]);
});

test('labels_are_set_and_removed', async (t) => {
  const { backend } = await openBackend(t);
  const box = await createdBox(t, backend);
  await box.setLabel('colour', 'red');
  assert.deepEqual((await box.info()).labels, { colour: 'red' });
  await box.removeLabel('colour');
  assert.deepEqual((await box.info()).labels, {});
});

test('a_listing_goes_through_all_pages_and_its_filter', async (t) => {
  const { backend } = await openBackend(t);
  for (const name of ['a1', 'a2', 'a3', 'b1']) {
    (await backend.createSandbox({ name, image: ROOT, labels: { first: name[0] } })).release();
  }
  const names = async (filter) => (await collect(backend.listSandboxes(filter))).map((info) => info.name);
  assert.deepEqual(await names(), ['a1', 'a2', 'a3', 'b1']);
  assert.deepEqual(await names({ limit: 1 }), ['a1', 'a2', 'a3', 'b1']);
  assert.deepEqual(await names({ namePrefix: 'a', limit: 2 }), ['a1', 'a2', 'a3']);
  assert.deepEqual(await names({ labels: { first: 'b' } }), ['b1']);
  assert.deepEqual(await names({ statuses: ['Running'] }), []);
  for await (const info of backend.listSandboxes({ limit: 1 })) {
    assert.equal(info.name, 'a1');
    break;
  }
});

test('a_backend_says_what_it_goes_by', async (t) => {
  const { backend, home } = await openBackend(t);
  const info = await backend.info();
  assert.equal(info.home, home);
  assert.equal(info.driver, DRIVER);
  assert.equal(info.configFound, false);
  const report = await backend.probe();
  assert.ok(report.checks.length > 0);
  assert.equal(typeof report.checks[0].ok, 'boolean');
});

test('a_home_is_measured_checked_and_pruned', async (t) => {
  const { backend } = await openBackend(t);
  const usage = await backend.storageUsage();
  assert.ok(usage.totalBytes > 0);
  assert.ok(usage.categories.some((entry) => entry.category === 'database' && entry.bytes > 0));
  assert.deepEqual((await backend.fsck({ repair: true })).items, []);
  assert.ok(Array.isArray((await backend.prune({ dryRun: true, temporary: true, lost: true })).items));
  await assert.rejects(backend.prune({}), msb.InvalidArgumentError);
});

test('await_using_stops_the_sandbox_and_closes_the_backend', async (t) => {
  const backend = await msb.Backend.open({ home: temporaryDirectory(t), driver: DRIVER });
  const box = await runningBox(t, backend, 'short');
  await box[Symbol.asyncDispose]();
  const again = await backend.openSandbox('short');
  assert.equal((await again.info()).status, 'Stopped');
  again[Symbol.dispose]();
  await assert.rejects(again.info(), msb.StaleHandleError);
  await backend[Symbol.asyncDispose]();
  await assert.rejects(backend.info(), msb.StaleHandleError);
});

test('a_detached_sandbox_lives_on', async (t) => {
  const { backend, box } = await withBox(t);
  await box.detach();
  box.release();
  const again = await backend.openSandbox('box');
  assert.equal((await again.info()).status, 'Running');
  await again.kill({ timeoutMs: PATIENCE_MS });
  again.release();
});
