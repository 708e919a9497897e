/*
 * Building plain objects and arrays. A failure sticks: what comes after it does nothing, `value` is NULL and the
 * exception pending.
 */
#ifndef MSB_NODE_OBJECT_H
#define MSB_NODE_OBJECT_H

#include "addon.h"

struct object {
    napi_env env;
    napi_value value; /* NULL after a failure */
};

struct list {
    napi_env env;
    napi_value value; /* NULL after a failure */
    uint32_t len;
};

struct object new_object(napi_env env);
/* Every `put` and `add` takes a NULL value for a failure in making it. */
void put(struct object *object, const char *key, napi_value value);
/* NULL gives null. */
void put_text(struct object *object, const char *key, const char *text);
/* Beyond 2 to the 53rd the nearest number, as in fs.Stats. */
void put_number(struct object *object, const char *key, double number);
void put_signed_bigint(struct object *object, const char *key, int64_t number);
void put_bigint(struct object *object, const char *key, uint64_t number);
void put_flag(struct object *object, const char *key, bool flag);
/* A Date; null for 0. */
void put_date(struct object *object, const char *key, uint64_t unix_ms);

struct list new_list(napi_env env, size_t count);
void add(struct list *list, napi_value value);
void add_text(struct list *list, const char *text);

#endif
