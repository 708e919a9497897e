/* The module: its functions and constants, and the state of one environment. */
#include "addon.h"

#include <stdlib.h>

bool went_well(napi_env env, napi_status status) {
    const napi_extended_error_info *info = NULL;
    bool pending = false;
    if (status == napi_ok) return true;
    napi_get_last_error_info(env, &info);
    const char *message = info && info->error_message ? info->error_message : "a call of Node-API failed";
    napi_is_exception_pending(env, &pending);
    if (!pending) napi_throw_error(env, NULL, message);
    return false;
}

/* Every function of the tables comes here; its method is the function's data. */
static napi_value invoke(napi_env env, napi_callback_info info) {
    struct call call;
    void *data;
    napi_value values[MAX_ARGUMENTS], value = NULL;
    size_t count = MAX_ARGUMENTS;
    if (!went_well(env, napi_get_cb_info(env, info, &count, values, NULL, &data))) return NULL;
    const struct method *method = data;
    if (!went_well(env, napi_get_instance_data(env, (void **)&call.instance))) return NULL;
    call.err = NULL;
    if (read_arguments(&call, method, values, count)) {
        if (method->operation)
            value = submit(&call, method);
        else if (method->run(&call) == MSB_OK)
            value = give_result(call.instance, method->result, &call.result);
        else
            throw_error(call.instance, call.err);
    }
    drop_arguments(&call, method);
    return value;
}

/* ---- functions that take no part in the tables: none of them can fail, and each is called often or very early ---- */

static napi_value version(napi_env env, napi_callback_info info) {
    napi_value value = NULL;
    (void)info;
    went_well(env, napi_create_string_utf8(env, msb_version(), NAPI_AUTO_LENGTH, &value));
    return value;
}

static napi_value abi_version(napi_env env, napi_callback_info info) {
    napi_value value = NULL;
    (void)info;
    went_well(env, napi_create_uint32(env, msb_abi_version(), &value));
    return value;
}

static napi_value debug_live_objects(napi_env env, napi_callback_info info) {
    napi_value argument, value = NULL;
    size_t count = 1;
    uint32_t kind = MSB_KIND_ALL;
    if (went_well(env, napi_get_cb_info(env, info, &count, &argument, NULL, NULL)) && count == 1 &&
        went_well(env, napi_get_value_uint32(env, argument, &kind)))
        went_well(env, napi_create_double(env, (double)msb_debug_live_objects(kind), &value));
    return value;
}

/* status_name(number): its C name, by which ../lib/errors.js finds the class. */
static napi_value status_name(napi_env env, napi_callback_info info) {
    napi_value argument, value = NULL;
    size_t count = 1;
    int32_t status = 0;
    if (went_well(env, napi_get_cb_info(env, info, &count, &argument, NULL, NULL)) &&
        went_well(env, napi_get_value_int32(env, argument, &status)))
        went_well(env, napi_create_string_utf8(env, msb_status_name(status), NAPI_AUTO_LENGTH, &value));
    return value;
}

/* connect(make_error, settle): the two functions of ../lib that the addon calls. */
static napi_value connect_library(napi_env env, napi_callback_info info) {
    struct instance *instance;
    napi_value functions[2];
    size_t count = 2;
    if (went_well(env, napi_get_cb_info(env, info, &count, functions, NULL, NULL)) &&
        went_well(env, napi_get_instance_data(env, (void **)&instance)) &&
        went_well(env, napi_create_reference(env, functions[0], 1, &instance->make_error)))
        went_well(env, napi_create_reference(env, functions[1], 1, &instance->settle));
    return NULL;
}

static bool add_function(napi_env env, napi_value exports, const char *name, napi_callback callback, const void *data) {
    napi_value function;
    return went_well(env, napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, (void *)(uintptr_t)data, &function)) &&
           went_well(env, napi_set_named_property(env, exports, name, function));
}

static bool add_methods(napi_env env, napi_value exports, const struct method *methods) {
    for (; methods->name; methods++)
        if (!add_function(env, exports, methods->name, invoke, methods)) return false;
    return true;
}

static bool add_constants(napi_env env, napi_value exports) {
#define CONSTANT(name) {#name, MSB_##name}
    static const struct {
        const char *name;
        uint32_t value;
    } constants[] = {
        CONSTANT(ABI_VERSION), CONSTANT(STDIN), CONSTANT(STDOUT), CONSTANT(STDERR),
        CONSTANT(OPEN_READ), CONSTANT(OPEN_WRITE), CONSTANT(OPEN_CREATE), CONSTANT(OPEN_EXCLUSIVE), CONSTANT(OPEN_TRUNCATE),
        CONSTANT(OPEN_APPEND), CONSTANT(WRITE_ATOMIC), CONSTANT(WRITE_APPEND), CONSTANT(STAT_FOLLOW), CONSTANT(MKDIR_PARENTS),
        CONSTANT(REMOVE_RECURSIVE), CONSTANT(FSCK_REPAIR), CONSTANT(PRUNE_DRY_RUN), CONSTANT(PRUNE_CACHE),
        CONSTANT(PRUNE_TEMPORARY), CONSTANT(PRUNE_LOST), CONSTANT(PRUNE_LOGS), CONSTANT(PRUNE_BACKUPS), CONSTANT(PRUNE_IMAGES),
    };
#undef CONSTANT
    for (size_t i = 0; i < sizeof constants / sizeof *constants; i++) {
        napi_value value;
        if (!went_well(env, napi_create_uint32(env, constants[i].value, &value)) ||
            !went_well(env, napi_set_named_property(env, exports, constants[i].name, value)))
            return false;
    }
    return true;
}

/* After the last object and the last thread of the environment. */
static void free_instance(napi_env env, void *data, void *hint) {
    struct instance *instance = data;
    (void)env, (void)hint;
    pthread_cond_destroy(&instance->taken);
    pthread_mutex_destroy(&instance->lock);
    free(instance->slots);
    free(instance);
}

static bool make_instance(napi_env env) {
    struct instance *instance = calloc(1, sizeof *instance);
    if (!instance) {
        napi_throw_error(env, NULL, "there is no memory for the addon's state");
        return false;
    }
    instance->env = env;
    instance->queue_fd = -1;
    pthread_mutex_init(&instance->lock, NULL);
    pthread_cond_init(&instance->taken, NULL);
    if (went_well(env, napi_set_instance_data(env, instance, free_instance, NULL))) return true;
    free_instance(env, instance, NULL);
    return false;
}

NAPI_MODULE_INIT() {
    static const struct {
        const char *name;
        napi_callback callback;
    } functions[] = {
        {"version", version},
        {"abi_version", abi_version},
        {"debug_live_objects", debug_live_objects},
        {"status_name", status_name},
        {"connect", connect_library},
        {"release", release_handle},
        {"cancel", cancel_operation},
        {"progress", operation_progress},
    };
    static const struct method *const tables[] = {backend_methods, sandbox_methods, sandbox_fs_methods,
                                                  exec_methods,    volume_methods,  file_methods,       image_methods};
    if (!make_instance(env) || !add_constants(env, exports)) return NULL;
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (!add_function(env, exports, functions[i].name, functions[i].callback, NULL)) return NULL;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (!add_methods(env, exports, tables[i])) return NULL;
    return exports;
}
