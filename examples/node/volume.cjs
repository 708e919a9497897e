'use strict';
// A volume that outlives its sandbox: the host writes into it, a sandbox works on it, the host reads what came of that.
//
//     npm install --install-links /path/to/libmsb/bindings/node && node volume.cjs /path/to/root-directory [DRIVER]
const { mkdtemp, open, rm } = require('node:fs/promises');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { Backend } = require('libmsb');

const STEP_TIMEOUT_MS = 60_000;
const [image, driver] = process.argv.slice(2);

/** A running sandbox that has the volume at /data. */
async function startWithVolume(backend) {
  const sandbox = await backend.createSandbox({ name: 'worker', image, mounts: [{ guestPath: '/data', volume: 'data' }] });
  await sandbox.start({ timeoutMs: STEP_TIMEOUT_MS });
  return sandbox;
}

async function run(sandbox, script) {
  const { stdout, stderr } = await sandbox.exec('/bin/sh', ['-c', script], { timeoutMs: STEP_TIMEOUT_MS });
  process.stdout.write(`$ ${script}\n${stdout}${stderr}`);
}

/** The archive goes to any descriptor: a file, a pipe, a socket. */
async function save(volume, path) {
  const archive = await open(path, 'w');
  const { bytes, entries } = await volume.fs.tarExport('.', archive);
  await archive.close();
  console.log(`saved ${bytes} bytes in ${entries} entries`);
}

async function work(backend, home) {
  const volume = await backend.createVolume({ name: 'data', quotaMib: 16 });
  await volume.write('input', 'written by the host\n');

  const sandbox = await startWithVolume(backend);
  await run(sandbox, 'tr a-z A-Z < /data/input > /data/output; hostname > /root/private');
  console.log(`the volume's output: ${await volume.read('output')}`);
  console.log(`a file of the guest alone: ${await sandbox.fs.read('/root/private')}`);
  await run(sandbox, 'dd if=/dev/zero of=/data/large bs=1M count=32 2>&1 | head -n 1');
  for await (const { name, size } of volume.fs.list('.')) console.log(`  ${name}, ${size} bytes`);

  await sandbox.stop({ timeoutMs: STEP_TIMEOUT_MS });
  await sandbox.remove();
  await volume.fs.remove('large');
  await save(volume, join(home, 'data.tar'));
  await volume.remove();
}

async function main() {
  if (!image) throw new Error('usage: node volume.cjs ROOT-DIRECTORY [DRIVER]');
  const home = await mkdtemp(join(tmpdir(), 'msb-volume-'));
  const backend = await Backend.open({ home, driver });
  try {
    await work(backend, home);
  } finally {
    await backend.close({ timeoutMs: STEP_TIMEOUT_MS });
  }
  await rm(home, { recursive: true });
}

main();
