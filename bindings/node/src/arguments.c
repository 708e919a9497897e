/* JavaScript values into arguments of C functions, by the letters of a method: see addon.h. */
#include "addon.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double LARGEST_SAFE = 9007199254740991.0;

/* What makes a config of JSON text, and frees it. */
typedef msb_status (*parse_fn)(const char *json, void **out, msb_error **err);
typedef void (*free_fn)(void *config);

#define CONFIG(noun)                                                                                       \
    static msb_status parse_##noun(const char *json, void **out, msb_error **err) {                        \
        return msb_##noun##_from_json(json, (msb_##noun **)out, err);                                      \
    }                                                                                                      \
    static void free_##noun(void *config) { msb_##noun##_free(config); }
CONFIG(backend_config)
CONFIG(sandbox_config)
CONFIG(exec_config)
CONFIG(volume_config)
CONFIG(sandbox_filter)
CONFIG(volume_filter)
CONFIG(image_filter)
CONFIG(image_load_config)
CONFIG(image_pull_config)
#undef CONFIG

static const struct {
    char letter;
    parse_fn parse;
    free_fn free;
} configs[] = {
    {'b', parse_backend_config, free_backend_config}, {'s', parse_sandbox_config, free_sandbox_config},
    {'e', parse_exec_config, free_exec_config},       {'v', parse_volume_config, free_volume_config},
    {'l', parse_sandbox_filter, free_sandbox_filter}, {'m', parse_volume_filter, free_volume_filter},
    {'n', parse_image_filter, free_image_filter},     {'o', parse_image_load_config, free_image_load_config},
    {'p', parse_image_pull_config, free_image_pull_config},
};

static bool refuse(napi_env env, const char *message) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", message);
    return false;
}

static bool is_absent(napi_env env, napi_value value) {
    napi_valuetype type = napi_undefined;
    napi_typeof(env, value, &type);
    return type == napi_undefined || type == napi_null;
}

/* Short text stays in the argument, longer text is allocated. */
static bool read_text(napi_env env, napi_value value, union argument *out) {
    napi_valuetype type;
    size_t len = 0;
    char *text = out->room;
    out->text = NULL;
    if (!went_well(env, napi_typeof(env, value, &type))) return false;
    if (type != napi_string) return refuse(env, "a string is expected");
    if (!went_well(env, napi_get_value_string_utf8(env, value, out->room, SHORT_TEXT, &len))) return false;
    /* A text that fills the room may have been cut, before a character of up to 4 bytes too. */
    if (len >= SHORT_TEXT - 4) {
        if (!went_well(env, napi_get_value_string_utf8(env, value, NULL, 0, &len))) return false;
        text = malloc(len + 1);
        if (!text) return refuse(env, "there is no memory for a string");
        if (!went_well(env, napi_get_value_string_utf8(env, value, text, len + 1, &len))) {
            free(text);
            return false;
        }
    }
    out->text = text;
    return strlen(text) == len || refuse(env, "a string that has a NUL in it cannot be passed on");
}

static void drop_text(union argument *argument) {
    if (argument->text != argument->room) free((void *)(uintptr_t)argument->text);
}

/* Whole numbers between `least` and `most`, as a number or a bigint. */
static bool read_integer(napi_env env, napi_value value, bool is_signed, union argument *out) {
    napi_valuetype type;
    bool lossless = true;
    double number;
    if (!went_well(env, napi_typeof(env, value, &type))) return false;
    if (type == napi_bigint) {
        napi_status status = is_signed ? napi_get_value_bigint_int64(env, value, &out->number, &lossless)
                                       : napi_get_value_bigint_uint64(env, value, &out->size, &lossless);
        if (!went_well(env, status)) return false;
    } else {
        if (type != napi_number) return refuse(env, "a number is expected");
        if (!went_well(env, napi_get_value_double(env, value, &number))) return false;
        lossless = floor(number) == number && fabs(number) <= LARGEST_SAFE && (is_signed || number >= 0);
        if (lossless) out->number = (int64_t)number;
    }
    if (!lossless) napi_throw_range_error(env, "ERR_OUT_OF_RANGE", "a whole number within the range of its type is expected");
    return lossless;
}

