'use strict';
// Every public function of msb.h is called by the addon, or is on this list with the reason why not.
const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { declarations } = require('./support.js');

const PACKAGE = path.join(__dirname, '..');

/** Left out on purpose: a pattern of names, and the reason. */
const LEFT_OUT = [
  [/^msb_(dispatcher_\w+|exec_dispatch|queue_dispatch)$/,
    'a thread of the library that calls JavaScript is impossible; streams and promises do it'],
  [/^msb_queue_pending$/, 'the addon counts its operations itself: that count holds the event loop'],
  [/^msb_(backend|sandbox|exec|volume|image_load|image_pull)_config_new$/,
    'configurations are plain objects, read by the function that ends with from_json'],
  [/^msb_(sandbox|volume|image)_filter_new$/, 'filters are plain objects, read by the function that ends with from_json'],
  [/^msb_(mount|patch)_config_\w+$/, 'mounts and patches are part of the plain object of a sandbox'],
  [/^msb_\w+_(config|filter)_to_json$/, 'the program has the object that it gave'],
  [/^msb_snapshot_\w+$/, 'snapshots can only be listed yet; they come to the bindings when they can be taken'],
  [/^msb_backend_info_(?!get$|to_json$|free$)\w+$/, 'one call of msb_backend_info_to_json gives all of them'],
];

/** Options are set through from_json; that each of them is declared is tested below. */
const SETTER = /^msb_\w+_(?:config|filter)_(?:set|add)_(\w+)$/;

/** Functions that the blocking twin stands for: nothing in Node.js may block. */
function hasTwin(name, all) {
  return all.has(`${name}_async`);
}

const includes = execFileSync('pkg-config', ['--variable=includedir', 'msb'], { encoding: 'utf8' }).trim();
const header = fs.readFileSync(path.join(includes, 'msb.h'), 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
const functions = new Set([...header.matchAll(/\b(msb_\w+)\s*\(/g)].map((match) => match[1])
  .filter((name) => !header.includes(`(*${name})`)));

/** The sources, with the names that macros make of nouns. */
function called() {
  const names = new Set();
  for (const file of fs.readdirSync(path.join(PACKAGE, 'src'))) {
    const source = fs.readFileSync(path.join(PACKAGE, 'src', file), 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
    for (const [name] of source.matchAll(/\bmsb_\w+/g)) names.add(name);
    for (const [, noun] of source.matchAll(/^CONFIG\((\w+)\)$/gm)) {
      names.add(`msb_${noun}_from_json`).add(`msb_${noun}_free`);
    }
    for (const [, noun] of source.matchAll(/\bFREED\((\w+), \w+\)/g)) names.add(`msb_${noun}_free`);
    for (const [, noun] of source.matchAll(/^PAGE_RECORD\((\w+), \w+\)$/gm)) {
      for (const what of ['len', 'get', 'next']) names.add(`msb_${noun}_page_${what}`);
    }
    for (const [, noun] of source.matchAll(/^LABELS_RECORD\((\w+)\)$/gm)) {
      for (const what of ['count', 'key', 'value']) names.add(`msb_${noun}_info_label_${what}`);
    }
    for (const [, noun] of source.matchAll(/^REPORT_RECORD\((\w+)\)$/gm)) {
      for (const name of functions) if (name.startsWith(`msb_${noun}_report_`)) names.add(name);
    }
  }
  return names;
}

test('every_public_function_is_wrapped_or_left_out_on_purpose', () => {
  assert.ok(functions.size > 400, `${functions.size} functions in msb.h`);
  const names = called();
  const missing = [...functions].filter((name) => !names.has(name) && !SETTER.test(name) && !hasTwin(name, functions)
    && !LEFT_OUT.some(([pattern]) => pattern.test(name)));
  assert.deepEqual(missing, []);
});

test('nothing_on_the_list_of_what_is_left_out_is_stale', () => {
  const names = called();
  for (const [pattern] of LEFT_OUT) {
    const matched = [...functions].filter((name) => pattern.test(name));
    assert.ok(matched.length > 0, `${pattern} matches no function`);
    assert.deepEqual(matched.filter((name) => names.has(name)), [], `${pattern} matches what the addon calls`);
  }
});

test('every_wrapped_function_is_named_where_it_is_a_method', () => {
  const library = fs.readdirSync(path.join(PACKAGE, 'lib'))
    .map((file) => fs.readFileSync(path.join(PACKAGE, 'lib', file), 'utf8')).join('\n');
  const tables = fs.readdirSync(path.join(PACKAGE, 'src'))
    .map((file) => fs.readFileSync(path.join(PACKAGE, 'src', file), 'utf8')).join('\n');
  for (const [, name] of tables.matchAll(/^ {4}(?:DIRECT|OPERATION)\((\w+),/gm)) {
    assert.match(library, new RegExp(`native\\.${name}\\(`), `${name} is never called`);
    assert.match(library, new RegExp(`/\\*\\* .*\\bmsb_${name}\\b`), `no method names msb_${name}`);
  }
});

const INTERFACES = {
  backend_config: 'BackendConfig', sandbox_config: 'SandboxConfig', exec_config: 'ExecOptions', mount_config: 'Mount', patch_config: 'Patch',
  volume_config: 'VolumeConfig', image_load_config: 'ImageLoadConfig', image_pull_config: 'ImagePullConfig',
  image_filter: 'ImageFilter', sandbox_filter: 'SandboxFilter', volume_filter: 'VolumeFilter',
};
/** Where a schema's key has another name, or another place, in a call. */
const RENAMED = { exec_config: { program: null, args: null } };

test('every_option_of_every_configuration_is_declared', () => {
  const schemas = path.join(PACKAGE, '..', '..', 'schemas');
  const types = declarations();
  for (const [noun, name] of Object.entries(INTERFACES)) {
    const schema = JSON.parse(fs.readFileSync(path.join(schemas, `msb_${noun}.json`), 'utf8'));
    const [, body] = types.match(new RegExp(`export interface ${name} \\{\\n([\\s\\S]*?)\\n\\}`));
    for (const key of Object.keys(schema.properties)) {
      if (RENAMED[noun]?.[key] === null) continue;
      const declared = key.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
      assert.match(body, new RegExp(`^  ${declared}\\??: `, 'm'), `${name} has no ${declared}`);
    }
  }
});
