'use strict';
// About the library itself.
const native = require('./native.js');
const { fromText } = require('./config.js');

/** It does not change, and making a string of C's text costs several calls. */
const VERSION = native.version();
/** A constant is called without a look-up among the addon's many functions, which takes half as long as the call. */
const askAbiVersion = native.abi_version;

/** msb_version */
function version() {
  return VERSION;
}

/** msb_abi_version */
function abiVersion() {
  return askAbiVersion();
}

/** msb_build_info */
function buildInfo() {
  return fromText(native.build_info().toString());
}

const KINDS = ['all', 'backend', 'sandbox', 'exec', 'dispatcher', 'volume', 'file', 'queue', 'op'];

/** msb_debug_live_objects */
function liveObjects(kind = 'all') {
  const number = KINDS.indexOf(kind);
  if (number < 0) throw new TypeError(`there is no kind ${String(kind)}: it is one of ${KINDS.join(', ')}`);
  return native.debug_live_objects(number);
}

module.exports = { version, abiVersion, buildInfo, liveObjects };
