/*
 * What an msb_error says, as a plain object. ../lib/errors.js makes the Error of it: for a direct call at once, because its
 * stack is the caller's; for an operation where it is awaited, because only there the stack leads to the caller.
 */
#include "addon.h"

#include "object.h"

static napi_value causes_of(napi_env env, const msb_error *error) {
    size_t count = msb_error_cause_count(error);
    struct list list = new_list(env, count);
    for (size_t i = 0; i < count; i++) add_text(&list, msb_error_cause(error, i));
    return list.value;
}

static napi_value details_of(napi_env env, const msb_error *error) {
    struct object details = new_object(env);
    for (size_t i = 0; i < msb_error_detail_count(error); i++) {
        size_t len = 0;
        const char *key = msb_error_detail_key(error, i);
        const uint8_t *data = msb_error_detail(error, key, &len);
        napi_value buffer = NULL;
        if (went_well(env, napi_create_buffer_copy(env, len, data, NULL, &buffer))) put(&details, key, buffer);
    }
    return details.value;
}

napi_value error_record(napi_env env, msb_error *error) {
    struct object record = new_object(env);
    msb_status status = msb_error_status(error);
    put_number(&record, "status", status);
    put_text(&record, "code", msb_status_name(status));
    put_text(&record, "message", msb_error_message(error));
    put_text(&record, "reason", msb_error_reason(error));
    put_number(&record, "errno", msb_error_errno(error));
    put_flag(&record, "retryable", msb_error_retryable(error) != 0);
    put(&record, "causes", causes_of(env, error));
    put(&record, "details", details_of(env, error));
    msb_error_free(error);
    return record.value;
}

void throw_error(struct instance *instance, msb_error *error) {
    napi_env env = instance->env;
    napi_value record = error_record(env, error), make_error, undefined, value;
    if (record && went_well(env, napi_get_reference_value(env, instance->make_error, &make_error)) &&
        went_well(env, napi_get_undefined(env, &undefined)) &&
        went_well(env, napi_call_function(env, undefined, make_error, 1, &record, &value)))
        went_well(env, napi_throw(env, value));
}
