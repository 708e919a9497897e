'use strict';
// Archives of images, made here: tars of root file systems, and OCI archives.
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');

const ARCHITECTURES = { x64: 'amd64', arm64: 'arm64' };

/** A member of a tar. */
function member(name, type, content) {
  const data = Buffer.from(content);
  const header = Buffer.alloc(512);
  const size = data.length.toString(8).padStart(11, '0');
  for (const [offset, text] of [[0, name], [100, '0000755\0'], [108, '0000000\0'], [116, '0000000\0'], [124, `${size}\0`],
    [136, '00000000000\0'], [148, ' '.repeat(8)], [156, type], [257, 'ustar\x0000']]) header.write(text, offset, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0).toString(8).padStart(6, '0');
  header.write(`${sum}\0 `, 148, 'latin1');
  return Buffer.concat([header, data, Buffer.alloc((512 - (data.length % 512)) % 512)]);
}

function tar(...members) {
  return Buffer.concat([...members, Buffer.alloc(1024)]);
}

/** The tar of a root file system with one file. */
function rootTar(home, motd) {
  const file = path.join(home, 'root.tar');
  fs.writeFileSync(file, tar(member('etc/', '5', ''), member('etc/motd', '0', motd)));
  return file;
}

function digestOf(data) {
  return `sha256:${createHash('sha256').update(data).digest('hex')}`;
}

/** An image of this host as its blobs by digest, and what describes its manifest. */
function ociImage() {
  const blobs = new Map();
  const add = (type, content) => {
    const data = Buffer.from(content);
    const digest = digestOf(data);
    blobs.set(digest, data);
    return { mediaType: `application/vnd.oci.image.${type}`, digest, size: data.length };
  };
  const root = tar(member('etc/', '5', ''), member('etc/motd', '0', 'from an archive\n'));
  const layer = add('layer.v1.tar', root);
  const config = add('config.v1+json', JSON.stringify({
    os: 'linux',
    architecture: ARCHITECTURES[process.arch],
    config: { Env: ['A=1', 'B=2'], Entrypoint: ['/bin/sh'], Cmd: ['-c', 'true'], User: 'nobody', WorkingDir: '/etc',
      StopSignal: 'SIGINT', Labels: { who: 'test' } },
    rootfs: { type: 'layers', diff_ids: [digestOf(root)] },
  }));
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = add('manifest.v1+json', JSON.stringify({ schemaVersion: 2, mediaType, config, layers: [layer] }));
  return { blobs, manifest };
}

/** An OCI archive with one image of this host, as `skopeo copy ... oci-archive:` makes them. */
function ociArchive(home, name) {
  const { blobs, manifest } = ociImage();
  const annotations = { 'org.opencontainers.image.ref.name': name };
  const index = { schemaVersion: 2, manifests: [{ ...manifest, annotations }] };
  const file = path.join(home, 'archive.tar');
  fs.writeFileSync(file, tar(member('oci-layout', '0', '{"imageLayoutVersion":"1.0.0"}'),
    member('index.json', '0', JSON.stringify(index)),
    ...[...blobs].map(([digest, data]) => member(`blobs/sha256/${digest.slice(7)}`, '0', data))));
  return file;
}

module.exports = { ociArchive, ociImage, rootTar };
