#include "features/meter.h"

#include <stdlib.h>

#include "features/lifecycle.h"
#include "flow/fragment.h"
#include "flow/table.h"

#define DEFAULT_FLOWS 262144

/* A flow in the drain's order. The time stands beside the number so that sorting does not walk the table. */
struct due {
    int64_t begun_ns;
    uint32_t number;
};

struct weir_meter {
    const struct weir_view_ops *ops;
    struct weir_table *table;
    struct weir_fragments *fragments;
    int64_t now_ns; /* the stream's time: never goes back */
    int64_t due_ns; /* before it nothing is due: advance need not look */
    int64_t interval_ns;
    unsigned timeouts;
    weir_meter_emit *emit;
    void *context;
    void *body;
    struct due *order; /* scratch for the drain */
    struct weir_offset_meter offset;
    struct weir_meter_account account;
};

weir_err weir_meter_create(const struct weir_meter_config *config, struct weir_meter **out, struct weir_error *error)
{
    if (!config || !config->view || !config->emit || !out || config->interval_ns < 0)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "meter: a view, a receiver of records and an interval >= 0 are needed");
    const struct weir_view_ops *ops = config->view->ops;
    size_t flows = config->flows ? config->flows : DEFAULT_FLOWS;
    struct weir_meter *meter = calloc(1, sizeof *meter);
    weir_err err = WEIR_ERR_MEMORY;
    if (!meter)
        goto no_memory;
    err = weir_table_create(flows, ops->slot_bytes, &meter->table, error);
    if (err)
        goto fail;
    err = weir_fragments_create(flows / 16, &meter->fragments, error);
    if (err)
        goto fail;
    err = WEIR_ERR_MEMORY;
    meter->body = calloc(1, ops->body_bytes);
    meter->order = malloc(flows * sizeof *meter->order);
    if (!meter->body || !meter->order)
        goto no_memory;
    meter->ops = ops;
    meter->now_ns = meter->due_ns = INT64_MIN;
    meter->interval_ns = config->interval_ns ? config->interval_ns : ops->interval_ns;
    while (ops->timeouts_ns[meter->timeouts])
        meter->timeouts++;
    meter->emit = config->emit;
    meter->context = config->context;
    *out = meter;
    return WEIR_OK;
no_memory:
    err = weir_fail(error, err, "meter: no memory for %zu flows; give a smaller flow table", flows);
fail:
    weir_meter_destroy(&meter);
    return err;
}

void weir_meter_destroy(struct weir_meter **meter)
{
    if (!meter || !*meter)
        return;
    weir_table_destroy(&(*meter)->table);
    weir_fragments_destroy(&(*meter)->fragments);
    free((*meter)->body);
    free((*meter)->order);
    free(*meter);
    *meter = NULL;
}

const struct weir_meter_account *weir_meter_account(const struct weir_meter *meter)
{
    return &meter->account;
}

static int64_t closing_time(const struct weir_meter *meter, const struct weir_flow *flow, enum weir_reason reason)
{
    return reason == WEIR_REASON_STATUS     ? flow->record_ns + meter->interval_ns
           : reason == WEIR_REASON_SHUTDOWN ? INT64_MAX
                                            : meter->now_ns;
}

static void emit(struct weir_meter *meter, struct weir_flow *flow, enum weir_reason reason)
{
    struct weir_record record = {.identity = {.flow_id = weir_flow_id_make(&flow->key, flow->begun_ns, flow->occurrence),
                                              .record = flow->record,
                                              .reason = (uint8_t)reason,
                                              .ip_version = flow->key.ip_version,
                                              .proto = flow->key.proto},
                                 .closed_ns = closing_time(meter, flow, reason),
                                 .single = flow->single,
                                 .body = meter->body};
    if (!meter->ops->record(weir_flow_slot(flow), flow, reason, meter->body, &record.identity))
        return;
    flow->record++;
    meter->account.records[reason]++;
    meter->emit(meter->context, &record);
}

static void forget(struct weir_meter *meter, struct weir_flow *flow, enum weir_reason reason)
{
    weir_table_release(meter->table, flow);
    meter->account.flows_closed[reason]++;
    meter->account.flows_active--;
}

static bool is_due(const struct weir_meter *meter, const struct weir_flow *flow, int64_t after_ns)
{
    return (uint64_t)meter->now_ns - (uint64_t)flow->record_ns >= (uint64_t)after_ns; /* times may be anything: no overflow */
}

