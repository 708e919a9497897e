'use strict';
// The symbols of `using` and `await using`, where Node.js does not have them yet: before 20.
for (const name of ['dispose', 'asyncDispose']) {
  if (Symbol[name] === undefined) Object.defineProperty(Symbol, name, { value: Symbol(`Symbol.${name}`) });
}
