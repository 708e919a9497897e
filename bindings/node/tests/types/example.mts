// What a TypeScript program looks like; `tsc --strict` checks it against index.d.ts.
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import {
  AbortError, Backend, type ExecResult, type Exit, type FileInfo, type ImageInfo, MsbError, NotFoundError, type Sandbox, type SandboxConfig,
  version,
} from 'libmsb';

const config: SandboxConfig = {
  name: 'typed', image: '/srv/root', memoryMib: 256, env: { LANG: 'C' },
  mounts: [{ guestPath: '/data', volume: 'data', volumeMode: 'ensure', readOnly: true }],
  rlimits: [{ resource: 'nofile', soft: 1024, hard: 2n ** 63n }],
};

async function sandboxNamed(backend: Backend, name: string): Promise<Sandbox> {
  try {
    return await backend.openSandbox(name);
  } catch (error) {
    if (error instanceof NotFoundError) return backend.createSandbox({ ...config, name });
    throw error;
  }
}

async function run(sandbox: Sandbox, signal: AbortSignal): Promise<string> {
  const result: ExecResult = await sandbox.exec('uname', ['-a'], { signal, timeoutMs: 5000 });
  const code: number | null = result.exitCode;
  return `${code} ${result.stdout.toString('utf8')}`;
}

async function stream(sandbox: Sandbox): Promise<void> {
  await using exec = await sandbox.execStart('sh', ['-c', 'cat'], { stdin: 'pipe', tty: false });
  exec.stdin.end('text');
  const file = await open('/dev/null', 'w');
  await pipeline(exec.stdout, file.createWriteStream());
  const { timedOut }: { timedOut: boolean } = await exec.wait({ timeoutMs: 1000 });
  console.log(timedOut, exec.pid);
}

async function files(sandbox: Sandbox): Promise<bigint> {
  let newest = 0n;
  for await (const info of sandbox.fs.list('/', { pageEntries: 100 })) {
    const file: FileInfo = info;
    if (file.kind === 'file' && file.modifiedNs > newest) newest = file.modifiedNs;
  }
  using file = await sandbox.fs.open('/etc/hostname', 'r');
  console.log((await file.pread(0n, 16)).length);
  await sandbox.copyIn('/srv/in', '/in', { onProgress: ({ bytesDone }) => console.log(bytesDone) });
  return newest;
}

async function images(backend: Backend): Promise<number> {
  const image: ImageInfo = await backend.loadImage('python.tar', { reference: 'python:3.12' }, { onProgress: () => {} });
  let bytes = 0;
  for await (const { layers } of backend.listImages({ referencePrefix: 'docker.io/' })) bytes += layers[0]?.diskBytes ?? 0;
  await backend.removeImage(image.reference);
  return bytes;
}

async function main(): Promise<void> {
  await using backend = await Backend.open({ home: '/tmp/typed', driver: 'qemu' });
  const sandbox = await sandboxNamed(backend, 'typed');
  const controller = new AbortController();
  try {
    await sandbox.start({ signal: controller.signal, timeoutMs: 60_000 });
    console.log(version(), await run(sandbox, controller.signal), await files(sandbox));
    await stream(sandbox);
    console.log(await images(backend));
  } catch (error) {
    if (error instanceof AbortError) console.log(error.abortReason, error.cause);
    else if (error instanceof MsbError) console.log(error.code, error.reason, error.retryable, error.details.sandbox);
    else throw error;
  }
  const exit: Exit = await sandbox.wait();
  console.log(exit.reason === 'stopRequested', exit.startedAt?.getTime());

  // @ts-expect-error a handle is given by a backend, not made
  console.log(new Backend(1));
  // @ts-expect-error a misspelt option
  await backend.createSandbox({ name: 'x', image: '/', memoryMb: 1 });
  // @ts-expect-error no such flags
  await sandbox.fs.open('/x', 'read');
}

await main();
