'use strict';
// Every program of README.md runs, each in a process of its own that has a backend and a sandbox, if it does not make them.
const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { ociArchive } = require('./archives.js');
const { DRIVER, PATIENCE_MS, ROOT, temporaryDirectory } = require('./support.js');

const PACKAGE = path.join(__dirname, '..');
const README = fs.readFileSync(path.join(PACKAGE, 'README.md'), 'utf8');
const PROGRAMS = [...README.matchAll(/^```js\n([\s\S]*?)^```$/gm)].map((match) => match[1]);
const BEGIN = `
const backend = await Backend.open();
const sandbox = await backend.createSandbox({ name: 'readme', image: '/path/to/root-directory', ephemeral: true });
await sandbox.start();
`;
const END = '\nawait sandbox.stop();\nawait backend.close();\n';

/** A whole module for this machine. */
function complete(program) {
  if (program.includes('Backend.open')) return program;
  const imports = program.match(/^import .*$/gm) ?? [];
  return ["import { Backend } from 'libmsb';", ...imports, BEGIN, program.replace(/^import .*$/gm, ''), END].join('\n');
}

function run(t, program) {
  const directory = temporaryDirectory(t);
  fs.mkdirSync(path.join(directory, 'node_modules'));
  fs.symlinkSync(PACKAGE, path.join(directory, 'node_modules', 'libmsb'));
  fs.writeFileSync(path.join(directory, 'names.txt'), 'two\none\n');
  fs.renameSync(ociArchive(directory, 'docker.io/library/python:3.12'), path.join(directory, 'python.tar'));
  fs.writeFileSync(path.join(directory, 'program.mjs'), complete(program)
    .replace('Backend.open()', `Backend.open({ driver: '${DRIVER}' })`).replace('/path/to/root-directory', ROOT));
  const output = execFileSync(process.execPath, ['program.mjs'], {
    cwd: directory, env: { ...process.env, MSB_HOME: path.join(directory, 'home') }, encoding: 'utf8', timeout: PATIENCE_MS,
  });
  return { directory, output };
}

test('the_first_program_prints_what_uname_says', (t) => {
  assert.match(run(t, PROGRAMS[0]).output, /^Linux /);
});

test('the_programs_in_the_text_run', (t) => {
  const ran = PROGRAMS.slice(1).map((program) => run(t, program));
  assert.equal(fs.readFileSync(path.join(ran[0].directory, 'sorted.txt'), 'utf8'), 'one\ntwo\n');
  assert.match(ran[1].output, /docker\.io\/library\/python:3\.12 \[ '-c', 'true' \]\n$/);
  assert.match(ran[2].output, /^MSB_ERR_NOT_FOUND sandbox\.not_found /);
  assert.equal(ran.length, 3);
});
