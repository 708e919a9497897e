'use strict';
// Images pulled from a registry, which is a server of the test's own.
const assert = require('node:assert/strict');
const http = require('node:http');
const { test } = require('node:test');
const { AbortError, NotFoundError, PermissionDeniedError } = require('..');
const { ociImage } = require('./archives.js');
const { atEnd, createdBox, openBackend } = require('./support.js');

const LOGIN = { username: 'who', password: 'secret' };

/** A registry with the image team/tool:1, which `team/silent` never answers: its address, and the paths that were asked for. */
async function registry(t, login) {
  const { blobs, manifest } = ociImage();
  const asked = [];
  const wanted = login && `Basic ${Buffer.from(`${login.username}:${login.password}`).toString('base64')}`;
  const server = http.createServer((request, response) => {
    const [, name, kind, what] = request.url.match(/^\/v2\/(?:(.*)\/(manifests|blobs)\/(.*))?$/) ?? [];
    asked.push(request.url);
    if (name === 'team/silent') return;
    if (wanted && request.headers.authorization !== wanted) {
      response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="test"' }).end();
      return;
    }
    const digest = kind === 'manifests' && what === '1' ? manifest.digest : what;
    const data = name === 'team/tool' && blobs.get(digest);
    if (name && !data) response.writeHead(404).end();
    else if (!name) response.end();
    else {
      const type = kind === 'manifests' ? manifest.mediaType : 'application/octet-stream';
      response.writeHead(200, { 'Content-Type': type, 'Content-Length': data.length, 'Docker-Content-Digest': digest });
      response.end(request.method === 'HEAD' ? undefined : data);
    }
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  atEnd(t, () => {
    server.closeAllConnections();
    return new Promise((resolve) => { server.close(resolve); });
  });
  return { address: `127.0.0.1:${server.address().port}`, asked };
}

test('an_image_is_pulled_once', async (t) => {
  const { address, asked } = await registry(t);
  const { backend } = await openBackend(t);
  const reference = `${address}/team/tool:1`;
  await assert.rejects(backend.pullImage(reference, { policy: 'never' }), NotFoundError);
  assert.deepEqual(asked, []);
  const info = await backend.pullImage(reference, { insecure: true });
  assert.equal(info.reference, reference);
  assert.deepEqual(info.cmd, ['-c', 'true']);
  const before = asked.length;
  assert.deepEqual(await backend.pullImage(reference), info);
  assert.equal(asked.length, before);
  await backend.pullImage(reference, { policy: 'always', insecure: true });
  assert.ok(asked.length > before && !asked.slice(before).some((url) => url.endsWith(info.layers[0].digest)), `${asked}`);
});

test('a_sandbox_pulls_the_image_that_it_lacks', async (t) => {
  const { address } = await registry(t);
  const { backend } = await openBackend(t, { registryHosts: { [address]: { insecure: true } } });
  const image = `${address}/team/tool:1`;
  await assert.rejects(backend.createSandbox({ name: 'box', image, imagePullPolicy: 'never' }), NotFoundError);
  const box = await createdBox(t, backend, 'box', { image });
  assert.equal((await box.info()).image, image);
  await box.remove();
});

test('a_registry_is_logged_in_to', async (t) => {
  const { address } = await registry(t, LOGIN);
  const { backend } = await openBackend(t);
  const reference = `${address}/team/tool:1`;
  await assert.rejects(backend.pullImage(reference, { insecure: true }), PermissionDeniedError);
  const info = await backend.pullImage(reference, { insecure: true, credentials: LOGIN });
  assert.equal(info.reference, reference);
});

test('an_aborted_pull_leaves_no_image', async (t) => {
  const { address } = await registry(t);
  const { backend } = await openBackend(t);
  const reference = `${address}/team/silent:1`;
  const controller = new AbortController();
  const onProgress = () => controller.abort();
  await assert.rejects(backend.pullImage(reference, { insecure: true }, { signal: controller.signal, onProgress }), AbortError);
  await assert.rejects(backend.imageInfo(reference), NotFoundError);
});
