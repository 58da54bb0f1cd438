/* A program as a child: lines go into it, lines of JSON come back; what it says on standard error is seen. It ends with us,
 * however we end. One thread. */
#ifndef WEIR_BENCH_TALK_H
#define WEIR_BENCH_TALK_H

#include <jansson.h>
#include <stdio.h>
#include <sys/types.h>

#include "weir/error.h"

struct weir_talk {
    pid_t pid;
    FILE *to, *from;
};

/* Starts arguments[0] with these arguments (NULL ends them). WEIR_ERR_IO; a program that is not there is one that ends at once.
 * The caller ends it. */
weir_err weir_talk_start(char *const *arguments, struct weir_talk *talk, struct weir_error *error);

/* The next line, at most 1 MB, as JSON; NULL: it has ended, or that was none. The caller frees it. */
json_t *weir_talk_answer(struct weir_talk *talk);

/* Closes its input, waits for its end and gives what waitpid gives. A zeroed talk is none: 0. */
int weir_talk_end(struct weir_talk *talk);

#endif
