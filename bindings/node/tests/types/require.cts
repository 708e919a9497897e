// The same package for `require`.
import libmsb = require('libmsb');

async function names(backend: libmsb.Backend): Promise<string[]> {
  const found: string[] = [];
  for await (const info of backend.listVolumes({ kind: 'dir' })) found.push(info.name);
  return found;
}

libmsb.Backend.open({}, { timeoutMs: 1000 }).then(names).then(console.log);