static bool read_word(napi_env env, napi_value value, union argument *out) {
    if (!read_integer(env, value, false, out)) return false;
    if (out->size <= UINT32_MAX) return true;
    napi_throw_range_error(env, "ERR_OUT_OF_RANGE", "a number below 2 to the 32nd is expected");
    return false;
}

/* The bytes of a Buffer or another Uint8Array, which stay JavaScript's: nothing else runs until the call is over. */
static bool read_data(napi_env env, napi_value value, union argument *out) {
    bool is_typed_array;
    napi_typedarray_type type;
    void *data;
    out->data = NULL;
    out->len = 0;
    if (is_absent(env, value)) return true;
    if (!went_well(env, napi_is_typedarray(env, value, &is_typed_array))) return false;
    if (!is_typed_array) return refuse(env, "a Buffer or Uint8Array is expected");
    if (!went_well(env, napi_get_typedarray_info(env, value, &type, &out->len, &data, NULL, NULL))) return false;
    if (type != napi_uint8_array) return refuse(env, "a Buffer or Uint8Array is expected");
    out->data = data;
    return true;
}

static bool read_config(struct call *call, char letter, napi_value value, union argument *out) {
    napi_env env = call->instance->env;
    union argument json;
    out->config = NULL;
    if (is_absent(env, value)) return true;
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        if (configs[i].letter != letter) continue;
        bool good = read_text(env, value, &json);
        if (good && configs[i].parse(json.text, &out->config, &call->err) != MSB_OK) {
            throw_error(call->instance, call->err);
            good = false;
        }
        drop_text(&json);
        return good;
    }
    return refuse(env, "the addon has no config of this kind");
}

static bool read_handle(napi_env env, char letter, napi_value value, union argument *out) {
    static const char letters[] = {[HANDLE_BACKEND] = 'B', [HANDLE_SANDBOX] = 'S', [HANDLE_EXEC] = 'E',
                                   [HANDLE_VOLUME] = 'V',  [HANDLE_FILE] = 'F'};
    enum handle_kind kind = HANDLE_BACKEND;
    while (kind < HANDLE_KINDS - 1 && letters[kind] != letter) kind++;
    struct handle *handle = unwrap_handle(env, value, kind);
    if (handle) out->handle = handle->id;
    return handle != NULL;
}

static bool read_argument(struct call *call, char letter, napi_value value, union argument *out) {
    napi_env env = call->instance->env;
    switch (letter) {
        case 't': return read_text(env, value, out);
        case 'd': return read_data(env, value, out);
        case 'i': return read_integer(env, value, true, out);
        case 'u': return read_integer(env, value, false, out);
        case 'w': return read_word(env, value, out);
        case 'B': case 'S': case 'E': case 'V': case 'F': return read_handle(env, letter, value, out);
        default: return read_config(call, letter, value, out);
    }
}

bool read_arguments(struct call *call, const struct method *method, const napi_value *values, size_t count) {
    size_t wanted = strlen(method->arguments);
    /* So that dropping them is safe wherever reading ends. */
    for (size_t i = 0; i < wanted; i++) {
        call->arguments[i].text = NULL;
        call->arguments[i].config = NULL;
    }
    if (count < wanted) return refuse(call->instance->env, "there are arguments missing");
    for (size_t i = 0; i < wanted; i++)
        if (!read_argument(call, method->arguments[i], values[i], &call->arguments[i])) return false;
    return true;
}

void drop_arguments(struct call *call, const struct method *method) {
    for (size_t i = 0; method->arguments[i]; i++) {
        if (method->arguments[i] == 't') drop_text(&call->arguments[i]);
        for (size_t k = 0; k < sizeof configs / sizeof *configs; k++)
            if (configs[k].letter == method->arguments[i]) configs[k].free(call->arguments[i].config);
    }
}
