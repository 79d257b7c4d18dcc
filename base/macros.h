/*
 * macros.h - the few compiler extensions that we allow ourselves, each behind one name.
 */
#ifndef LOCKGATE_BASE_MACROS_H
#define LOCKGATE_BASE_MACROS_H

#include <stddef.h>
#include <stdint.h>

#define MUST_CHECK             __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define NORETURN               __attribute__((noreturn))
#define ARRAY_COUNT(array)     (sizeof(array) / sizeof((array)[0]))

/* The struct that holds this member. The member's type is checked by the pointer arithmetic alone. */
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Casts const away from what is ours: to count references to what is immutable otherwise, and to free it. */
#define UNCONST(type, pointer) ((type *)(uintptr_t)(pointer))

#endif
