'use strict';
// Operations as promises. The addon knows an operation by a number; here the number becomes a promise, an AbortSignal or a
// deadline becomes a cancel, and the addon's report becomes the value or the error.
const native = require('./native.js');
const { AbortError, isCancelled, makeError, timeoutError } = require('./errors.js');

const NO_LIMIT = -1;
const PROGRESS_INTERVAL_MS = 100;

/** The operations in flight: what becomes of each, by its number. */
const inFlight = new Map();

native.connect(makeError, (id, failure, value) => {
  const settle = inFlight.get(id);
  // At once: the number may be another operation's before whoever awaits this one has gone on.
  inFlight.delete(id);
  settle(failure, value);
});

function checkTimeout(timeoutMs) {
  if (timeoutMs === undefined || timeoutMs === Infinity) return NO_LIMIT;
  if (typeof timeoutMs !== 'number') throw new TypeError('timeoutMs must be a number of milliseconds');
  if (!(timeoutMs >= 0)) throw new RangeError('timeoutMs must not be negative');
  return Math.ceil(timeoutMs);
}

function checkSignal(signal) {
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw new TypeError('signal must be an AbortSignal');
  if (signal?.aborted) throw new AbortError(signal);
}

/** What each signal is to end. It has one listener, however many operations it is given to: many would be taken for a leak. */
const aborts = new WeakMap();

/** Calls `cancel` when the signal is aborted, unless the function that this gives was called before. */
function onAbort(signal, cancel) {
  let watch = aborts.get(signal);
  if (!watch) {
    const cancels = new Set();
    watch = { cancels, listener: () => cancels.forEach((each) => each()) };
    aborts.set(signal, watch);
    signal.addEventListener('abort', watch.listener, { once: true });
  }
  watch.cancels.add(cancel);
  return () => {
    watch.cancels.delete(cancel);
    if (watch.cancels.size > 0 || aborts.get(signal) !== watch) return;
    aborts.delete(signal);
    signal.removeEventListener('abort', watch.listener);
  };
}

/** One operation in flight, and who may end it early. */
class Operation {
  #id;
  #endings = [];

  constructor(id) {
    this.#id = id;
  }

  cancelOnAbort(signal) {
    this.#endings.push(onAbort(signal, () => native.cancel(this.#id)));
  }

  /** Says whether the time has passed. */
  cancelAfter(timeoutMs) {
    const deadline = { passed: false };
    const timer = setTimeout(() => {
      deadline.passed = true;
      native.cancel(this.#id);
    }, timeoutMs);
    this.#endings.push(() => clearTimeout(timer));
    return deadline;
  }

  reportTo(onProgress) {
    const timer = setInterval(() => {
      const progress = native.progress(this.#id);
      if (progress) onProgress(progress);
    }, PROGRESS_INTERVAL_MS);
    this.#endings.push(() => clearInterval(timer));
  }

  /** Never rejected: the error is made by who awaits this, because there its stack leads to the caller. */
  outcome() {
    return new Promise((resolve) => {
      inFlight.set(this.#id, (failure, value) => {
        for (const end of this.#endings) end();
        resolve({ failure, value });
      });
    });
  }
}

/** `timed` says whether C takes the timeout; if not, the operation is cancelled when the time has passed. */
async function perform(options, start, timed) {
  const { signal, timeoutMs, onProgress } = options ?? {};
  const limitMs = checkTimeout(timeoutMs);
  checkSignal(signal);
  if (onProgress !== undefined && typeof onProgress !== 'function') throw new TypeError('onProgress must be a function');
  const operation = new Operation(start(limitMs));
  const deadline = timed || limitMs === NO_LIMIT ? undefined : operation.cancelAfter(limitMs);
  if (signal) operation.cancelOnAbort(signal);
  if (onProgress) operation.reportTo(onProgress);
  const { failure, value } = await operation.outcome();
  // A success that was faster than a cancel is a success.
  if (failure === undefined) return value;
  const error = makeError(failure);
  if (isCancelled(error) && signal?.aborted) throw new AbortError(signal, error);
  if (isCancelled(error) && deadline?.passed) throw timeoutError(limitMs, error);
  throw error;
}

/** Runs the operation that `start(timeoutMs)` submits. `start` holds on to the handles until the end. */
function operate(options, start) {
  return perform(options, start, true);
}

/** The same where the function of C has no timeout. */
function operateWithin(options, start) {
  return perform(options, start, false);
}

/** Something short and local, done at once: it cannot be aborted once it has begun. */
async function direct(options, call) {
  checkSignal(options?.signal);
  return call();
}

module.exports = { direct, operate, operateWithin };