static int64_t later(int64_t ns, int64_t after_ns)
{
    return ns > INT64_MAX - after_ns ? INT64_MAX : ns + after_ns;
}

/* Does what is due: closes records whose interval is over, forgets flows that were silent for too long. */
static void do_due(struct weir_meter *meter)
{
    struct weir_flow *flow;
    while ((flow = weir_table_head(meter->table, WEIR_LIST_OPEN)) && is_due(meter, flow, meter->interval_ns)) {
        emit(meter, flow, WEIR_REASON_STATUS);
        weir_table_move(meter->table, flow, WEIR_LIST_SILENT + flow->timeout);
    }
    /* Whatever enters a list from now on is due no earlier than its head, or one interval from now in an empty one. */
    meter->due_ns = flow ? later(flow->record_ns, meter->interval_ns) : later(meter->now_ns, meter->interval_ns);
    for (unsigned i = 0; i < meter->timeouts; i++) {
        int64_t limit = meter->interval_ns + meter->ops->timeouts_ns[i];
        while ((flow = weir_table_head(meter->table, WEIR_LIST_SILENT + i)) && is_due(meter, flow, limit))
            forget(meter, flow, WEIR_REASON_IDLE);
        if (flow && later(flow->record_ns, limit) < meter->due_ns)
            meter->due_ns = later(flow->record_ns, limit);
    }
}

/* Moves the stream's time, if it is later. What is found in the table afterwards goes on, so when this is called makes no
 * difference to any record. */
static inline void advance(struct weir_meter *meter, int64_t now_ns)
{
    if (now_ns <= meter->now_ns)
        return;
    meter->now_ns = now_ns;
    if (now_ns >= meter->due_ns)
        do_due(meter);
}

void weir_meter_clock(struct weir_meter *meter, int64_t clock_ns)
{
    advance(meter, clock_ns);
}

/* The stream's time as the packet brings it, not the meter's, which an idle clock may have moved on. */
static int64_t stream_time(const struct weir_packet *packet)
{
    return packet->release_ns > packet->ts_ns ? packet->release_ns : packet->ts_ns;
}

static void begin_flow(struct weir_meter *meter, struct weir_flow *flow, int64_t begun_ns, uint32_t occurrence)
{
    flow->occurrence = occurrence;
    flow->begun_ns = begun_ns;
    flow->record = 0;
    meter->account.flows_opened++;
    meter->account.flows_active++;
}

/* The flow of the key, with an open record. */
static struct weir_flow *touch(struct weir_meter *meter, const struct weir_flow_key *key, uint32_t hash,
                               const struct weir_packet *packet, bool *fresh)
{
    struct weir_flow *flow = weir_table_find(meter->table, key, hash);
    *fresh = !flow;
    if (flow) {
        if (flow->single)
            weir_table_settle(meter->table, flow);
        if (flow->list == WEIR_LIST_OPEN)
            return flow;
        meter->ops->begin(weir_flow_slot(flow), flow);
    } else {
        while (!(flow = weir_table_take(meter->table, key, hash))) {
            struct weir_flow *victim = weir_table_victim(meter->table);
            if (victim->list == WEIR_LIST_OPEN)
                emit(meter, victim, WEIR_REASON_EVICTED);
            forget(meter, victim, WEIR_REASON_EVICTED);
        }
        flow->timeout = (uint8_t)meter->ops->timeout(key);
        begin_flow(meter, flow, stream_time(packet), 0);
    }
    flow->record_ns = meter->now_ns;
    weir_table_move(meter->table, flow, WEIR_LIST_OPEN);
    return flow;
}

static struct weir_flow *count(struct weir_meter *meter, const struct weir_flow_key *key, uint32_t hash, bool reverse,
                               const struct weir_facts *facts, const struct weir_packet *packet)
{
    bool fresh;
    struct weir_flow *flow = touch(meter, key, hash, packet, &fresh);
    if (meter->ops->packet(weir_flow_slot(flow), flow, facts, packet, reverse, fresh)) {
        emit(meter, flow, WEIR_REASON_REUSE);
        meter->account.flows_closed[WEIR_REASON_REUSE]++;
        meter->account.flows_active--;
        begin_flow(meter, flow, stream_time(packet), flow->begun_ns == stream_time(packet) ? flow->occurrence + 1 : 0);
        flow->record_ns = meter->now_ns;
        weir_table_move(meter->table, flow, WEIR_LIST_OPEN);
        meter->ops->packet(weir_flow_slot(flow), flow, facts, packet, reverse, true);
    }
    return flow;
}

