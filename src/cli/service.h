/* What the service manager (systemd) is told about a run: ready, its figures every few seconds, and that it is alive. Without a
 * service manager it does nothing. One thread.
 *
 * Alive means more than that this thread turns: rows that wait are scored, and packets that come in are read. A run in which that
 * stands still is left to the watchdog, which ends and restarts it.
 */
#ifndef WEIR_CLI_SERVICE_H
#define WEIR_CLI_SERVICE_H

#include <stdbool.h>

#include "pipeline/account.h"

/* What has been done so far, of an account. */
struct weir_progress {
    uint64_t seen, lost; /* packets: read, and lost in the rings */
    uint64_t batched, scored;
};

struct weir_service {
    bool watchdog;
    int64_t period_ns; /* of beats; 0: nobody listens */
    int64_t next_ns;   /* when the next beat is due, weir_clock_mono_ns; INT64_MAX: never */
    struct weir_progress last;
    bool alive;
};

struct weir_progress weir_progress_of(const struct weir_account *account);

/* False when there was work before and nothing of it has been done since: rows waited and none was scored, or rings overflowed
 * and no packet was read. */
bool weir_progress_alive(const struct weir_progress *before, const struct weir_progress *now);

/* The outputs are open and the threads run: READY=1. `what`: one line about the run. */
void weir_service_ready(struct weir_service *service, const char *what);

/* A beat: STATUS and, while the run is alive, WATCHDOG=1. To be called with an account of now once next_ns has come. */
void weir_service_beat(struct weir_service *service, const struct weir_account *account);

/* The packets are at their end or somebody asked for it: STOPPING=1. */
void weir_service_stopping(const char *why);

#endif
