'use strict';
// One virtual machine on MSB_TEST_DRIVER (qemu) with the root MSB_TEST_ROOT: what the process driver cannot show.
const assert = require('node:assert/strict');
const fs = require('node:fs');
const { test } = require('node:test');
const msb = require('../..');
const { ROOT, openBackend, collect, text, temporaryDirectory, liveObjects } = require('../support.js');

const BOOT_MS = 100_000;

test('a_virtual_machine_boots_runs_streams_and_stops', async (t) => {
  const { backend } = await openBackend(t);
  const directory = temporaryDirectory(t);
  const volume = await backend.createVolume({ name: 'shared', quotaMib: 8 });
  await volume.write('greeting', 'from the host\n');
  const box = await backend.createSandbox({
    name: 'vm', image: ROOT, memoryMib: 256, hostname: 'told', env: { COLOUR: 'red' },
    mounts: [{ guestPath: '/data', volume: 'shared' }],
  });
  await box.start({ timeoutMs: BOOT_MS });

  await t.test('a_command_runs_in_a_kernel_of_its_own', async () => {
    const { stdout } = await box.exec('/bin/sh', ['-c', 'uname -s; hostname; echo $COLOUR']);
    assert.equal(`${stdout}`, 'Linux\ntold\nred\n');
    const info = await box.info();
    assert.deepEqual([info.status, info.driver], ['Running', process.env.MSB_TEST_DRIVER]);
  });

  await t.test('streams_carry_megabytes_both_ways', async () => {
    const exec = await box.execStart('cat', [], { stdin: 'pipe' });
    exec.stdin.end(Buffer.alloc(4_000_000, 'abcdefg'));
    assert.equal((await text(exec.stdout)).length, 4_000_000);
    assert.equal((await exec.wait()).exitCode, 0);
    exec.release();
  });

  await t.test('a_volume_is_shared_with_the_host', async () => {
    await box.exec('/bin/sh', ['-c', 'tr a-z A-Z < /data/greeting > /data/answer']);
    assert.equal(`${await volume.read('answer')}`, 'FROM THE HOST\n');
    assert.deepEqual((await volume.info()).attachedTo, ['vm']);
  });

  await t.test('files_of_the_guest_are_reached_and_copied', async () => {
    await box.fs.write('/root/note', 'text');
    assert.equal(`${(await box.exec('cat', ['/root/note'])).stdout}`, 'text');
    assert.ok((await collect(box.fs.list('/bin'))).some((info) => info.name === 'sh'));
    const file = await box.fs.open('/root/note', 'r+');
    await file.pwrite(0, 'T');
    assert.equal(`${await file.pread(0, 10)}`, 'Text');
    file.release();
    await box.copyOut('/root/note', `${directory}/note`);
    assert.equal(fs.readFileSync(`${directory}/note`, 'utf8'), 'Text');
  });

  await t.test('an_abort_ends_a_command_and_not_the_machine', async () => {
    const signal = AbortSignal.timeout(200);
    await assert.rejects(box.exec('sleep', ['600'], { signal }), msb.AbortError);
    assert.equal((await box.exec('true')).exitCode, 0);
  });

  await t.test('a_stop_is_clean_and_nothing_is_left', async () => {
    await box.stop({ timeoutMs: 60_000 });
    const exit = await box.wait();
    assert.deepEqual([exit.reason, exit.clean, exit.killed], ['stopRequested', true, false]);
    await box.remove();
    await volume.remove();
    box.release();
    volume.release();
    assert.deepEqual([liveObjects('sandbox'), liveObjects('exec'), liveObjects('volume'), liveObjects('file')], [0, 0, 0, 0]);
  });
});