/* The first fragment tells the flow. Later ones that came before it were counted on a flow of their own, as long as its record is
 * open: that flow becomes a part of this one. */
static void count_first_fragment(struct weir_meter *meter, struct weir_flow *flow, const struct weir_facts *facts)
{
    struct weir_flow_key key;
    weir_fragment_key(facts, &key);
    uint32_t bytes = 0, total = 0;
    struct weir_flow *early = weir_table_find(meter->table, &key, (uint32_t)weir_flow_key_hash(&key));
    if (early && early->list == WEIR_LIST_OPEN && early->record == 0) {
        meter->ops->early(weir_flow_slot(early), &bytes, &total);
        meter->ops->join(weir_flow_slot(flow), weir_flow_slot(early));
        weir_table_release(meter->table, early);
        meter->account.flows_opened--;
        meter->account.flows_active--;
    }
    weir_fragments_note(meter->fragments, &key, facts, meter->now_ns, flow->number, flow->generation, bytes, total);
}

static void count_later_fragment(struct weir_meter *meter, const struct weir_facts *facts, const struct weir_packet *packet)
{
    struct weir_flow_key key;
    bool reverse = weir_fragment_key(facts, &key), fresh;
    uint32_t number, generation;
    if (weir_fragments_find(meter->fragments, &key, facts, meter->now_ns, &number, &generation)) {
        struct weir_flow *flow = weir_table_entry(meter->table, number);
        if (flow->generation == generation) {
            struct weir_flow_key parent = flow->key;
            flow = touch(meter, &parent, (uint32_t)weir_flow_key_hash(&parent), packet, &fresh);
            meter->ops->fragment(weir_flow_slot(flow), flow, facts, packet, memcmp(flow->key.low, facts->src, 16) != 0);
            return;
        }
    }
    count(meter, &key, (uint32_t)weir_flow_key_hash(&key), reverse, facts, packet);
}

/* A packet that was decoded ahead of its turn. */
struct ahead {
    enum weir_fate fate;
    unsigned bucket; /* when it is not metered */
    bool keyed;      /* metered, and no later fragment; otherwise the following is undefined */
    bool reverse;
    uint32_t hash;
    struct weir_flow_key key;
    struct weir_facts facts;
};

/* What is done for a packet ahead of its turn; each step is some packets behind the one before it, so that what it asks the
 * memory for comes while other packets are worked at, a few lines at a time. */
static void look_ahead(const struct weir_meter *meter, const struct weir_packet *packet, struct ahead *ahead)
{
    ahead->fate = weir_decode(packet, &ahead->facts, &ahead->bucket);
    ahead->keyed = ahead->fate == WEIR_METERED && !(ahead->facts.flags & WEIR_FACT_FRAGMENT_LATER);
    if (!ahead->keyed)
        return;
    ahead->reverse = meter->ops->key(&ahead->facts, &ahead->key);
    ahead->hash = (uint32_t)weir_flow_key_hash(&ahead->key);
    weir_table_prefetch(meter->table, ahead->hash);
}

static void fetch_ahead(const struct weir_meter *meter, const struct ahead *ahead)
{
    const struct weir_flow *flow = ahead->keyed ? weir_table_guess(meter->table, ahead->hash) : NULL;
    if (!flow)
        return;
    __builtin_prefetch(flow, 1);
    meter->ops->prefetch(weir_flow_slot(flow), &ahead->key, ahead->reverse);
}

