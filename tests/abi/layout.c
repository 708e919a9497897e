/*
 * abi/layout.h against msb.h as compilers see it: values, sizes and places of fields, and the types of all functions. It compiles,
 * as C11 and C++11 and later, or the interface was broken.
 */
#include <msb.h>

#ifdef __cplusplus
#define ASSERT(condition, why) static_assert(condition, why);
#define PROTOTYPE extern "C"
#define ALIGNMENT(type) alignof(type)
#else
#define ASSERT(condition, why) _Static_assert(condition, why);
#define PROTOTYPE extern
#define ALIGNMENT(type) _Alignof(type)
#endif
#define WAS " is not what built programs take it for: put it back, or see `cargo run -p xtask -- layout --check`"

#define ABI_VERSION(version) ASSERT(MSB_ABI_VERSION == (version), "MSB_ABI_VERSION changed: run `cargo run -p xtask -- layout`")
#define VALUE(name, value) ASSERT((uint64_t)(name) == (uint64_t)(value), #name WAS)
#define OPAQUE(name) typedef name *pointer_to_##name;
#define ALIAS(name, type) ASSERT(sizeof(name) == sizeof(type) && ((name)-1 < (name)0) == ((type)-1 < (type)0), #name WAS)
#define STRUCTURE(name, size, align) ASSERT(sizeof(name) == (size) && ALIGNMENT(name) == (align), #name WAS)
#define FIELD(structure, name, type, count, offset) \
    ASSERT(offsetof(structure, name) == (offset) && sizeof(((structure *)0)->name) == (count) * sizeof(type), #structure "." #name WAS)
/* A second typedef or prototype that says anything else does not compile. */
#define CALLBACK(name, returns, takes) typedef returns(*name) takes;
#define FUNCTION(name, returns, takes) PROTOTYPE returns name takes;

#include "../../abi/layout.h"

/* Handles travel in one register, in bindings that cannot see this header too. */
ASSERT(sizeof(msb_backend) == 8 && sizeof(msb_status) == 4, "handles are 8 bytes, statuses 4")
ASSERT(MSB_VERSION_NUMBER == 10000 * MSB_VERSION_MAJOR + 100 * MSB_VERSION_MINOR + MSB_VERSION_PATCH, "one version")
