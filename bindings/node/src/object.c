/* Building plain objects and arrays: see object.h. */
#include "object.h"

/* Makes a value by a call of Node-API; NULL after a failure. */
#define MADE(env, call) (went_well(env, call) ? made : NULL)

static napi_value text_value(napi_env env, const char *text) {
    napi_value made = NULL;
    if (!text) return MADE(env, napi_get_null(env, &made));
    return MADE(env, napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &made));
}

struct object new_object(napi_env env) {
    napi_value made = NULL;
    return (struct object){env, MADE(env, napi_create_object(env, &made))};
}

void put(struct object *object, const char *key, napi_value value) {
    napi_env env = object->env;
    if (!object->value) return;
    if (!value || !went_well(env, napi_set_named_property(env, object->value, key, value))) object->value = NULL;
}

void put_text(struct object *object, const char *key, const char *text) {
    if (object->value) put(object, key, text_value(object->env, text));
}

void put_number(struct object *object, const char *key, double number) {
    napi_value made = NULL;
    if (object->value) put(object, key, MADE(object->env, napi_create_double(object->env, number, &made)));
}

void put_signed_bigint(struct object *object, const char *key, int64_t number) {
    napi_value made = NULL;
    if (object->value) put(object, key, MADE(object->env, napi_create_bigint_int64(object->env, number, &made)));
}

void put_bigint(struct object *object, const char *key, uint64_t number) {
    napi_value made = NULL;
    if (object->value) put(object, key, MADE(object->env, napi_create_bigint_uint64(object->env, number, &made)));
}

void put_flag(struct object *object, const char *key, bool flag) {
    napi_value made = NULL;
    if (object->value) put(object, key, MADE(object->env, napi_get_boolean(object->env, flag, &made)));
}

void put_date(struct object *object, const char *key, uint64_t unix_ms) {
    napi_value made = NULL;
    if (!object->value) return;
    if (unix_ms == 0)
        put_text(object, key, NULL);
    else
        put(object, key, MADE(object->env, napi_create_date(object->env, (double)unix_ms, &made)));
}

struct list new_list(napi_env env, size_t count) {
    napi_value made = NULL;
    return (struct list){env, MADE(env, napi_create_array_with_length(env, count, &made)), 0};
}

void add(struct list *list, napi_value value) {
    if (!list->value) return;
    if (!value || !went_well(list->env, napi_set_element(list->env, list->value, list->len++, value))) list->value = NULL;
}

void add_text(struct list *list, const char *text) {
    if (list->value) add(list, text_value(list->env, text));
}