static void take_packet(struct weir_meter *meter, const struct weir_packet *packet, const struct ahead *ahead)
{
    enum { TCP = 6 };
    const struct weir_facts *facts = &ahead->facts;
    advance(meter, stream_time(packet));
    switch (ahead->fate) {
    case WEIR_METERED:
        break;
    case WEIR_IGNORED:
        if (ahead->bucket == WEIR_IGNORED_LINK &&
            (!meter->account.ignored[WEIR_IGNORED_LINK] || packet->link < meter->account.ignored_link))
            meter->account.ignored_link = packet->link;
        meter->account.ignored[ahead->bucket]++;
        return;
    case WEIR_DROPPED:
        meter->account.dropped[ahead->bucket]++;
        return;
    }
    meter->account.metered++;
    if (!ahead->keyed) {
        count_later_fragment(meter, facts, packet);
        return;
    }
    if (facts->proto == TCP)
        weir_offset_packet(&meter->offset, facts, ahead->hash, &meter->account.offset);
    struct weir_flow *flow = count(meter, &ahead->key, ahead->hash, ahead->reverse, facts, packet);
    if (facts->flags & WEIR_FACT_FRAGMENT)
        count_first_fragment(meter, flow, facts);
    struct weir_flow_key about_key;
    if (facts->flags & WEIR_FACT_QUOTED && meter->ops->quoted_key(facts, &about_key)) {
        struct weir_flow *about = weir_table_find(meter->table, &about_key, (uint32_t)weir_flow_key_hash(&about_key));
        if (about && about->list == WEIR_LIST_OPEN)
            meter->ops->quoted(weir_flow_slot(about), facts);
    }
}

void weir_meter_packets(struct weir_meter *meter, const struct weir_packet *packets, unsigned count)
{
    enum { FETCH = 8, TAKE = 16, RING = 32 }; /* so many packets behind the first step */
    struct ahead ring[RING];
    for (unsigned i = 0; i < count + TAKE; i++) {
        if (i < count)
            look_ahead(meter, &packets[i], &ring[i % RING]);
        if (i >= FETCH && i - FETCH < count)
            fetch_ahead(meter, &ring[(i - FETCH) % RING]);
        if (i >= TAKE)
            take_packet(meter, &packets[i - TAKE], &ring[(i - TAKE) % RING]);
    }
}

static bool before(const struct weir_meter *meter, struct due a, struct due b)
{
    if (a.begun_ns != b.begun_ns)
        return a.begun_ns < b.begun_ns;
    return memcmp(&weir_table_entry(meter->table, a.number)->key, &weir_table_entry(meter->table, b.number)->key,
                  sizeof(struct weir_flow_key)) < 0;
}

static void sift(const struct weir_meter *meter, size_t root, size_t count)
{
    struct due *order = meter->order;
    for (size_t child; (child = root * 2 + 1) < count; root = child) {
        if (child + 1 < count && before(meter, order[child], order[child + 1]))
            child++;
        if (!before(meter, order[root], order[child]))
            return;
        struct due swapped = order[root];
        order[root] = order[child];
        order[child] = swapped;
    }
}

/* Heap sort: in place. */
static void sort(const struct weir_meter *meter, size_t count)
{
    for (size_t i = count / 2; i-- > 0;)
        sift(meter, i, count);
    for (size_t i = count; i-- > 1;) {
        struct due last = meter->order[0];
        meter->order[0] = meter->order[i];
        meter->order[i] = last;
        sift(meter, 0, i);
    }
}

/* As it is when no flow has had a record before. */
static bool is_sorted(const struct weir_meter *meter, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (before(meter, meter->order[i], meter->order[i - 1]))
            return false;
    return true;
}

void weir_meter_drain(struct weir_meter *meter)
{
    enum { FETCH = 4 };
    struct weir_flow *flow;
    size_t open = 0;
    for (flow = weir_table_head(meter->table, WEIR_LIST_OPEN); flow; flow = weir_table_after(meter->table, flow))
        meter->order[open++] = (struct due){flow->begun_ns, flow->number};
    if (!is_sorted(meter, open))
        sort(meter, open);
    for (size_t i = 0; i < open; i++) {
        if (i + FETCH < open)
            weir_table_prefetch_entry(meter->table, meter->order[i + FETCH].number);
        flow = weir_table_entry(meter->table, meter->order[i].number);
        emit(meter, flow, WEIR_REASON_SHUTDOWN);
        forget(meter, flow, WEIR_REASON_SHUTDOWN);
    }
    for (unsigned i = 0; i < meter->timeouts; i++)
        while ((flow = weir_table_head(meter->table, WEIR_LIST_SILENT + i)))
            forget(meter, flow, WEIR_REASON_SHUTDOWN);
    weir_fragments_clear(meter->fragments);
    meter->now_ns = meter->due_ns = INT64_MIN;
}
