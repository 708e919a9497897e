'use strict';
// What a worker of the tests does: workerData.body says what.
const { parentPort, workerData } = require('node:worker_threads');
const { Backend } = require('../..');

const bodies = {
  async runs(backend, box) {
    parentPort.postMessage(`printed ${(await box.exec('echo', ['hello'])).stdout.toString().trim()}`);
    await box.stop({ timeoutMs: 10_000 });
    box.release();
    await backend.close();
    backend.release();
  },

  // Until it is terminated.
  async 'is-busy'(_, box) {
    box.wait().catch(() => {});
    const exec = await box.execStart('cat', ['/dev/zero']);
    exec.stdout.resume();
    parentPort.postMessage('busy');
    for (;;) await Promise.all(Array.from({ length: 10 }, () => box.exec('true')));
  },
};

async function main() {
  const backend = await Backend.open({ home: workerData.home, driver: 'process' });
  const box = await backend.createSandbox({ name: 'box', image: '/' });
  await box.start();
  await bodies[workerData.body](backend, box);
}

main();
