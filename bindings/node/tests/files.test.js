'use strict';
// Volumes and files: the same verbs on a directory volume, in a sandbox, and on open files.
const assert = require('node:assert/strict');
const fs = require('node:fs');
const fsp = require('node:fs/promises');
const { test } = require('node:test');
const msb = require('..');
const { atEnd, openBackend, withBox, collect, temporaryDirectory } = require('./support.js');

async function volumeFs(t) {
  const { backend } = await openBackend(t);
  const volume = await backend.createVolume({ name: 'data' });
  atEnd(t, () => volume.release());
  return { files: volume.fs, at: '' };
}

async function sandboxFs(t) {
  const { box } = await withBox(t);
  return { files: box.fs, at: `${temporaryDirectory(t)}/` };
}

const PLACES = { volume: volumeFs, sandbox: sandboxFs };

for (const [place, make] of Object.entries(PLACES)) {
  test(`files_of_a_${place}_are_written_read_and_looked_at`, async (t) => {
    const { files, at } = await make(t);
    await files.write(`${at}a`, 'text ü');
    assert.equal(`${await files.read(`${at}a`)}`, 'text ü');
    await files.write(`${at}a`, Buffer.from('!'), { append: true });
    await files.write(`${at}b`, Uint8Array.of(0, 1, 255), { atomic: true, mode: 0o600 });
    assert.deepEqual([...await files.read(`${at}b`)], [0, 1, 255]);
    const info = await files.stat(`${at}b`);
    assert.deepEqual([info.kind, info.size, info.mode & 0o777], ['file', 3, 0o600]);
    assert.equal(typeof info.inode, 'bigint');
    assert.equal(await files.exists(`${at}a`), true);
    assert.equal(await files.exists(`${at}none`), false);
    await assert.rejects(files.read(`${at}none`), msb.NotFoundError);
    await files.chmod(`${at}b`, 0o640);
    await files.utimes(`${at}b`, { modified: new Date(1_000_000_000_000) });
    const changed = await files.stat(`${at}b`);
    assert.deepEqual([changed.mode & 0o777, changed.modifiedNs], [0o640, 1_000_000_000_000_000_000n]);
    await files.rename(`${at}b`, `${at}c`);
    await files.copy(`${at}c`, `${at}d`);
    await files.symlink('d', `${at}link`);
    assert.equal(await files.readlink(`${at}link`), 'd');
    assert.equal((await files.stat(`${at}link`)).kind, 'symlink');
    assert.equal((await files.stat(`${at}link`, { follow: true })).kind, 'file');
    await files.remove(`${at}link`);
  });

  test(`directories_of_a_${place}_are_listed_page_by_page`, async (t) => {
    const { files, at } = await make(t);
    await files.mkdir(`${at}x/y`, { parents: true, mode: 0o750 });
    for (let i = 0; i < 7; i++) await files.write(`${at}x/${i}`, '');
    const names = async (options) => (await collect(files.list(`${at}x`, options))).map((info) => info.name).sort();
    assert.deepEqual(await names(), ['0', '1', '2', '3', '4', '5', '6', 'y']);
    assert.deepEqual(await names({ pageEntries: 2 }), ['0', '1', '2', '3', '4', '5', '6', 'y']);
    await assert.rejects(files.removeDir(`${at}x`), msb.MsbError);
    await files.removeDir(`${at}x`, { recursive: true });
    assert.equal(await files.exists(`${at}x`), false);
    await assert.rejects(collect(files.list(`${at}x`)), msb.NotFoundError);
  });

  test(`open_files_of_a_${place}_are_read_and_written_in_parts`, async (t) => {
    const { files, at } = await make(t);
    const file = await files.open(`${at}f`, 'w+');
    await file.pwrite(0, 'hello world');
    await file.pwrite(6n, 'WORLD');
    assert.equal(`${await file.pread(0, 100)}`, 'hello WORLD');
    assert.equal((await file.pread(100, 10)).length, 0);
    await file.append('!');
    assert.equal(await file.size(), 12);
    await file.truncate(5);
    await file.sync();
    assert.equal((await file.stat()).size, 5);
    file.release();
    file.release();
    await assert.rejects(file.size(), msb.StaleHandleError);
    await assert.rejects(files.open(`${at}f`, 'wx'), msb.AlreadyExistsError);
    await assert.rejects(files.open(`${at}f`, 'z'), TypeError);
  });

  test(`a_large_file_of_a_${place}_comes_without_a_copy_and_outlives_its_owner`, async (t) => {
    const { files, at } = await make(t);
    const data = Buffer.alloc(5_000_000, 'abc');
    await files.write(`${at}large`, data);
    assert.ok((await files.read(`${at}large`)).equals(data));
  });

  test(`a_tree_of_a_${place}_goes_through_an_archive`, async (t) => {
    const { files, at } = await make(t);
    const directory = temporaryDirectory(t);
    await files.mkdir(`${at}tree`);
    await files.write(`${at}tree/one`, '1');
    const out = await fsp.open(`${directory}/archive.tar`, 'w');
    const exported = await files.tarExport(`${at}tree`, out);
    await out.close();
    assert.ok(exported.entries >= 1);
    const input = fs.openSync(`${directory}/archive.tar`, 'r');
    await files.tarImport(`${at}copy`, input);
    fs.closeSync(input);
    const copied = await collect(files.list(`${at}copy`));
    assert.ok(copied.length > 0);
    await assert.rejects(files.tarExport(`${at}tree`, 'a path'), TypeError);
  });
}

test('a_volume_lives_from_creation_to_removal', async (t) => {
  const { backend } = await openBackend(t);
  const volume = await backend.createVolume({ name: 'v1', quotaMib: 8, labels: { a: 'b' } });
  await volume.write('note', 'n');
  assert.equal(`${await volume.read('note')}`, 'n');
  const info = await volume.info();
  assert.deepEqual([info.name, info.kind, info.quotaMib, info.usedBytes, info.attachedTo], ['v1', 'dir', 8, 1, []]);
  assert.deepEqual(info.labels, { a: 'b' });
  (await backend.createVolume({ name: 'v2' })).release();
  const listed = await collect(backend.listVolumes({ limit: 1 }));
  assert.deepEqual(listed.map((entry) => [entry.name, entry.usedBytes]), [['v1', null], ['v2', null]]);
  assert.deepEqual((await collect(backend.listVolumes({ labels: { a: 'b' } }))).map((entry) => entry.name), ['v1']);
  await assert.rejects(volume.write('big', Buffer.alloc(9 * 1024 * 1024)), msb.DiskFullError);
  await volume.remove();
  volume.release();
  await assert.rejects(backend.openVolume('v1'), msb.NotFoundError);
});

test('a_disk_volume_grows', async (t) => {
  const { backend } = await openBackend(t);
  const volume = await backend.createVolume({ name: 'disk', kind: 'disk', capacityMib: 16 });
  await volume.resize(32);
  assert.equal((await volume.info()).capacityBytes, 32 * 1024 * 1024);
  await assert.rejects(volume.fs.read('x'), msb.UnsupportedError);
  volume[Symbol.dispose]();
});

test('a_tree_is_copied_into_a_sandbox_and_out_of_it', async (t) => {
  const { box } = await withBox(t);
  const directory = temporaryDirectory(t);
  fs.mkdirSync(`${directory}/in`);
  fs.writeFileSync(`${directory}/in/file`, 'content');
  await box.copyIn(`${directory}/in`, `${directory}/guest`);
  await box.copyOut(`${directory}/guest`, `${directory}/out`);
  assert.equal(fs.readFileSync(`${directory}/out/file`, 'utf8'), 'content');
});
