'use strict';
// Errors: one class for each status, all of them MsbErrors. The status is the class, `reason` says more.
const native = require('./native.js');

/** Details that are what a command wrote, hence bytes; all others are text. */
const RAW_DETAILS = new Set(['stdout', 'stderr']);

/** The causes as a chain of Errors, nearest first. */
function chain(causes) {
  return causes.reduceRight((cause, message) => new Error(message, cause && { cause }), undefined);
}

class MsbError extends Error {
  constructor(record) {
    const cause = chain(record.causes);
    super(record.message, cause && { cause });
    this.code = record.code;
    this.status = record.status;
    this.reason = record.reason;
    this.errno = record.errno;
    this.retryable = record.retryable;
    this.details = Object.fromEntries(Object.entries(record.details)
      .map(([key, bytes]) => [key, RAW_DETAILS.has(key) ? bytes : bytes.toString()]));
  }

  get name() {
    return this.constructor.name;
  }
}

/** NOT_FOUND gives NotFoundError. */
function className(status) {
  const words = status.split('_').map((word) => word[0] + word.slice(1).toLowerCase());
  return `${words.join('')}Error`;
}

const PREFIX = 'MSB_ERR_';
/** More than there will ever be. */
const STATUSES = 256;
/** The classes by code: that of `MSB_ERR_NOT_FOUND` is NotFoundError. */
const byCode = new Map();
/** The same by their own names. */
const classes = {};
/** The numbers by what follows `MSB_ERR_`. */
const statuses = {};

for (let status = 1; status < STATUSES; status++) {
  const code = native.status_name(status);
  if (code === 'MSB_ERR_UNKNOWN') continue;
  const name = className(code.slice(PREFIX.length));
  classes[name] = { [name]: class extends MsbError {} }[name];
  byCode.set(code, classes[name]);
  statuses[code.slice(PREFIX.length)] = status;
}

/** The record of an error that is made here and not by libmsb. */
function ownRecord(status, reason, message) {
  return {
    status: statuses[status], code: PREFIX + status, message, reason, errno: 0, retryable: false, causes: [], details: {},
  };
}

/** An operation that an AbortSignal ended. */
class AbortError extends classes.CancelledError {
  constructor(signal, cancelled) {
    super(ownRecord('CANCELLED', cancelled?.reason ?? 'op.aborted', 'The operation was aborted'));
    this.cause = cancelled ?? signal.reason;
    this.abortReason = signal.reason;
  }
}

/** An operation of which C has no timeout, cancelled when the caller's had passed. */
function timeoutError(timeoutMs, cancelled) {
  const message = `The operation was not done within ${timeoutMs} ms, and was cancelled; give it more time, or try again`;
  const error = new classes.TimeoutError(ownRecord('TIMEOUT', 'op.timeout', message));
  error.cause = cancelled;
  return error;
}

/** The error of a record that the addon gives. A status that is newer than this package is a plain MsbError. */
function makeError(record) {
  if (record instanceof Error) return record;
  return new (byCode.get(record.code) ?? MsbError)(record);
}

function isCancelled(error) {
  return error.status === statuses.CANCELLED;
}

module.exports = { MsbError, AbortError, ...classes };
// For the rest of the package only.
for (const [name, value] of Object.entries({ makeError, timeoutError, isCancelled })) {
  Object.defineProperty(module.exports, name, { value, enumerable: false });
}
