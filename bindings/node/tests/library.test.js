'use strict';
// The package itself: what it exports, to whom, and what configurations become.
const assert = require('node:assert/strict');
const { test } = require('node:test');
const msb = require('..');
const { toText, fromText } = require('../lib/config.js');
const { declarations } = require('./support.js');

test('import_and_require_give_the_same_objects', async () => {
  const imported = await import('../index.mjs');
  for (const name of Object.keys(msb)) assert.equal(imported[name], msb[name], name);
  assert.deepEqual(Object.keys(imported).sort(), Object.keys(msb).sort());
});

test('every_export_is_declared_and_every_declared_class_is_exported', () => {
  const declared = [...declarations().matchAll(/^export (?:class|function) (\w+)/gm)].map((match) => match[1]);
  assert.deepEqual(Object.keys(msb).sort(), [...new Set(declared)].sort());
});

test('the_library_says_its_version', () => {
  assert.match(msb.version(), /^\d+\.\d+\.\d+$/);
  assert.equal(msb.buildInfo().version, msb.version());
  assert.equal(msb.buildInfo().abiVersion, msb.abiVersion());
});

test('configurations_keep_their_users_own_keys', () => {
  const rlimits = [{ resource: 'as', soft: 1, hard: 2n ** 64n - 1n }];
  const config = { memoryMib: 1, env: { HOME_DIR: 'x', aB: 'y' }, rlimits };
  assert.equal(toText(config),
    '{"memory_mib":1,"env":{"HOME_DIR":"x","aB":"y"},"rlimits":[{"resource":"as","soft":1,"hard":18446744073709551615}]}');
  assert.deepEqual(fromText('{"guest_path":"/a","labels":{"a_b":"c"}}'), { guestPath: '/a', labels: { a_b: 'c' } });
});
