'use strict';
// Makes sandboxes that nobody releases, and says how many are left when they were collected.
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { setImmediate: turn } = require('node:timers/promises');
const { Backend, liveObjects } = require('../..');

const home = fs.mkdtempSync(path.join(os.tmpdir(), 'msb-node-'));

async function create(backend) {
  const boxes = [];
  for (let i = 0; i < 20; i++) boxes.push(await backend.createSandbox({ name: `box-${i}`, image: '/' }));
  console.log('created', liveObjects('sandbox'), ...boxes.slice(boxes.length));
}

async function main() {
  const backend = await Backend.open({ home, driver: 'process' });
  await create(backend);
  for (let i = 0; i < 100 && liveObjects('sandbox') > 0; i++) {
    globalThis.gc();
    await turn();
  }
  console.log('left', liveObjects('sandbox'));
  await backend.close();
}

main().finally(() => fs.rmSync(home, { recursive: true, force: true, maxRetries: 20 }));
