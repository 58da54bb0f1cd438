/* CURVE keys in files: `weir keygen NAME` makes NAME.key (the pair, for its owner's eyes only) and NAME.pub (for the others).
 *
 * Both are text: lines of `public KEY` and `secret KEY`, 40 characters of Z85 each; what begins with # is for people. Any thread.
 */
#ifndef WEIR_QUEUE_CURVE_H
#define WEIR_QUEUE_CURVE_H

#include <stdbool.h>
#include <stddef.h>

#include "weir/error.h"

enum { WEIR_CURVE_TEXT = 41 };

struct weir_curve {
    char open[WEIR_CURVE_TEXT], secret[WEIR_CURVE_TEXT]; /* of the own pair; "": none */
    char (*peer)[WEIR_CURVE_TEXT];
    size_t peers;
};

/* Makes a pair and writes both files, which must not be there. `name`: path without ending. WEIR_ERR_BUSY (one is there),
 * WEIR_ERR_IO and what goes with it, _LIBRARY. */
weir_err weir_curve_generate(const char *name, char open[WEIR_CURVE_TEXT], struct weir_error *error);

/* Reads the own pair and the others' public keys (a .key file will do for one). A pair that others can read is refused. In a
 * service that was given a credential of the own file's name ($CREDENTIALS_DIRECTORY/tap.key for any .../tap.key), the pair is
 * read there. `key` NULL and no peers: no keys at all, *out is {0}. WEIR_ERR_ARGUMENT: one without the other; _NOT_FOUND, _IO,
 * _PERMISSION, _FORMAT, _MEMORY. */
weir_err weir_curve_load(const char *key, const char *const *peers, size_t count, struct weir_curve *out,
                         struct weir_error *error);

/* Whether this raw public key (32 bytes) is one of the peers'. */
bool weir_curve_knows(const struct weir_curve *curve, const unsigned char key[32]);

/* Wipes and frees; takes {0}. */
void weir_curve_fini(struct weir_curve *curve);

#endif
