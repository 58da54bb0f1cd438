/* A pull reader over the two encodings of one document: JSON and UBJSON (the subset that XGBoost writes).
 *
 * The caller walks the document in the order of its bytes and says what it expects; nothing is built, so memory is what the
 * caller keeps. The bytes are hostile: no read passes their end, containers nest at most WEIR_DOCUMENT_DEPTH deep, counts are
 * believed only as far as bytes follow. The first failure sticks: it is stored with origin and offset, and every later call
 * returns false, 0 or NULL at once, so that callers check once at the end (weir_document_finish). One thread.
 *
 *     weir_document_object(d);
 *     while ((key = weir_document_key(d)))
 *         if (!strcmp(key, "trees"))
 *             for (weir_document_array(d); weir_document_item(d);) read_tree(d);
 *         else
 *             weir_document_skip(d);
 */
#ifndef WEIR_MODEL_DOCUMENT_H
#define WEIR_MODEL_DOCUMENT_H

#include <locale.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/error.h"

#define WEIR_DOCUMENT_DEPTH      64
#define WEIR_DOCUMENT_SKIP_BYTES (1 << 20) /* longest string that is passed over */
#define WEIR_DOCUMENT_TEXT_BYTES 1024      /* longest key or string that is handed out; longer ones can only be skipped */

enum weir_document_kind {
    WEIR_DOCUMENT_BROKEN, /* failed, or no value here */
    WEIR_DOCUMENT_OBJECT,
    WEIR_DOCUMENT_ARRAY,
    WEIR_DOCUMENT_STRING,
    WEIR_DOCUMENT_NUMBER,
    WEIR_DOCUMENT_BOOLEAN,
    WEIR_DOCUMENT_NULL
};

struct weir_document {
    const uint8_t *start, *at, *end;
    const char *origin;
    struct weir_error *error;
    weir_err failed;
    bool binary; /* UBJSON */
    locale_t locale;
    unsigned depth;
    struct weir_document_level {
        bool object;
        bool fresh;   /* JSON: no element read yet */
        bool counted; /* UBJSON: `left` elements follow, and no closing byte */
        uint8_t type; /* UBJSON: all elements are of this type and bear no marker; 0: each has its own */
        uint64_t left;
    } level[WEIR_DOCUMENT_DEPTH];
    char text[WEIR_DOCUMENT_TEXT_BYTES];
};

/* Arrays that the caller frees (weir_floats_free and so on). Start with {0}. */
struct weir_floats {
    float *item;
    size_t count, room;
};

struct weir_doubles {
    double *item;
    size_t count, room;
};

struct weir_integers {
    int32_t *item;
    size_t count, room;
};

/* Begins with the first value. JSON or UBJSON is told by the first bytes. The bytes and `origin` must outlive the reader.
 * WEIR_ERR_FORMAT when it is neither. Close it whatever the result. */
weir_err weir_document_open(struct weir_document *doc, const void *bytes, size_t size, const char *origin,
                            struct weir_error *error);
void weir_document_close(struct weir_document *doc);

/* The next value's kind; consumes nothing of it. */
enum weir_document_kind weir_document_peek(struct weir_document *doc);

/* Enters an object, then hands out its keys one by one; each key's value must be read or skipped before the next call. NULL: the
 * end (consumed), or failure. The key is valid until the next call of any function here. */
bool weir_document_object(struct weir_document *doc);
const char *weir_document_key(struct weir_document *doc);

/* Enters an array, then says whether another element follows. */
bool weir_document_array(struct weir_document *doc);
bool weir_document_item(struct weir_document *doc);

/* Reads one value. The string is valid until the next call, has no NUL inside. A number may also stand in a string ("7", "5E-1"),
 * as XGBoost writes its parameters, or be a boolean (0, 1). An integer must lie in [low, high]. */
const char *weir_document_string(struct weir_document *doc);
double weir_document_real(struct weir_document *doc);
int64_t weir_document_integer(struct weir_document *doc, int64_t low, int64_t high);

/* Reads an array of numbers and appends them. Decimal text is rounded once, to float32 or float64. Integers must fit int32. */
bool weir_document_floats(struct weir_document *doc, struct weir_floats *out);
bool weir_document_doubles(struct weir_document *doc, struct weir_doubles *out);
bool weir_document_integers(struct weir_document *doc, struct weir_integers *out);

/* Passes over one value of any kind. */
void weir_document_skip(struct weir_document *doc);

/* The document must end here. Returns the first failure, or WEIR_OK. */
weir_err weir_document_finish(struct weir_document *doc);

/* Fails with "origin: offset N: ..."; returns `code`. Only the first failure is kept. */
weir_err weir_document_fail(struct weir_document *doc, weir_err code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A number from text that holds nothing else. */
bool weir_document_number_text(struct weir_document *doc, const char *text, double *out);

bool weir_floats_add(struct weir_floats *list, float value); /* false: out of memory */
bool weir_doubles_add(struct weir_doubles *list, double value);
bool weir_integers_add(struct weir_integers *list, int32_t value);
void weir_floats_free(struct weir_floats *list);
void weir_doubles_free(struct weir_doubles *list);
void weir_integers_free(struct weir_integers *list);

#endif
