/* Packets to records. The input is a row of packets: two bytes of time step (a unit is 1 us, 1 ms, 100 ms or 10 s by the upper
 * two bits; 0xffff: one second back), one of link type (0 Ethernet, 1 raw IP, 2 Linux cooked, else Ethernet), one of length, the
 * bytes. The account must add up, no two records may have the same identity, and four lanes must make
 * the same records as one. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "decode/lane.h"
#include "features/meter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    LANES = 4,
    PACKETS_MAX = 64,
    RECORDS_MAX = 4 * PACKETS_MAX,
    FLOWS = 1024
}; /* no table is ever full, nor a cache of FLOWS / 16 fragments */

struct sum {
    const struct weir_view *view;
    uint64_t records, digest; /* the sum of the records' hashes: in any order */
    struct weir_identity identity[RECORDS_MAX];
};

static void take(void *context, const struct weir_record *record)
{
    struct sum *sum = context;
    XXH3_state_t state;
    XXH3_64bits_reset(&state);
    XXH3_64bits_update(&state, &record->identity.flow_id, sizeof record->identity.flow_id);
    XXH3_64bits_update(&state, &record->identity.record, sizeof record->identity.record);
    for (size_t i = 0; i < sum->view->column_count; i++) {
        const struct weir_column *column = &sum->view->columns[i];
        char text[128] = "";
        if (column->text && column->text(record, text, sizeof text) != strlen(text))
            abort();
        double value = column->value ? column->value(record) : 0;
        if (column->categories && value == value && strcmp(column->categories[(unsigned)value], text))
            abort();
        XXH3_64bits_update(&state, text, sizeof text);
        XXH3_64bits_update(&state, &value, sizeof value);
    }
    if (sum->records == RECORDS_MAX)
        abort();
    const struct weir_identity *me = &record->identity;
    for (const struct weir_identity *before = sum->identity; before < sum->identity + sum->records; before++)
        if (!memcmp(&before->flow_id, &me->flow_id, sizeof me->flow_id) && before->record == me->record)
            abort();
    sum->identity[sum->records++] = *me;
    sum->digest += XXH3_64bits_digest(&state);
}

static uint64_t total(const uint64_t *part, size_t n)
{
    uint64_t all = 0;
    for (size_t i = 0; i < n; i++)
        all += part[i];
    return all;
}

static void check(const struct weir_meter *meter, uint64_t given)
{
    const struct weir_meter_account *account = weir_meter_account(meter);
    uint64_t left = total(account->ignored, WEIR_IGNORED_COUNT) + total(account->dropped, WEIR_DROPPED_COUNT);
    if (account->metered + left != given ||
        account->flows_opened != account->flows_active + total(account->flows_closed, WEIR_REASON_COUNT))
        abort();
}

static struct weir_meter *create(struct sum *sum)
{
    struct weir_meter *meter = NULL;
    struct weir_meter_config config = {.view = sum->view, .flows = FLOWS, .emit = take, .context = sum};
    if (weir_meter_create(&config, &meter, NULL))
        abort();
    return meter;
}

/* Meters are kept from input to input, each is as new after a drain: to make them takes longer than to use them. */
static struct sum one, many;
static struct weir_meter *single, *lane[LANES];
static uint64_t given, given_lane[LANES]; /* so far */

static void begin(void)
{
    one.view = many.view = weir_view_find("argus");
    one.records = one.digest = many.records = many.digest = 0;
    if (single)
        return;
    single = create(&one);
    for (unsigned i = 0; i < LANES; i++)
        lane[i] = create(&many);
}

static void end(struct weir_meter *meter, int64_t clock_ns, uint64_t packets)
{
    weir_meter_clock(meter, clock_ns);
    weir_meter_drain(meter);
    check(meter, packets);
    if (weir_meter_account(meter)->flows_active)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t unit_ns[] = {1000, 1000000, 100000000, 10000000000};
    static const uint16_t links[] = {1, 101, 113};
    begin();
    unsigned packets = 0;
    int64_t now_ns = 1000000000, release_ns = 0;
    for (size_t at = 0; size - at >= 4 && packets++ < PACKETS_MAX;) {
        unsigned step = (unsigned)data[at] << 8 | data[at + 1];
        uint32_t length = data[at + 3];
        uint16_t link = links[data[at + 2] < 3 ? data[at + 2] : 0];
        at += 4;
        if (length > size - at)
            break;
        now_ns += step == 0xffff ? -1000000000 : (int64_t)(step & 0x3fff) * unit_ns[step >> 14] / 16;
        if (now_ns < 1)
            now_ns = 1;
        release_ns = now_ns > release_ns ? now_ns : release_ns;
        uint8_t *exact = malloc(length ? length : 1); /* so that a sanitizer sees a byte too far */
        if (!exact)
            abort();
        memcpy(exact, data + at, length);
        struct weir_packet packet = {
            .data = exact, .ts_ns = now_ns, .release_ns = release_ns, .caplen = length, .wirelen = length, .link = link};
        unsigned i = weir_lane_hash(&packet) % LANES;
        weir_meter_packets(single, &packet, 1);
        weir_meter_packets(lane[i], &packet, 1);
        free(exact);
        given++;
        given_lane[i]++;
        check(single, given);
        check(lane[i], given_lane[i]);
        at += length;
    }
    end(single, release_ns, given);
    for (unsigned i = 0; i < LANES; i++)
        end(lane[i], release_ns, given_lane[i]);
    if (one.records != many.records || one.digest != many.digest)
        abort();
    return 0;
}
