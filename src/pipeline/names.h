/* The names of models as verdict frames bring them: model, feature set, classes, columns. Kept, so that verdicts can borrow them,
 * and compared as bytes, so that a frame with the names of the one before costs a comparison. Several models at once are normal.
 * One thread.
 *
 * Frames come from others: bytes that are no UTF-8 become '?'.
 */
#ifndef WEIR_PIPELINE_NAMES_H
#define WEIR_PIPELINE_NAMES_H

#include "batch/verdict_frame.h"

#define WEIR_NAME_SETS 256

struct weir_names { /* start with {0} */
    struct weir_name_set *set;
    size_t count, last;
    uint64_t given; /* numbers */
};

/* Sets the names of *out, and their number; they are good until the next call. False: out of memory. */
bool weir_names_lend(struct weir_names *names, const struct weir_verdict_frame *frame, struct weir_verdicts *out);

void weir_names_fini(struct weir_names *names);

/* Makes `text` UTF-8 where it is not. */
void weir_names_clean(char *text);

#endif
