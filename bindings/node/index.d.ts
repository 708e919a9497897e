// libmsb's types, by noun.
export * from './types/backend.js';
export * from './types/storage.js';
export * from './types/sandbox.js';
export * from './types/exec.js';
export * from './types/files.js';
export * from './types/volume.js';
export * from './types/image.js';
export * from './types/errors.js';
export * from './types/calls.js';
export * from './types/library.js';
