'use strict';
// Aborts and deadlines: an operation is cancelled, or has succeeded first; in neither case anything is left over.
const assert = require('node:assert/strict');
const { getEventListeners } = require('node:events');
const { open } = require('node:fs/promises');
const { test } = require('node:test');
const msb = require('..');
const { ROOT, PATIENCE_MS, atEnd, openBackend, withBox, liveObjects, eventually } = require('./support.js');

function isAbort(error) {
  assert.ok(error instanceof msb.AbortError && error instanceof msb.CancelledError, error.stack);
  assert.equal(error.name, 'AbortError');
  return true;
}

test('an_abort_ends_a_wait', async (t) => {
  const { box } = await withBox(t);
  const controller = new AbortController();
  const waiting = box.wait({ signal: controller.signal });
  controller.abort(new Error('not any more'));
  await assert.rejects(waiting, (error) => {
    assert.equal(error.abortReason.message, 'not any more');
    assert.ok(error.cause instanceof msb.CancelledError && !(error.cause instanceof msb.AbortError));
    return isAbort(error);
  });
  assert.equal((await box.info()).status, 'Running');
});

test('an_aborted_signal_submits_nothing', async (t) => {
  const { backend } = await openBackend(t);
  const signal = AbortSignal.abort('early');
  await assert.rejects(backend.createSandbox({ name: 'never', image: ROOT }, { signal }), (error) => {
    assert.equal(error.cause, 'early');
    return isAbort(error);
  });
  await assert.rejects(backend.openSandbox('never', { signal }), isAbort);
  await assert.rejects(backend.openSandbox('never'), msb.NotFoundError);
});

test('a_signal_is_let_go_of_when_the_operation_is_over', async (t) => {
  const { box } = await withBox(t);
  const { signal } = new AbortController();
  await box.exec('true', [], { signal });
  await assert.rejects(box.exec('/no/such/program', [], { signal }), msb.ExecFailedError);
  assert.equal(getEventListeners(signal, 'abort').length, 0);
});

test('an_abort_kills_a_command_that_is_collected', async (t) => {
  const { box, home } = await withBox(t);
  const controller = new AbortController();
  const running = box.exec('sh', ['-c', `echo $$ > ${home}/pid; exec sleep 600`], { signal: controller.signal });
  running.catch(() => {});
  let pid;
  await eventually(async () => {
    pid = `${(await box.exec('sh', ['-c', `cat ${home}/pid 2>/dev/null`])).stdout}`.trim();
    return pid !== '';
  }, 'the start of the command');
  controller.abort();
  await assert.rejects(running, isAbort);
  await eventually(async () => (await box.exec('sh', ['-c', `kill -0 ${pid}`])).exitCode !== 0, 'the end of the command');
});

/** Moments between the submission and the end of something that takes a few milliseconds. */
const MOMENTS = [
  (abort) => abort(), queueMicrotask, setImmediate, (abort) => setTimeout(abort, 1), (abort) => setTimeout(abort, 3),
];

test('an_abort_in_a_race_leaves_a_whole_object_or_none', async (t) => {
  const { backend } = await openBackend(t);
  let created = 0;
  for (let round = 0; round < 60; round++) {
    const controller = new AbortController();
    const name = `race-${round}`;
    const creating = backend.createSandbox({ name, image: ROOT }, { signal: controller.signal });
    MOMENTS[round % MOMENTS.length](() => controller.abort());
    try {
      (await creating).release();
      created++;
      (await backend.openSandbox(name)).release();
    } catch (error) {
      isAbort(error);
      await assert.rejects(backend.openSandbox(name), msb.NotFoundError);
    }
  }
  assert.equal(liveObjects('sandbox'), 0);
  t.diagnostic(`${created} of 60 creations won`);
});

test('an_abort_in_a_race_with_a_started_command_loses_neither', async (t) => {
  const { box } = await withBox(t);
  let started = 0;
  for (let round = 0; round < 60; round++) {
    const controller = new AbortController();
    const starting = box.execStart('true', [], { signal: controller.signal });
    MOMENTS[round % MOMENTS.length](() => controller.abort());
    try {
      (await starting).release();
      started++;
    } catch (error) {
      isAbort(error);
    }
  }
  assert.equal(liveObjects('exec'), 0);
  t.diagnostic(`${started} of 60 starts won`);
});

test('a_deadline_of_c_ends_a_wait', async (t) => {
  const { box } = await withBox(t);
  await assert.rejects(box.wait({ timeoutMs: 30 }), msb.TimeoutError);
  await assert.rejects(box.wait({ timeoutMs: 0 }), msb.MsbError);
});

test('a_deadline_where_c_has_none_cancels_the_operation', async (t) => {
  const { box, home } = await withBox(t);
  const { backend } = await openBackend(t);
  const volume = await backend.createVolume({ name: 'data' });
  atEnd(t, () => volume.release());
  // A pipe that nobody writes to: the import waits until it is cancelled.
  await box.exec('mkfifo', [`${home}/pipe`]);
  const pipe = await open(`${home}/pipe`, 'r+');
  atEnd(t, () => pipe.close());
  await assert.rejects(volume.fs.tarImport('copy', pipe, { timeoutMs: 50 }), (error) => {
    assert.ok(error instanceof msb.TimeoutError, error.stack);
    assert.ok(error.cause instanceof msb.CancelledError);
    return true;
  });
});

test('progress_is_reported_and_stops_with_the_operation', async (t) => {
  const { box, home } = await withBox(t);
  const fs = require('node:fs');
  fs.mkdirSync(`${home}/tree`);
  for (let i = 0; i < 300; i++) fs.writeFileSync(`${home}/tree/${i}`, Buffer.alloc(100_000));
  const seen = [];
  const onProgress = (progress) => seen.push(progress);
  const done = await box.copyIn(`${home}/tree`, `${home}/copy`, { onProgress, timeoutMs: PATIENCE_MS });
  assert.ok(done.entries >= 300);
  assert.equal(done.bytes, 30_000_000);
  for (const progress of seen) assert.ok(progress.bytesDone <= 30_000_000);
  const reports = seen.length;
  await new Promise((resolve) => { setTimeout(resolve, 250); });
  assert.equal(seen.length, reports);
  t.diagnostic(`${reports} reports`);
});

test('closing_the_backend_ends_what_waits_in_it', async (t) => {
  const { backend, box } = await withBox(t);
  const ended = box.wait().then((exit) => exit.reason, (error) => error);
  await backend.close({ timeoutMs: PATIENCE_MS });
  const end = await ended;
  assert.ok(typeof end === 'string' || end instanceof msb.MsbError, end);
});
