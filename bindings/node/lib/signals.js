'use strict';
// Signals by name. The numbers are Linux's, which every guest has; those of the host's os.constants may differ.
const NAMES = [
  'HUP', 'INT', 'QUIT', 'ILL', 'TRAP', 'ABRT', 'BUS', 'FPE', 'KILL', 'USR1', 'SEGV', 'USR2', 'PIPE', 'ALRM', 'TERM', 'STKFLT',
  'CHLD', 'CONT', 'STOP', 'TSTP', 'TTIN', 'TTOU', 'URG', 'XCPU', 'XFSZ', 'VTALRM', 'PROF', 'WINCH', 'IO', 'PWR', 'SYS',
].map((name) => `SIG${name}`);

function signalNumber(signal) {
  if (typeof signal === 'number') return signal;
  const number = NAMES.indexOf(signal) + 1;
  if (number === 0) throw new TypeError(`${String(signal)} is no signal: a name such as SIGTERM or a number is expected`);
  return number;
}

/** The name; null for 0, which is no signal. A real-time signal has only a number. */
function signalName(number) {
  if (number === 0) return null;
  return NAMES[number - 1] ?? `SIG${number}`;
}

/** A record of an end with the signal's name, and an exit code only if there was one. */
function named(record) {
  record.exitCode = record.signal === 0 && record.exitCode >= 0 ? record.exitCode : null;
  record.signal = signalName(record.signal);
  return record;
}

module.exports = { named, signalNumber };
