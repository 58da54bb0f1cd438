/* A promise that outlives the process: a child that waits for its parent's end, however it comes, does one thing, and is gone.
 *
 * It serves what must be set right at the end with rights that the parent has dropped by then (weir_rights_drop): the offloads of
 * an interface. The child keeps one capability and nothing else: no descriptor but stderr, no signal reaches it but SIGKILL.
 *
 * Start it before the first thread. One owner.
 */
#ifndef WEIR_BASE_KEEPER_H
#define WEIR_BASE_KEEPER_H

#include <sys/types.h>

#include "weir/error.h"

struct weir_keeper {
    pid_t pid; /* 0: there is none */
    int end;   /* the parent's end of a pipe: closed = act */
};

/* Forks the child. `act` is called in it with `context` as it is now; it may open what it needs. `capability`: the number of the
 * one that it keeps if the process has it (CAP_NET_ADMIN). WEIR_ERR_IO. */
weir_err weir_keeper_start(int capability, void (*act)(void *context), void *context, struct weir_keeper *keeper,
                           struct weir_error *error);

/* Lets the child act now and waits until it is gone. Idempotent; a zeroed keeper is none. */
void weir_keeper_end(struct weir_keeper *keeper);

#endif
