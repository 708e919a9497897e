'use strict';
// Commands: collected, started, fed, signalled; and their streams.
const assert = require('node:assert/strict');
const { createHash } = require('node:crypto');
const { Transform } = require('node:stream');
const { pipeline } = require('node:stream/promises');
const { test } = require('node:test');
const msb = require('..');
const { withBox, text, collect, eventually, PATIENCE_MS } = require('./support.js');

const MIB = 1024 * 1024;

test('a_collected_command_gives_its_output_and_code', async (t) => {
  const { box } = await withBox(t);
  const result = await box.exec('sh', ['-c', 'echo out; echo err >&2; exit 3']);
  assert.deepEqual([result.exitCode, result.signal, `${result.stdout}`, `${result.stderr}`], [3, null, 'out\n', 'err\n']);
  assert.deepEqual([result.stdoutTruncated, result.stdoutTotal], [false, 4]);
});

test('a_signal_has_its_name', async (t) => {
  const { box } = await withBox(t);
  const result = await box.exec('sh', ['-c', 'kill -9 $$']);
  assert.deepEqual([result.exitCode, result.signal], [null, 'SIGKILL']);
});

test('a_command_gets_its_options', async (t) => {
  const { box } = await withBox(t);
  const options = { cwd: '/tmp', env: { COLOUR: 'red' }, stdin: 'in:' };
  const result = await box.exec('sh', ['-c', 'cat; echo "$COLOUR $PWD"'], options);
  assert.equal(`${result.stdout}`, 'in:red /tmp\n');
  const bytes = await box.exec('cat', [], { stdin: Uint8Array.of(0, 255, 10) });
  assert.deepEqual([...bytes.stdout], [0, 255, 10]);
  const cut = await box.exec('sh', ['-c', 'echo 12345'], { maxOutputBytes: 3 });
  assert.deepEqual([`${cut.stdout}`, cut.stdoutTruncated, cut.stdoutTotal], ['123', true, 6]);
});

test('a_large_output_arrives_whole', async (t) => {
  const { box } = await withBox(t);
  const { stdout, stderr } = await box.exec('sh', ['-c', 'head -c 3000000 /dev/zero; head -c 100000 /dev/zero >&2'],
    { maxOutputBytes: 4 * MIB });
  assert.deepEqual([stdout.length, stderr.length], [3_000_000, 100_000]);
  assert.ok(stdout.every((byte) => byte === 0));
});

test('output_is_a_stream_and_input_too', async (t) => {
  const { box } = await withBox(t);
  const exec = await box.execStart('tr', ['a-z', 'A-Z'], { stdin: 'pipe' });
  assert.ok(exec.pid > 0);
  exec.stdin.write('hello ');
  exec.stdin.end('world\n');
  assert.equal(await text(exec.stdout), 'HELLO WORLD\n');
  assert.deepEqual(await exec.wait(), { exitCode: 0, signal: null, timedOut: false, outputOpen: false });
  assert.equal(exec.pid, 0);
  exec.release();
});

test('standard_error_is_a_stream_of_its_own', async (t) => {
  const { box } = await withBox(t);
  const exec = await box.execStart('sh', ['-c', 'echo one; echo two >&2']);
  assert.deepEqual(await Promise.all([text(exec.stdout), text(exec.stderr)]), ['one\n', 'two\n']);
  exec.release();
});

test('input_given_as_text_is_fed_to_a_started_command', async (t) => {
  const { box } = await withBox(t);
  const exec = await box.execStart('wc', ['-c'], { stdin: 'x'.repeat(3 * MIB) });
  assert.equal((await text(exec.stdout)).trim(), String(3 * MIB));
  exec.release();
});

test('a_command_need_not_read_its_input', async (t) => {
  const { box } = await withBox(t);
  const exec = await box.execStart('true', [], { stdin: Buffer.alloc(3 * MIB) });
  assert.equal((await exec.wait()).exitCode, 0);
  await eventually(() => exec.stdin.destroyed || exec.stdin.writableFinished, 'the end of the input');
  exec.release();
});

