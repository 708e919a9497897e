'use strict';
/*
 * What calls, commands, streams and waits cost from Node.js: the rows of ../c.c. The first argument is the addon made of floor.c.
 * Prints a line `ROW<TAB>NAME<TAB>VALUE<TAB>UNIT` for each measure.
 */
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Backend, abiVersion, version } = require('../../../bindings/node');

const { floor, floorNumber } = require(path.resolve(process.argv[2]));
const [CALLS, BLOCKS, OPENS, WARM_UP, EXECS, STREAMS, WAITS] = [100_000, 20, 5000, 20, 200, 3, 1000];
const STREAM_BYTES = 256 * 1024 * 1024;

function row(name, value, unit) {
  console.log(['ROW', name, value.toFixed(3), unit].join('\t'));
}

function median(values) {
  return values.sort((a, b) => a - b)[Math.ceil(values.length / 2) - 1];
}

function nsOf(call) {
  const began = performance.now();
  for (let i = 0; i < CALLS; i++) call();
  return (performance.now() - began) * 1e6 / CALLS;
}

async function measureCalls(backend) {
  // All once for the compiler, then for the clock. Each function of the addon is called at one place, as the binding does it.
  // The version is text that the binding keeps; its number is asked of C each time.
  const measured = {
    floor_ns: () => floor(), version_ns: version, number_floor_ns: () => floorNumber(), abi_version_ns: abiVersion,
  };
  for (const call of Object.values(measured)) nsOf(call);
  // In turns, and the fastest block counts: what a block takes longer is the machine's other work.
  const best = {};
  for (let block = 0; block < BLOCKS; block++) {
    for (const [name, call] of Object.entries(measured)) best[name] = Math.min(best[name] ?? Infinity, nsOf(call));
  }
  for (const [name, ns] of Object.entries(best)) row(name, ns, 'ns');
  const volume = await backend.createVolume({ name: 'data' });
  const began = performance.now();
  for (let i = 0; i < OPENS; i++) (await backend.openVolume('data')).release();
  row('open_by_name_ns', (performance.now() - began) * 1e6 / OPENS, 'ns');
  await volume.remove();
  volume.release();
}

async function measureExec(sandbox) {
  const times = [];
  for (let i = -WARM_UP; i < EXECS; i++) {
    const began = performance.now();
    await sandbox.exec('/bin/true');
    if (i >= 0) times.push((performance.now() - began) * 1e3);
  }
  row('exec_true_us', median(times), 'us');
}

async function streamRate(sandbox) {
  let total = 0;
  const began = performance.now();
  const exec = await sandbox.execStart('dd', ['if=/dev/zero', 'bs=1M', 'count=256']);
  for await (const chunk of exec.stdout) total += chunk.length;
  const { exitCode } = await exec.wait();
  const seconds = (performance.now() - began) / 1e3;
  if (total !== STREAM_BYTES || exitCode !== 0) throw new Error(`the stream ended after ${total} bytes, with exit code ${exitCode}`);
  exec.release();
  return total / 2 ** 20 / seconds;
}

async function measureStream(sandbox) {
  const rates = [];
  for (let i = 0; i < STREAMS; i++) rates.push(await streamRate(sandbox));
  row('stdout_mib_s', median(rates), 'MiB/s');
}

function countThreads() {
  return fs.readdirSync('/proc/self/task').length;
}

async function measureWaits(sandbox) {
  const exec = await sandbox.execStart('cat', [], { stdin: 'pipe' });
  const before = countThreads();
  const waits = Array.from({ length: WAITS }, () => exec.wait());
  row('waits_threads', countThreads() - before, 'threads');
  exec.stdin.end();
  await Promise.all(waits);
  exec.release();
}

async function main() {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'msb-bench-'));
  const backend = await Backend.open({ home, driver: process.env.MSB_BENCH_DRIVER });
  await measureCalls(backend);
  const sandbox = await backend.createSandbox({ name: 'bench', image: process.env.MSB_BENCH_ROOT, cpus: 1, memoryMib: 256 });
  await sandbox.start();
  await measureExec(sandbox);
  await measureStream(sandbox);
  await measureWaits(sandbox);
  await sandbox.stop({ timeoutMs: 60_000 });
  await sandbox.remove();
  sandbox.release();
  await backend.close({ timeoutMs: 60_000 });
  fs.rmSync(home, { recursive: true, maxRetries: 20 });
}

main();
