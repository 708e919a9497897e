/*
 * Results of C functions as JavaScript values: for each kind, how a finished operation gives it up, and what becomes of it.
 * What is consumed here is given to JavaScript or freed, also after a failure.
 */
#include "records.h"

#include "object.h"

#include <stdlib.h>

/* Up to here copying is cheaper than an external buffer, which the engine has to track and finalize. */
enum { COPIED_BYTES = 8192 };

/* Memory of the library that buffers of JavaScript show. Freed with the last of them. */
struct shared {
    void (*free)(void *owner);
    void *owner;
    int buffers;
};

static void drop_share(napi_env env, void *data, void *hint) {
    struct shared *shared = hint;
    (void)env, (void)data;
    if (--shared->buffers > 0) return;
    shared->free(shared->owner);
    free(shared);
}

/* A buffer of the data, without a copy where the engine allows that. Takes its share in any case. */
static napi_value share(napi_env env, struct shared *shared, const uint8_t *data, size_t len) {
    napi_value buffer = NULL;
    if (len > COPIED_BYTES) {
        napi_status status = napi_create_external_buffer(env, len, (void *)(uintptr_t)data, drop_share, shared, &buffer);
        if (status == napi_ok) return buffer;
        if (status != napi_no_external_buffers_allowed) {
            went_well(env, status);
            drop_share(env, NULL, shared);
            return NULL;
        }
    }
    if (!went_well(env, napi_create_buffer_copy(env, len, data, NULL, &buffer))) buffer = NULL;
    drop_share(env, NULL, shared);
    return buffer;
}

static struct shared *new_shared(napi_env env, void (*free_owner)(void *), void *owner, int buffers) {
    struct shared *shared = malloc(sizeof *shared);
    if (shared) {
        *shared = (struct shared){free_owner, owner, buffers};
    } else {
        free_owner(owner);
        napi_throw_error(env, NULL, "there is no memory for a buffer");
    }
    return shared;
}

static void free_bytes(void *bytes) { msb_bytes_free(bytes); }
static void free_exec_result(void *result) { msb_exec_result_free(result); }

static napi_value give_bytes(napi_env env, msb_bytes *bytes) {
    struct shared *shared = new_shared(env, free_bytes, bytes, 1);
    return shared ? share(env, shared, msb_bytes_data(bytes), msb_bytes_len(bytes)) : NULL;
}

static napi_value give_exec_result(napi_env env, msb_exec_result *result) {
    struct shared *shared = new_shared(env, free_exec_result, result, 2);
    if (!shared) return NULL;
    struct object record = new_object(env);
    size_t out_len, err_len;
    const uint8_t *out = msb_exec_result_stdout(result, &out_len), *err = msb_exec_result_stderr(result, &err_len);
    put_number(&record, "exitCode", msb_exec_result_exit_code(result));
    put_number(&record, "signal", msb_exec_result_signal(result));
    put_flag(&record, "stdoutTruncated", msb_exec_result_stdout_truncated(result));
    put_flag(&record, "stderrTruncated", msb_exec_result_stderr_truncated(result));
    put_number(&record, "stdoutTotal", (double)msb_exec_result_stdout_total(result));
    put_number(&record, "stderrTotal", (double)msb_exec_result_stderr_total(result));
    put(&record, "stdout", share(env, shared, out, out_len));
    put(&record, "stderr", share(env, shared, err, err_len));
    return record.value;
}

/* Makes the record of a value object, which is freed. */
#define FREED(noun, record)                    \
    value = record##_record(env, result->noun); \
    msb_##noun##_free(result->noun);           \
    return value

napi_value give_result(struct instance *instance, enum result_kind kind, union result *result) {
    napi_env env = instance->env;
    napi_value value = NULL;
    switch (kind) {
        case BACKEND: return wrap_handle(env, HANDLE_BACKEND, result->backend.id);
        case SANDBOX: return wrap_handle(env, HANDLE_SANDBOX, result->sandbox.id);
        case EXEC: return wrap_handle(env, HANDLE_EXEC, result->exec.id);
        case VOLUME: return wrap_handle(env, HANDLE_VOLUME, result->volume.id);
        case FILE_HANDLE: return wrap_handle(env, HANDLE_FILE, result->file.id);
        case EXIT: return exit_record(env, &result->exit);
        case EXEC_STATUS: return exec_status_record(env, &result->exec_status);
        case EXEC_RESULT: return give_exec_result(env, result->exec_result);
        case BYTES: return give_bytes(env, result->bytes);
        case COUNT: went_well(env, napi_create_double(env, (double)result->count, &value)); return value;
        case FLAG: went_well(env, napi_get_boolean(env, result->flag, &value)); return value;
        case TEXT: went_well(env, napi_create_string_utf8(env, result->text, NAPI_AUTO_LENGTH, &value)); return value;
        case FILE_PROGRESS: return file_progress_record(env, &result->file_progress);
        case FILE_INFO: FREED(file_info, file_info);
        case FILE_PAGE: FREED(file_page, file_page);
        case PROBE_REPORT: FREED(probe_report, probe);
        case STORAGE_USAGE: FREED(storage_usage, storage_usage);
        case FSCK_REPORT: FREED(fsck_report, fsck);
        case PRUNE_REPORT: FREED(prune_report, prune);
        case SANDBOX_INFO: FREED(sandbox_info, sandbox_info);
        case SANDBOX_PAGE: FREED(sandbox_page, sandbox_page);
        case VOLUME_INFO: FREED(volume_info, volume_info);
        case VOLUME_PAGE: FREED(volume_page, volume_page);
        case IMAGE_INFO: FREED(image_info, image_info);
        case IMAGE_PAGE: FREED(image_page, image_page);
        case NOTHING: case RESULT_KINDS: break;
    }
    went_well(env, napi_get_undefined(env, &value));
    return value;
}

msb_status take_result(enum result_kind kind, msb_op op, union result *result, msb_error **err) {
    switch (kind) {
        case BACKEND: return msb_op_take_backend(op, &result->backend, err);
        case SANDBOX: return msb_op_take_sandbox(op, &result->sandbox, err);
        case EXEC: return msb_op_take_exec(op, &result->exec, err);
        case VOLUME: return msb_op_take_volume(op, &result->volume, err);
        case FILE_HANDLE: return msb_op_take_file(op, &result->file, err);
        case EXIT: return msb_op_take_exit(op, &result->exit, err);
        case EXEC_STATUS: return msb_op_take_exec_status(op, &result->exec_status, err);
        case EXEC_RESULT: return msb_op_take_exec_result(op, &result->exec_result, err);
        case BYTES: return msb_op_take_bytes(op, &result->bytes, err);
        case COUNT: return msb_op_take_count(op, &result->count, err);
        case FLAG: return msb_op_take_flag(op, &result->flag, err);
        case FILE_INFO: return msb_op_take_file_info(op, &result->file_info, err);
        case FILE_PAGE: return msb_op_take_file_page(op, &result->file_page, err);
        case FILE_PROGRESS: return msb_op_take_file_progress(op, &result->file_progress, err);
        case PROBE_REPORT: return msb_op_take_probe_report(op, &result->probe_report, err);
        case STORAGE_USAGE: return msb_op_take_storage_usage(op, &result->storage_usage, err);
        case FSCK_REPORT: return msb_op_take_fsck_report(op, &result->fsck_report, err);
        case PRUNE_REPORT: return msb_op_take_prune_report(op, &result->prune_report, err);
        case IMAGE_INFO: return msb_op_take_image_info(op, &result->image_info, err);
        default: return msb_op_finish(op, err);
    }
}
