'use strict';
/*
 * Compiles src/*.c into build/msb.node with the C compiler, against the libmsb that pkg-config finds. `npm install` runs it; it
 * does nothing when nothing has changed. Set CC, CFLAGS or PKG_CONFIG_PATH as for any other C program.
 */
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const LEAST_LIBMSB = '0.1.0';
const here = __dirname;
const output = path.join(here, 'build', 'msb.node');
const stamp = path.join(here, 'build', 'command.json');

function giveUp(message) {
  process.stderr.write(`libmsb: ${message}\n`);
  process.exit(1);
}

function run(program, args, remedy) {
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim();
  } catch (error) {
    return giveUp(`${program} ${error.code === 'ENOENT' ? 'is not installed' : 'failed'}; ${remedy}`);
  }
}

function words(text) {
  return text.split(/\s+/).filter(Boolean);
}

/** The directory of node_api.h: of the package that holds it, else of this Node.js. */
function nodeHeaders() {
  try {
    return require('node-api-headers').include_dir;
  } catch {
    const own = path.resolve(process.execPath, '../../include/node');
    if (fs.existsSync(path.join(own, 'node_api.h'))) return own;
    return giveUp(`node_api.h is neither in the package node-api-headers nor in ${own}; `
      + `run \`npm install\` in ${here}, or install this package with \`--install-links\``);
  }
}

function pkgConfig(...args) {
  return run('pkg-config', [...args, 'msb'],
    'install libmsb and pkg-config; if libmsb is not in a standard place, set PKG_CONFIG_PATH to its lib/pkgconfig');
}

function compileCommand() {
  pkgConfig('--print-errors', `--atleast-version=${LEAST_LIBMSB}`);
  const library = path.resolve(pkgConfig('--variable=libdir'));
  const sources = fs.readdirSync(path.join(here, 'src')).filter((name) => name.endsWith('.c')).sort();
  // Node.js itself has the functions of node_api.h: on macOS the linker must be told to leave them open.
  const platform = process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : [];
  return [
    ...words(process.env.CC ?? 'cc'), '-std=c11', '-D_GNU_SOURCE', '-O2', '-fPIC', '-shared', '-pthread', '-fvisibility=hidden',
    ...words(process.env.CFLAGS ?? ''), '-isystem', nodeHeaders(), ...words(pkgConfig('--cflags')),
    '-o', output, ...sources.map((name) => path.join(here, 'src', name)),
    ...words(pkgConfig('--libs')), `-Wl,-rpath,${library}`, ...platform,
  ];
}

/** Whether the addon was made by the same command, after everything it is made from. */
function isCurrent(command) {
  const inputs = [...fs.readdirSync(path.join(here, 'src')).map((name) => path.join(here, 'src', name)),
    path.join(pkgConfig('--variable=includedir'), 'msb.h')];
  try {
    const made = fs.statSync(output).mtimeMs;
    return fs.readFileSync(stamp, 'utf8') === JSON.stringify(command)
      && inputs.every((name) => fs.statSync(name).mtimeMs <= made);
  } catch (error) {
    if (error.code === 'ENOENT') return false;
    throw error;
  }
}

const command = compileCommand();
if (!isCurrent(command)) {
  fs.mkdirSync(path.dirname(output), { recursive: true });
  run(command[0], command.slice(1), 'a C11 compiler is needed, and what it printed says more');
  fs.writeFileSync(stamp, JSON.stringify(command));
}
