/*
 * Handles as JavaScript objects: opaque, each with a type tag, so that no other object passes for one. What is collected is
 * released; `release` does it at a time of the program's choice. libmsb refuses what was released.
 */
#include "addon.h"

#include <stdlib.h>

/* Random, fixed numbers: no other addon's objects have them. */
static const napi_type_tag tags[HANDLE_KINDS] = {
    [HANDLE_BACKEND] = {0x8f1d6b0c52e94a37, 0xb1d0c6f04e7a9d21}, [HANDLE_SANDBOX] = {0x3a5ce8917bd24f06, 0x9e47a1c35d80b2f4},
    [HANDLE_EXEC] = {0xd2079b4e61fc4853, 0xa6b8351fe9047cd2},    [HANDLE_VOLUME] = {0x64b3f0a97d1e4c82, 0x85c92e60b7d3f41a},
    [HANDLE_FILE] = {0x17e8d5c2a09b4f6d, 0xbc40e7932f6a158d},
};

/* The number stays: libmsb knows that it was given back, and says so. */
static void release(struct handle *handle) {
    if (handle->released) return;
    handle->released = true;
    switch (handle->kind) {
        case HANDLE_BACKEND: msb_backend_release(&(msb_backend){handle->id}); break;
        case HANDLE_SANDBOX: msb_sandbox_release(&(msb_sandbox){handle->id}); break;
        case HANDLE_EXEC: msb_exec_release(&(msb_exec){handle->id}); break;
        case HANDLE_VOLUME: msb_volume_release(&(msb_volume){handle->id}); break;
        case HANDLE_FILE: msb_file_release(&(msb_file){handle->id}); break;
        case HANDLE_KINDS: break;
    }
}

static void collect(napi_env env, void *data, void *hint) {
    (void)env, (void)hint;
    release(data);
    free(data);
}

napi_value wrap_handle(napi_env env, enum handle_kind kind, uint64_t id) {
    napi_value object;
    struct handle *handle = malloc(sizeof *handle);
    if (!handle) {
        release(&(struct handle){kind, id, false});
        napi_throw_error(env, NULL, "there is no memory for a handle");
        return NULL;
    }
    *handle = (struct handle){kind, id, false};
    if (!went_well(env, napi_create_object(env, &object)) ||
        !went_well(env, napi_wrap(env, object, handle, collect, NULL, NULL))) {
        collect(env, handle, NULL);
        return NULL;
    }
    return went_well(env, napi_type_tag_object(env, object, &tags[kind])) ? object : NULL;
}

struct handle *unwrap_handle(napi_env env, napi_value value, enum handle_kind kind) {
    static const char *const expected[HANDLE_KINDS] = {
        [HANDLE_BACKEND] = "a Backend is expected", [HANDLE_SANDBOX] = "a Sandbox is expected",
        [HANDLE_EXEC] = "an Exec is expected",      [HANDLE_VOLUME] = "a Volume is expected",
        [HANDLE_FILE] = "a File is expected",
    };
    napi_valuetype type;
    bool same = false;
    void *data;
    if (napi_typeof(env, value, &type) != napi_ok || type != napi_object ||
        napi_check_object_type_tag(env, value, &tags[kind], &same) != napi_ok || !same) {
        napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", expected[kind]);
        return NULL;
    }
    return went_well(env, napi_unwrap(env, value, &data)) ? data : NULL;
}

/* release(handle): of any kind; again does nothing. */
napi_value release_handle(napi_env env, napi_callback_info info) {
    napi_value value;
    size_t count = 1;
    bool same = false;
    void *data;
    if (!went_well(env, napi_get_cb_info(env, info, &count, &value, NULL, NULL))) return NULL;
    for (int kind = 0; kind < HANDLE_KINDS; kind++) {
        if (napi_check_object_type_tag(env, value, &tags[kind], &same) != napi_ok || !same) continue;
        if (went_well(env, napi_unwrap(env, value, &data))) release(data);
        return NULL;
    }
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "a handle is expected");
    return NULL;
}
