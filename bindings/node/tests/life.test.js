'use strict';
// The addon in its process: threads, memory, workers, and ends of all kinds.
const assert = require('node:assert/strict');
const path = require('node:path');
const { test } = require('node:test');
const { Worker } = require('node:worker_threads');
const {
  PATIENCE_MS, temporaryDirectory, withBox, threadCount, descriptorCount, runRole, sandboxesEnd, liveObjects, eventually,
} = require('./support.js');

const MOST_THREADS = 8;

function endsInPeace(result) {
  assert.equal(result.signal, null, `it was killed by ${result.signal}: ${result.stderr}`);
  assert.equal(result.stderr, '');
}

test('a_thousand_waits_hold_no_threads', async (t) => {
  const before = threadCount();
  const { box } = await withBox(t);
  const waits = Array.from({ length: 1000 }, () => box.wait());
  // The runner answers behind them: all of them are under way.
  await box.exec('true');
  const more = threadCount() - before;
  assert.ok(more <= MOST_THREADS, `${more} more threads`);
  t.diagnostic(`${more} more threads for 1000 waits`);
  await box.stop({ timeoutMs: PATIENCE_MS });
  const exits = await Promise.all(waits);
  assert.ok(exits.every((exit) => exit.reason === 'stopRequested'));
});

test('a_thousand_commands_wait_at_once_and_are_cancelled_at_once', async (t) => {
  const { box } = await withBox(t);
  const exec = await box.execStart('sleep', ['600']);
  const warnings = [];
  const note = (warning) => warnings.push(warning.name);
  process.on('warning', note);
  const controller = new AbortController();
  const waits = Array.from({ length: 1000 }, () => exec.wait({ signal: controller.signal }));
  controller.abort();
  const ends = await Promise.allSettled(waits);
  assert.ok(ends.every((end) => end.reason?.name === 'AbortError'));
  await exec[Symbol.asyncDispose]();
  process.off('warning', note);
  assert.deepEqual(warnings, []);
});

test('many_rounds_leave_no_handle_and_no_descriptor', async (t) => {
  const { box } = await withBox(t);
  const round = async () => {
    const exec = await box.execStart('sh', ['-c', 'cat; echo done'], { stdin: 'pipe' });
    exec.stdin.end('x');
    for await (const chunk of exec.stdout) assert.ok(chunk.length > 0);
    await exec.wait();
    exec.release();
  };
  await round();
  const [handles, descriptors] = [liveObjects(), descriptorCount()];
  for (let i = 0; i < 50; i++) await round();
  assert.equal(liveObjects(), handles);
  await eventually(() => descriptorCount() <= descriptors, 'the close of every descriptor');
});

test('what_is_collected_is_released', async () => {
  const result = await runRole('collected', [], ['--expose-gc']);
  endsInPeace(result);
  assert.deepEqual(result.stdout.trim().split('\n'), ['created 20', 'left 0']);
});

test('a_process_ends_by_itself_with_sandboxes_alive', async (t) => {
  const home = temporaryDirectory(t);
  const result = await runRole('leaves', [home, 'quietly']);
  endsInPeace(result);
  assert.deepEqual([result.code, result.stdout], [0, 'started\n']);
  await sandboxesEnd(t, home);
});

for (const way of ['exit-in-operations', 'exit-while-streaming', 'uncaught-error']) {
  test(`a_process_ends_without_a_crash_by_${way.replaceAll('-', '_')}`, async (t) => {
    const home = temporaryDirectory(t);
    const result = await runRole('leaves', [home, way]);
    assert.equal(result.signal, null, result.stderr);
    assert.equal(result.code, way === 'uncaught-error' ? 1 : 7, result.stderr);
    await sandboxesEnd(t, home);
  });
}

test('a_pending_operation_keeps_the_process_and_a_sandbox_does_not', async (t) => {
  const home = temporaryDirectory(t);
  const result = await runRole('leaves', [home, 'waits']);
  endsInPeace(result);
  assert.deepEqual([result.code, result.stdout], [0, 'started\nended stopRequested\n']);
});

function inWorker(body, data) {
  return new Worker(path.join(__dirname, 'roles', 'worker.js'), { workerData: { body, ...data } });
}

/** Its messages until it ends; how it ended. */
async function ended(worker) {
  const messages = [];
  worker.on('message', (message) => messages.push(message));
  const code = await new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('exit', resolve);
  });
  return { code, messages };
}

test('workers_have_queues_of_their_own', async (t) => {
  const before = liveObjects();
  const workers = Array.from({ length: 3 }, () => inWorker('runs', { home: temporaryDirectory(t) }));
  const ends = await Promise.all(workers.map(ended));
  assert.deepEqual(ends, Array(3).fill({ code: 0, messages: ['printed hello'] }));
  assert.equal(liveObjects(), before);
});

test('a_worker_is_terminated_in_the_middle_of_operations', async (t) => {
  const before = liveObjects();
  for (let round = 0; round < 6; round++) {
    const worker = inWorker('is-busy', { home: temporaryDirectory(t) });
    await new Promise((resolve) => { worker.once('message', resolve); });
    await new Promise((resolve) => { setTimeout(resolve, round * 7); });
    await worker.terminate();
  }
  await eventually(() => liveObjects() === before, 'the release of every handle');
});
