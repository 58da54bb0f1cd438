/* The account: every packet, flow, record and row in exactly one bucket.
 *
 *   port:    offered = lost(nic) + lost(softnet) + lost(ring) + seen
 *   packets: seen = metered + ignored(reason) + dropped(reason)
 *   flows:   opened = closed(reason) + active
 *   records: records(reason) = batched + shed(reason) + unscored
 *   rows:    batched = scored + in flight
 *   store:   scored = committed + withheld(policy) + rejected(reason) + not yet committed
 *   a sensor on its own, instead of these two: pipeline/remote.h; a process that judges for others: pipeline/inferred.h
 *
 *   ingest:  rows = records(ingested) + rejected(reason)
 *
 * At the end nothing is active, in flight or uncommitted; weir_account_check says whether that holds. A struct weir_account is a
 * plain value: copy it, read it in any thread.
 */
#ifndef WEIR_PIPELINE_ACCOUNT_H
#define WEIR_PIPELINE_ACCOUNT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/histogram.h"
#include "batch/layout.h"
#include "capture/source.h"
#include "features/meter.h"
#include "pipeline/collected.h"
#include "pipeline/inferred.h"
#include "pipeline/remote.h"
#include "pipeline/stages.h"

#define WEIR_CLASSES_SHOWN 16
#define WEIR_CLASS_NAME    40 /* longer names are cut */

/* What ended a run that rejects rows. */
enum weir_rejected { WEIR_REJECTED_FULL, WEIR_REJECTED_STORE, WEIR_REJECTED_EVE, WEIR_REJECTED_COUNT };

/* What becomes of single-packet flows under overload (pipeline/sensor.h); the keys of "shed". */
enum weir_shed {
    WEIR_SHED_AGGREGATED, /* "aggregated": they went into records of the reason "aggregated" */
    WEIR_SHED_SINGLE,     /* "single-packet flows": thrown away */
    WEIR_SHED_INGESTED,   /* "ingested": rows from elsewhere that came when no batch was free (pipeline/ingest.h) */
    WEIR_SHED_COUNT
};

/* A row that was rejected: one of the first in the input. */
#define WEIR_FAULTS_SHOWN 5
struct weir_account_fault {
    uint64_t line; /* from 1 */
    enum weir_fault fault;
    char text[80]; /* how it begins; what is not ASCII is a ? */
};

/* Cells of a column that became missing values: categories outside its table, no number where one belongs. */
#define WEIR_UNKNOWN_SHOWN 8
struct weir_account_unknown {
    const char *column; /* NULL: none; the last one takes the rest, as "other" */
    uint64_t cells;
};

struct weir_account {
    unsigned ports;
    struct weir_port_account port[WEIR_PORTS_MAX];
    struct weir_meter_account meter; /* all lanes; ignored[WEIR_IGNORED_FILTER] includes the ports' filtered packets */
    struct {
        uint64_t batched, scored, shed[WEIR_SHED_COUNT], unscored;
    } rows;
    struct {
        bool used;     /* rows come from elsewhere, not from a meter */
        uint64_t rows; /* read */
        uint64_t rejected[WEIR_FAULT_COUNT];
        uint64_t dateless; /* whose times had no date */
        struct weir_account_unknown unknown[WEIR_UNKNOWN_SHOWN];
        unsigned faults;
        struct weir_account_fault fault[WEIR_FAULTS_SHOWN];
    } ingest;
    struct {
        uint64_t committed;
        uint64_t withheld; /* the disk was full, and the run went on without */
        uint64_t degraded; /* no alerts: not stored under pressure (--overload degrade) */
        uint64_t rejected[WEIR_REJECTED_COUNT];
    } store;
    struct {
        uint64_t lines, lost; /* lost: the disk was full, or EVE failed */
    } eve;
    bool publishes;
    uint64_t published; /* messages to subscribers (pipeline/publish.h) */
    uint64_t alerts;
    /* Rows by class: those of the first model in its order, then what later models bring. "" ends them; the last one takes the
     * rest, as "other". */
    uint64_t class_rows[WEIR_CLASSES_SHOWN];
    char class_name[WEIR_CLASSES_SHOWN][WEIR_CLASS_NAME];
    uint64_t batches;
    double seconds; /* since the start of the run */
    struct weir_histogram decision_ns, durable_ns;
    struct weir_stages stages;             /* where that time goes, and how full batches are */
    uint64_t unexplained;                  /* alerts without their columns, under pressure */
    struct weir_inferred_account inferred; /* of a process that judges batches of others */
    struct weir_remote_account remote;     /* of a sensor on its own: scored and committed are what the collector says */
    struct weir_collected collected;       /* of a collector: rows are those that it has taken */
};

/* Adds a lane's meter to the sum. */
void weir_meter_account_add(struct weir_meter_account *into, const struct weir_meter_account *from);

/* Warns, where there is cause, of packets whose link type weir does not decode and of clocks that differ. */
void weir_account_warn(const struct weir_account *account);

/* True, with a line in `text`, when nothing comes from an interface because it is down or was removed. */
bool weir_account_trouble(const struct weir_account *account, char *text, size_t size);

/* For a look while lanes run: they tell what they did every 50 ms, workers and writer at once; what those are ahead of the lanes
 * is left to the next look. */
void weir_account_settle(struct weir_account *account);

/* True when all equations hold with nothing left open; else false and one line in `why`. */
bool weir_account_check(const struct weir_account *account, char *why, size_t size);

/* The object that docs/design.md promises under "What programs read". The caller owns the reference; NULL when out of memory. */
json_t *weir_account_json(const struct weir_account *account);

/* The same on one line, to be freed by the caller; NULL when out of memory. */
char *weir_account_text(const struct weir_account *account);

/* For people: about 15 lines. */
void weir_account_print(const struct weir_account *account, FILE *to);

/* Rows that the store lacks: withheld, degraded and rejected. */
uint64_t weir_account_not_kept(const struct weir_account *account);

/* Rows from elsewhere that are not judged. */
uint64_t weir_account_rejected(const struct weir_account *account);

/* Records closed so far, all reasons. */
uint64_t weir_account_records(const struct weir_account *account);

#endif
