'use strict';
// The addon, loaded once for each environment.
const path = require('node:path');

const ADDON = path.join(__dirname, '..', 'build', 'msb.node');

function load() {
  try {
    return require(ADDON);
  } catch (error) {
    const remedy = error.code === 'MODULE_NOT_FOUND'
      ? `run \`npm rebuild\`, or \`node build-addon.js\` in ${path.dirname(__dirname)}`
      : 'is libmsb still installed where it was when the addon was built?';
    throw new Error(`libmsb's addon cannot be loaded from ${ADDON}: ${remedy}`, { cause: error });
  }
}

const native = load();
if (native.abi_version() !== native.ABI_VERSION) {
  throw new Error(`libmsb ${native.version()} has binary interface ${native.abi_version()}, but the addon was built for `
    + `${native.ABI_VERSION}: run \`npm rebuild\``);
}

module.exports = native;
