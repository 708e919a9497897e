'use strict';
// Configurations and filters as the JSON text that libmsb reads, which checks them: an unknown key is its error. Only names are
// changed, from memoryMib to memory_mib; keys that are the user's own, such as those of `env`, stay.

/** Values whose keys are names of the user's. */
const OWN_KEYS = new Set(['env', 'labels', 'registryHosts']);

function snake(key) {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function camel(key) {
  return key.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
}

/** The same with every key renamed. `undefined` is as good as absent. */
function rename(value, renamed) {
  if (Array.isArray(value)) return value.map((item) => rename(item, renamed));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => (
    [renamed(key), OWN_KEYS.has(camel(key)) ? item : rename(item, renamed)]
  )));
}

/** JSON has numbers of any size, JSON.stringify has not: a bigint is written as it is. */
function write(value) {
  if (typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return `[${value.map((item) => write(item ?? null)).join()}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const members = Object.entries(value).filter(([, item]) => item !== undefined);
  return `{${members.map(([key, item]) => `${JSON.stringify(key)}:${write(item)}`).join()}}`;
}

/** The text for the addon; no configuration is undefined. */
function toText(config) {
  if (config === undefined || config === null) return undefined;
  if (typeof config !== 'object') throw new TypeError('the configuration must be an object');
  const text = write(rename(config, snake));
  if (text === undefined) throw new TypeError('the configuration holds something that is no JSON');
  return text;
}

/** What libmsb wrote. */
function fromText(text) {
  return rename(JSON.parse(text), camel);
}

module.exports = { fromText, toText };
