'use strict';
// libmsb for `require`. index.mjs is the same for `import`, index.d.ts describes both.
module.exports = {
  ...require('./lib/backend.js'),
  ...require('./lib/sandbox.js'),
  ...require('./lib/exec.js'),
  ...require('./lib/volume.js'),
  ...require('./lib/file.js'),
  ...require('./lib/errors.js'),
  ...require('./lib/library.js'),
};