test('a_slow_reader_holds_the_command_up_and_loses_nothing', async (t) => {
  const { box, home } = await withBox(t);
  const count = `${home}/written`;
  // It notes after each MiB that it was written; the reader looks at the note before it reads.
  const script = `for i in 1 2 3 4 5 6 7 8; do head -c ${MIB} /dev/zero; echo >> ${count}; done`;
  const exec = await box.execStart('sh', ['-c', script]);
  const noted = async () => (await box.exec('sh', ['-c', `wc -l < ${count} 2>/dev/null || echo 0`])).stdout.toString().trim();
  await new Promise((resolve) => { exec.stdout.once('readable', resolve); });
  await eventually(async () => {
    const before = await noted();
    await new Promise((resolve) => { setTimeout(resolve, 50); });
    return before === await noted();
  }, 'a stop of the command');
  assert.ok(Number(await noted()) < 8, 'the command went on without a reader');
  assert.equal((await text(exec.stdout)).length, 8 * MIB);
  assert.equal((await exec.wait()).exitCode, 0);
  exec.release();
});

test('a_pipeline_of_streams_keeps_every_byte', async (t) => {
  const { box } = await withBox(t);
  const sent = createHash('sha256');
  const received = createHash('sha256');
  const exec = await box.execStart('cat', [], { stdin: 'pipe' });
  async function* numbers() {
    for (let i = 0; i < 64; i++) {
      const block = Buffer.alloc(65_521, `${i} `);
      sent.update(block);
      yield block;
    }
  }
  const count = new Transform({ transform: (chunk, _, done) => { received.update(chunk); done(null, chunk); } });
  await Promise.all([pipeline(numbers, exec.stdin), pipeline(exec.stdout, count, collect)]);
  assert.equal(received.digest('hex'), sent.digest('hex'));
  exec.release();
});

test('a_destroyed_stream_ends_the_writer', async (t) => {
  const { box } = await withBox(t);
  const exec = await box.execStart('sh', ['-c', 'trap "" PIPE; while echo line; do :; done; exit 0']);
  for await (const chunk of exec.stdout) {
    assert.ok(chunk.length > 0);
    break;
  }
  // What it writes from now on is thrown away; it goes on until it is told to end.
  await exec.signal('SIGKILL');
  assert.equal((await exec.wait({ timeoutMs: PATIENCE_MS })).signal, 'SIGKILL');
  exec.release();
});

test('channels_can_be_read_and_written_without_streams', async (t) => {
  const { box } = await withBox(t);
  const exec = await box.execStart('cat', [], { stdin: 'pipe' });
  assert.equal(await exec.write('some text'), 9);
  const first = await exec.read('stdout', { size: 4 });
  assert.equal(`${first}`, 'some');
  await exec.closeStdin();
  assert.equal(`${await exec.read()}`, ' text');
  assert.equal((await exec.read()).length, 0);
  await assert.rejects(exec.read('stdin', { size: 1 }), msb.MsbError);
  await assert.rejects(exec.read('elsewhere'), TypeError);
  exec.release();
});

test('a_terminal_has_a_size_that_changes', async (t) => {
  const { box } = await withBox(t);
  const terminal = { tty: true, rows: 30, cols: 90, stdin: 'pipe' };
  const exec = await box.execStart('sh', ['-c', 'stty size; read line; stty size'], terminal);
  assert.match(`${await exec.read()}`, /30 90/);
  await exec.resize(40, 100);
  await exec.write('\n');
  let seen = '';
  for (let part; (part = await exec.read()).length > 0;) seen += part;
  assert.match(seen, /40 100/);
  await assert.rejects(exec.resize(70_000, 1), RangeError);
  exec.release();
});

test('await_using_kills_the_command', async (t) => {
  const { box } = await withBox(t);
  const exec = await box.execStart('sleep', ['600']);
  await exec[Symbol.asyncDispose]();
  await assert.rejects(exec.wait(), msb.StaleHandleError);
});

test('a_signal_is_a_name_or_a_number', async (t) => {
  const { box } = await withBox(t);
  const exec = await box.execStart('sh', ['-c', 'trap "exit 7" USR1; echo ready; while :; do sleep 0.05; done']);
  await exec.read();
  await assert.rejects(exec.signal('SIGNONE'), TypeError);
  await exec.signal('SIGUSR1');
  assert.equal((await exec.wait({ timeoutMs: PATIENCE_MS })).exitCode, 7);
  exec.release();
});
