/* Error codes and messages.
 *
 * Every function that can fail returns a weir_err: WEIR_OK (0) or a negative code. Functions that meet outside data also take an
 * optional `struct weir_error *` (NULL is allowed everywhere) and leave in it one line that says what failed, where (file, offset
 * or line), and what to do. The message belongs to the caller's struct; nothing is allocated.
 */
#ifndef WEIR_ERROR_H
#define WEIR_ERROR_H

#include <stdarg.h>

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default) /* what libweir.so shows */
#endif

#define WEIR_ERROR_TABLE(X)                                                                                                      \
    X(WEIR_OK, 0, "ok")                                                                                                          \
    X(WEIR_ERR_MEMORY, -1, "out of memory")                                                                                      \
    X(WEIR_ERR_ARGUMENT, -2, "invalid argument")                                                                                 \
    X(WEIR_ERR_IO, -3, "input/output error")                                                                                     \
    X(WEIR_ERR_FORMAT, -4, "malformed data")                                                                                     \
    X(WEIR_ERR_LIMIT, -5, "limit exceeded")                                                                                      \
    X(WEIR_ERR_UNSUPPORTED, -6, "not supported")                                                                                 \
    X(WEIR_ERR_MISMATCH, -7, "does not fit together")                                                                            \
    X(WEIR_ERR_NOT_FOUND, -8, "not found")                                                                                       \
    X(WEIR_ERR_BUSY, -9, "in use")                                                                                               \
    X(WEIR_ERR_FULL, -10, "full")                                                                                                \
    X(WEIR_ERR_CLOSED, -11, "closed")                                                                                            \
    X(WEIR_ERR_PERMISSION, -12, "permission denied")                                                                             \
    X(WEIR_ERR_LIBRARY, -13, "library error")                                                                                    \
    X(WEIR_ERR_AGAIN, -14, "not now, try again")

typedef enum weir_err {
#define WEIR_ERROR_ENUM(name, value, text) name = value,
    WEIR_ERROR_TABLE(WEIR_ERROR_ENUM)
#undef WEIR_ERROR_ENUM
} weir_err;

struct weir_error {
    weir_err code;
    char text[512]; /* one line, no newline, NUL terminated; longer messages are cut */
};

/* The constant text of a code ("malformed data"); "unknown error" for a code outside the table. Never NULL. Any thread. */
const char *weir_err_text(weir_err code);

/* Stores code and a printf-formatted message in `error` (NULL: nothing is stored) and returns `code`, so that a failing function
 * can end with `return weir_fail(error, WEIR_ERR_FORMAT, "%s: offset %zu: ...", ...)`. Any thread; does not allocate. */
weir_err weir_fail(struct weir_error *error, weir_err code, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 3, 4)))
#endif
    ;

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
#endif
