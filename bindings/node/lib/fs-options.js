'use strict';
// What the files of sandboxes and volumes have in common: words for flags, data, times, and listings.
const native = require('./native.js');

const { OPEN_READ: R, OPEN_WRITE: W, OPEN_CREATE: C, OPEN_EXCLUSIVE: X, OPEN_TRUNCATE: T, OPEN_APPEND: A } = native;
/** As in node:fs. */
const OPEN_FLAGS = {
  r: R, 'r+': R | W,
  w: W | C | T, wx: W | C | X, 'w+': R | W | C | T, 'wx+': R | W | C | X,
  a: W | C | A, ax: W | C | X | A, 'a+': R | W | C | A, 'ax+': R | W | C | X | A,
};
const FILE_MODE = 0o644;
const DIRECTORY_MODE = 0o755;
const PAGE_ENTRIES = 1000;
/** MSB_TIME_KEEP: such a time stays as it is. */
const TIME_KEEP = -(2n ** 63n);

function openFlags(flags = 'r') {
  const number = OPEN_FLAGS[flags];
  if (number === undefined) {
    throw new TypeError(`${String(flags)} opens no file: it is one of ${Object.keys(OPEN_FLAGS).join(', ')}`);
  }
  return number;
}

function writeFlags(options) {
  return (options?.atomic ? native.WRITE_ATOMIC : 0) | (options?.append ? native.WRITE_APPEND : 0);
}

function bytesOf(data) {
  return typeof data === 'string' ? Buffer.from(data) : data;
}

/** Nanoseconds since 1970 of a Date, a bigint of nanoseconds, or nothing. */
function timeNs(time) {
  if (time === undefined || time === null) return TIME_KEEP;
  if (typeof time === 'bigint') return time;
  if (time instanceof Date && !Number.isNaN(time.getTime())) return BigInt(time.getTime()) * 1_000_000n;
  throw new TypeError('a time is a Date or a bigint of nanoseconds since 1970');
}

/** The number of a descriptor that is open for the whole of an operation: itself, or an object with `fd` like a FileHandle. */
function descriptor(file) {
  const fd = typeof file === 'number' ? file : file?.fd;
  if (!Number.isInteger(fd) || fd < 0) throw new TypeError('an open file descriptor or a FileHandle is expected');
  return fd;
}

/** Every entry of a directory: `list(cursor, limit)` gives a page. */
async function* entries(options, list) {
  let cursor = 0n;
  do {
    const page = await list(cursor, options?.pageEntries ?? PAGE_ENTRIES);
    yield* page.items;
    cursor = page.next;
  } while (cursor !== 0n);
}

module.exports = { FILE_MODE, DIRECTORY_MODE, openFlags, writeFlags, bytesOf, timeNs, descriptor, entries };
