'use strict';
// What the tests share: a home for each test, sandboxes of the `process` driver in it, other Node.js processes and what they
// leave behind. MSB_TEST_DRIVER and MSB_TEST_ROOT choose another driver and root.
const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Backend, liveObjects } = require('..');

const DRIVER = process.env.MSB_TEST_DRIVER ?? 'process';
const ROOT = process.env.MSB_TEST_ROOT ?? '/';
/** Longest wait for what must happen, far beyond what it takes. */
const PATIENCE_MS = 30_000;

const cleanups = new WeakMap();

/** Does something at the end of a test. What was begun last ends first. */
function atEnd(t, cleanup) {
  if (!cleanups.has(t)) {
    cleanups.set(t, []);
    t.after(async () => {
      for (const each of cleanups.get(t).reverse()) await each();
    });
  }
  cleanups.get(t).push(cleanup);
}

/** A temporary directory that goes with the test; a runner that ends may still write to it for a while. */
function temporaryDirectory(t) {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'msb-node-'));
  atEnd(t, () => removed(directory));
  return directory;
}

/** Removes a directory in which files may still appear: `maxRetries` of Node.js does not look for new ones. */
async function removed(directory) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      return fs.rmSync(directory, { recursive: true, force: true });
    } catch (error) {
      if (error.code !== 'ENOTEMPTY' || Date.now() >= deadline) throw error;
    }
    await new Promise((resolve) => { setTimeout(resolve, 20); });
  }
}

/** A backend on a home of its own, with more configuration if it is given. At the end it is closed, and no handle may be left. */
async function openBackend(t, config = {}) {
  const home = temporaryDirectory(t);
  const backend = await Backend.open({ home, driver: DRIVER, ...config });
  atEnd(t, async () => {
    await backend.close({ timeoutMs: PATIENCE_MS });
    backend.release();
  });
  return { backend, home };
}

async function createdBox(t, backend, name = 'box', config = {}) {
  const box = await backend.createSandbox({ name, image: ROOT, ...config });
  atEnd(t, () => box.release());
  return box;
}

async function runningBox(t, backend, name, config) {
  const box = await createdBox(t, backend, name, config);
  await box.start({ timeoutMs: PATIENCE_MS });
  return box;
}

/** A backend with one running sandbox. */
async function withBox(t) {
  const { backend, home } = await openBackend(t);
  return { backend, home, box: await runningBox(t, backend) };
}

async function collect(iterable) {
  const items = [];
  for await (const item of iterable) items.push(item);
  return items;
}

async function text(stream) {
  return Buffer.concat(await collect(stream)).toString();
}

/** Waits until the condition holds; for what has no event to wait for. */
async function eventually(condition, what) {
  const giveUp = Date.now() + PATIENCE_MS;
  while (!(await condition())) {
    assert.ok(Date.now() < giveUp, `${what} did not happen within ${PATIENCE_MS} ms`);
    await new Promise((resolve) => { setTimeout(resolve, 5); });
  }
}

/** The package's declarations of types. */
function declarations() {
  const directory = path.join(__dirname, '..', 'types');
  return fs.readdirSync(directory).map((file) => fs.readFileSync(path.join(directory, file), 'utf8')).join('\n');
}

function threadCount() {
  return fs.readdirSync('/proc/self/task').length;
}

function descriptorCount() {
  return fs.readdirSync('/proc/self/fd').length;
}

/** Runs roles/NAME.js in a process of its own: how it ended, and what it printed. */
function runRole(name, args = [], flags = []) {
  return new Promise((resolve) => {
    const program = path.join(__dirname, 'roles', `${name}.js`);
    execFile(process.execPath, [...flags, program, ...args], { timeout: PATIENCE_MS }, (error, stdout, stderr) => {
      resolve({ code: error ? error.code : 0, signal: error?.signal ?? null, stdout, stderr });
    });
  });
}

/** Whether the sandboxes of a home have all ended; their runners leave a little after the process that is gone. */
async function sandboxesEnd(t, home) {
  const backend = await Backend.open({ home, driver: DRIVER });
  atEnd(t, () => backend.release());
  await eventually(async () => {
    const infos = await collect(backend.listSandboxes());
    return infos.every((info) => info.status !== 'Running' && info.status !== 'Starting');
  }, 'the end of every sandbox');
}

module.exports = {
  DRIVER, ROOT, PATIENCE_MS, atEnd, temporaryDirectory, openBackend, createdBox, runningBox, withBox, collect, text, eventually,
  declarations, threadCount, descriptorCount, runRole, sandboxesEnd, liveObjects,
};
