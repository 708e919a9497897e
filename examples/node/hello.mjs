// Runs untrusted commands in a microVM: a sandbox is made from a root directory, started, used, stopped and removed.
//
//     npm install --install-links /path/to/libmsb/bindings/node && node hello.mjs /path/to/root-directory [DRIVER]
//
// The directory holds what the guest sees as `/`, such as a static busybox; it is never modified. Everything else is in a
// temporary home that is gone at the end.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Backend, ExecFailedError } from 'libmsb';

const STEP_TIMEOUT_MS = 60_000;
const [image, driver] = process.argv.slice(2);

/** The simplest way: run to the end, with what the command wrote collected. */
async function run(sandbox, script) {
  const { stdout, exitCode } = await sandbox.exec('/bin/sh', ['-c', script]);
  console.log(`  ${stdout.toString().trimEnd()}\n  exit code ${exitCode}`);
}

/** Prints output as it appears, each line with when that was. */
async function stream(sandbox, script) {
  const began = performance.now();
  const exec = await sandbox.execStart('/bin/sh', ['-c', script]);
  for await (const line of createInterface({ input: exec.stdout })) {
    console.log(`  after ${(performance.now() - began).toFixed(1)} ms: ${line}`);
  }
  console.log(`  exit code ${(await exec.wait()).exitCode}`);
  exec.release();
}

async function feed(sandbox, text) {
  const exec = await sandbox.execStart('tr', ['a-z', 'A-Z'], { stdin: 'pipe' });
  exec.stdin.end(text);
  for await (const chunk of exec.stdout) process.stdout.write(`  ${chunk}`);
  exec.release();
}

/** A command that cannot even be started is an error, and its reason says why. */
async function failToSpawn(sandbox, program) {
  try {
    await sandbox.exec(program);
  } catch (error) {
    if (!(error instanceof ExecFailedError)) throw error;
    console.log(`  ${error.code}, ${error.reason}: ${error.message}`);
  }
}

if (!image) throw new Error('usage: node hello.mjs ROOT-DIRECTORY [DRIVER]');
const home = await mkdtemp(join(tmpdir(), 'msb-hello-'));
const backend = await Backend.open({ home, driver });
try {
  const sandbox = await backend.createSandbox({ name: 'hello', image, memoryMib: 256 });
  await sandbox.start({ timeoutMs: STEP_TIMEOUT_MS });
  console.log('sandbox started');
  await run(sandbox, 'uname -a');
  await stream(sandbox, 'for i in 1 2 3; do echo line $i; sleep 0.3; done');
  await feed(sandbox, 'fed through a pipe\n');
  await run(sandbox, 'echo about to fail; exit 3');
  await failToSpawn(sandbox, '/no/such/program');
  await sandbox.stop({ timeoutMs: STEP_TIMEOUT_MS });
  await sandbox.remove();
  console.log('sandbox removed');
} finally {
  await backend.close({ timeoutMs: STEP_TIMEOUT_MS });
}
await rm(home, { recursive: true });
