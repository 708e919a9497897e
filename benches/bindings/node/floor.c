/* The least that a call of C can cost from Node.js: an empty Node-API function that calls an empty C function. */
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

NAPI_MODULE_INIT() {
    napi_value function;
    if (napi_create_function(env, "floor", NAPI_AUTO_LENGTH, floor_call, NULL, &function) != napi_ok) return NULL;
    napi_set_named_property(env, exports, "floor", function);
    return exports;
}
