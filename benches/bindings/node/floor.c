/*
 * The least that a call of C can cost from Node.js: a Node-API function that calls an empty C function, without a result and
 * with a number as its result.
 */
#define NAPI_VERSION 8
#include <node_api.h>

__attribute__((noinline)) static const char *nothing(void) {
    __asm__ volatile("");
    return "";
}

static napi_value floor_call(napi_env env, napi_callback_info info) {
    const char *volatile kept = nothing();
    (void)env, (void)info, (void)kept;
    return NULL;
}

static napi_value floor_number(napi_env env, napi_callback_info info) {
    const char *volatile kept = nothing();
    napi_value number = NULL;
    (void)info, (void)kept;
    napi_create_uint32(env, 1, &number);
    return number;
}

NAPI_MODULE_INIT() {
    napi_value function;
    if (napi_create_function(env, "floor", NAPI_AUTO_LENGTH, floor_call, NULL, &function) != napi_ok) return NULL;
    napi_set_named_property(env, exports, "floor", function);
    if (napi_create_function(env, "floorNumber", NAPI_AUTO_LENGTH, floor_number, NULL, &function) != napi_ok) return NULL;
    napi_set_named_property(env, exports, "floorNumber", function);
    return exports;
}
