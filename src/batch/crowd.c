#include "batch/crowd.h"

#include <stdlib.h>
#include <string.h>

#include "features/lifecycle.h"

enum { PLACES = 4 * WEIR_CROWDS_MAX, KIND_CROWD = 0xfe /* no key of a flow has it: their ids and ours are apart */ };

struct crowd {
    struct weir_record record; /* of the first flow, then of all */
    void *body;                /* the record's */
    struct weir_flow_key target;
    uint32_t flows;
};

struct weir_crowds {
    const struct weir_view *view;
    uint32_t lane, made, count; /* made: so far, which tells records for the same target apart */
    uint8_t *bodies;
    struct weir_crowds_account account;
    struct crowd crowd[WEIR_CROWDS_MAX];
    uint16_t place[PLACES]; /* by hash: number of the crowd, plus 1; 0: free */
};

weir_err weir_crowds_create(const struct weir_view *view, uint32_t lane, struct weir_crowds **out)
{
    *out = NULL;
    struct weir_crowds *crowds = calloc(1, sizeof *crowds);
    if (!crowds)
        return WEIR_ERR_MEMORY;
    size_t bytes = (view->ops->body_bytes + 63) & ~(size_t)63;
    crowds->bodies = aligned_alloc(64, WEIR_CROWDS_MAX * bytes);
    if (!crowds->bodies) {
        free(crowds);
        return WEIR_ERR_MEMORY;
    }
    for (size_t i = 0; i < WEIR_CROWDS_MAX; i++)
        crowds->crowd[i].body = crowds->bodies + i * bytes;
    crowds->view = view;
    crowds->lane = lane;
    *out = crowds;
    return WEIR_OK;
}

void weir_crowds_destroy(struct weir_crowds **crowds)
{
    if (!crowds || !*crowds)
        return;
    free((*crowds)->bodies);
    free(*crowds);
    *crowds = NULL;
}

static struct weir_flow_key target_of(const struct weir_crowds *crowds, const struct weir_identity *identity)
{
    struct weir_flow_key key = {.low_port = identity->ports ? identity->dport : 0,
                                .ip_version = identity->ip_version,
                                .proto = identity->proto,
                                .kind = KIND_CROWD,
                                .extra = crowds->lane};
    memcpy(key.low, identity->dst, sizeof key.low);
    return key;
}

/* The place of the target, or the free one where it belongs. */
static uint16_t *find(struct weir_crowds *crowds, const struct weir_flow_key *target)
{
    size_t at = weir_flow_key_hash(target) % PLACES;
    while (crowds->place[at] && !weir_flow_key_equal(&crowds->crowd[crowds->place[at] - 1].target, target))
        at = (at + 1) % PLACES;
    return &crowds->place[at];
}

bool weir_crowds_add(struct weir_crowds *crowds, const struct weir_record *record)
{
    struct weir_flow_key target = target_of(crowds, &record->identity);
    uint16_t *place = find(crowds, &target);
    if (!*place && crowds->count == WEIR_CROWDS_MAX) {
        crowds->account.overflow++;
        return false;
    }
    if (!*place) {
        struct crowd *crowd = &crowds->crowd[crowds->count];
        memcpy(crowd->body, record->body, crowds->view->ops->body_bytes);
        *crowd = (struct crowd){.record = *record, .body = crowd->body, .target = target, .flows = 1};
        crowd->record.body = crowd->body;
        *place = (uint16_t)++crowds->count;
        return true;
    }
    struct crowd *crowd = &crowds->crowd[*place - 1];
    crowds->view->ops->gather(crowd->body, &crowd->record.identity, record->body);
    crowd->record.closed_ns = record->closed_ns;
    crowd->flows++;
    return true;
}

unsigned weir_crowds_waiting(const struct weir_crowds *crowds)
{
    return crowds->count;
}

void weir_crowds_flush(struct weir_crowds *crowds, weir_meter_emit *emit, void *context)
{
    for (uint32_t i = 0; i < crowds->count; i++) {
        struct crowd *crowd = &crowds->crowd[i];
        struct weir_identity *identity = &crowd->record.identity;
        if (crowd->flows > 1) {
            identity->flow_id = weir_flow_id_make(&crowd->target, identity->stime_ns, crowds->made++);
            identity->record = crowd->flows;
            identity->reason = WEIR_REASON_AGGREGATED;
            memset(identity->src, 0, sizeof identity->src);
            identity->sport = 0;
            crowds->account.flows += crowd->flows;
            crowds->account.records++;
        }
        emit(context, &crowd->record);
    }
    crowds->count = 0;
    memset(crowds->place, 0, sizeof crowds->place);
}

const struct weir_crowds_account *weir_crowds_account(const struct weir_crowds *crowds)
{
    return &crowds->account;
}
