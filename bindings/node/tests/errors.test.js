'use strict';
// Errors: real classes, with everything that libmsb says.
const assert = require('node:assert/strict');
const { test } = require('node:test');
const msb = require('..');
const native = require('../lib/native.js');
const { openBackend, createdBox, withBox } = require('./support.js');

test('an_error_is_an_instance_of_its_status', async (t) => {
  const { backend } = await openBackend(t);
  await assert.rejects(backend.openSandbox('nobody'), (error) => {
    assert.ok(error instanceof msb.NotFoundError && error instanceof msb.MsbError && error instanceof Error);
    assert.equal(error.name, 'NotFoundError');
    assert.equal(error.code, 'MSB_ERR_NOT_FOUND');
    assert.equal(error.status, 2);
    assert.match(error.reason, /^[a-z_]+\.[a-z_]+$/);
    assert.match(error.message, /nobody/);
    assert.equal(error.retryable, false);
    return true;
  });
});

test('an_error_of_an_operation_leads_to_the_caller_in_its_stack', async (t) => {
  const { backend } = await openBackend(t);
  await createdBox(t, backend, 'twice');
  async function callerOfCreate() {
    await backend.createSandbox({ name: 'twice', image: '/' });
  }
  await assert.rejects(callerOfCreate(), (error) => {
    assert.ok(error instanceof msb.AlreadyExistsError, error.stack);
    assert.match(error.stack, /callerOfCreate/);
    return true;
  });
});

test('a_wrong_key_of_a_configuration_is_named', async (t) => {
  const { backend } = await openBackend(t);
  await assert.rejects(backend.createSandbox({ name: 'box', image: '/', colour: 'red' }), (error) => {
    assert.ok(error instanceof msb.ConfigInvalidError);
    assert.match(error.message, /colour/);
    return true;
  });
});

test('causes_are_a_chain_of_errors', async () => {
  await assert.rejects(msb.Backend.open({ home: '/proc/no-home', driver: 'process' }), (error) => {
    assert.ok(error instanceof msb.MsbError);
    assert.ok(error.cause instanceof Error, error.stack);
    assert.notEqual(error.errno, 0);
    return true;
  });
});

test('a_command_that_cannot_be_started_says_why', async (t) => {
  const { box } = await withBox(t);
  await assert.rejects(box.exec('/no/such/program'), (error) => {
    assert.ok(error instanceof msb.ExecFailedError);
    assert.equal(error.reason, 'exec.not_found');
    return true;
  });
});

test('a_command_out_of_time_hands_over_what_it_wrote', async (t) => {
  const { box } = await withBox(t);
  await assert.rejects(box.exec('sh', ['-c', 'echo early; exec sleep 60'], { timeoutMs: 500 }), (error) => {
    assert.ok(error instanceof msb.TimeoutError);
    assert.equal(error.details.stdout.toString(), 'early\n');
    return true;
  });
});

test('wrong_arguments_are_type_errors_and_not_crashes', async (t) => {
  const { backend } = await openBackend(t);
  const box = await createdBox(t, backend);
  await assert.rejects(backend.openSandbox(42), TypeError);
  await assert.rejects(backend.openSandbox('a\0b'), TypeError);
  await assert.rejects(backend.createSandbox('box'), TypeError);
  await assert.rejects(box.wait({ timeoutMs: -5 }), RangeError);
  await assert.rejects(box.wait({ timeoutMs: 'long' }), TypeError);
  await assert.rejects(box.wait({ signal: {} }), TypeError);
  await assert.rejects(box.fs.write('/x', { not: 'bytes' }), TypeError);
  await assert.rejects(box.fs.write('/x', new Uint16Array(4)), TypeError);
  await assert.rejects(box.fs.chmod('/x', -1), RangeError);
  await assert.rejects(box.fs.chmod('/x', 2 ** 40), RangeError);
  await assert.rejects(box.fs.chmod('/x', 1.5), RangeError);
});

test('a_wrong_this_is_a_type_error', async () => {
  assert.throws(() => msb.Sandbox.prototype.release.call({}), TypeError);
  await assert.rejects(msb.Backend.prototype.info.call(msb), TypeError);
  for (const value of [undefined, null, 1, 'x', {}, [], native, Buffer.alloc(8)]) {
    assert.throws(() => native.sandbox_info_get(value), TypeError);
    assert.throws(() => native.release(value), TypeError);
  }
  assert.throws(() => native.sandbox_info_get(), TypeError);
  assert.throws(() => new msb.Sandbox(7).release(), TypeError);
});

test('a_handle_of_another_kind_is_a_type_error', async () => {
  const handle = native.backend_default();
  assert.throws(() => native.sandbox_info_get(handle), /a Sandbox is expected/);
  assert.throws(() => native.file_size(handle, -1), /a File is expected/);
  native.release(handle);
});

test('a_released_object_refuses_every_call_and_is_released_again_in_peace', async (t) => {
  const { backend } = await openBackend(t);
  const box = await createdBox(t, backend);
  box.release();
  box.release();
  await assert.rejects(box.info(), msb.StaleHandleError);
  await assert.rejects(box.start(), msb.StaleHandleError);
});
