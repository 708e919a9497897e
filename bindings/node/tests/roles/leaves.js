'use strict';
// A process that ends with a sandbox alive, in the way that it is told: leaves.js HOME WAY.
const { Backend } = require('../..');

const [home, way] = process.argv.slice(2);

const ways = {
  quietly() {},

  'exit-in-operations': async (backend, box) => {
    for (let i = 0; i < 50; i++) {
      box.wait().catch(() => {});
      box.exec('sleep', ['600']).catch(() => {});
      backend.createSandbox({ name: `other-${i}`, image: '/' }).catch(() => {});
    }
    setTimeout(() => process.exit(7), 20);
  },

  'exit-while-streaming': async (_, box) => {
    const exec = await box.execStart('cat', ['/dev/zero']);
    let chunks = 0;
    exec.stdout.on('data', () => {
      if (++chunks === 20) process.exit(7);
    });
  },

  'uncaught-error': async (_, box) => {
    box.wait();
    box.exec('sleep', ['600']);
    throw new Error('on purpose');
  },

  async waits(_, box) {
    setTimeout(() => box.stop({ timeoutMs: 10_000 }), 50);
    console.log('ended', (await box.wait()).reason);
  },
};

async function main() {
  const backend = await Backend.open({ home, driver: 'process' });
  const box = await backend.createSandbox({ name: 'box', image: '/' });
  await box.start();
  console.log('started');
  await ways[way](backend, box);
}

main();
