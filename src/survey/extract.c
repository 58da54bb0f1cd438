#include "survey/extract.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "features/meter.h"

enum { FLOWS = 512, PACKETS = 8, REPEATS = 16, IP_BYTES = 40, LINK_RAW = 101 };

struct measure {
    const struct weir_view *view;
    const struct weir_column **column;
    size_t columns;
    int64_t spent_ns;
    uint64_t records;
    double sum; /* so that nothing is left out as useless */
};

static void measure_record(void *context, const struct weir_record *record)
{
    struct measure *m = context;
    int64_t start = weir_clock_mono_ns();
    for (int i = 0; i < REPEATS; i++)
        for (size_t c = 0; c < m->columns; c++)
            m->sum += m->column[c]->value(record);
    m->spent_ns += weir_clock_mono_ns() - start;
    m->records++;
}

static void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* An IPv4 packet of a TCP connection: `flow` makes its client's address, `step` is its place: handshake, data, end. */
static void make_packet(uint8_t out[IP_BYTES], unsigned flow, unsigned step)
{
    static const uint8_t flags[PACKETS] = {0x02, 0x12, 0x10, 0x18, 0x18, 0x11, 0x11, 0x10};
    static const uint8_t from_server[PACKETS] = {0, 1, 0, 0, 1, 0, 1, 0};
    unsigned back = from_server[step];
    memset(out, 0, IP_BYTES);
    out[0] = 0x45;
    put16(out + 2, IP_BYTES + (step == 3 ? 200 : step == 4 ? 1200 : 0));
    out[6] = 0x40;
    out[8] = 64;
    out[9] = 6;
    out[12 + 4 * back] = 10;
    put16(out + 14 + 4 * back, flow);
    out[16 - 4 * back] = 192;
    put16(out + 18 - 4 * back, 80);
    put16(out + 20 + 2 * back, 40000 + flow);
    put16(out + 22 - 2 * back, 443);
    put16(out + 26, step);
    put16(out + 30, step);
    out[32] = 0x50;
    out[33] = flags[step];
    put16(out + 34, 65535);
}

static void send_flows(struct weir_meter *meter)
{
    int64_t now = 1700000000 * (int64_t)1000000000;
    for (unsigned step = 0; step < PACKETS; step++)
        for (unsigned flow = 0; flow < FLOWS; flow++) {
            uint8_t bytes[IP_BYTES];
            make_packet(bytes, flow, step);
            struct weir_packet packet = {.data = bytes,
                                         .ts_ns = now,
                                         .release_ns = now,
                                         .caplen = IP_BYTES,
                                         .wirelen = (uint32_t)(bytes[2] << 8 | bytes[3]),
                                         .link = LINK_RAW,
                                         .port = (uint8_t)(bytes[12] != 10)};
            weir_meter_packets(meter, &packet, 1);
            now += 1000 * (1 + flow % 7);
        }
    weir_meter_drain(meter);
}

weir_err weir_survey_extract_ns(const char *feature_set, const json_t *columns, double *ns, struct weir_error *error)
{
    struct measure m = {.view = weir_view_find(feature_set)};
    struct weir_meter_config config = {.view = m.view, .flows = 2 * FLOWS, .emit = measure_record, .context = &m};
    struct weir_meter *meter = NULL;
    size_t i;
    json_t *name;
    if (!m.view)
        return weir_fail(error, WEIR_ERR_NOT_FOUND, "weir does not meter feature set '%.40s'", feature_set);
    m.column = malloc((json_array_size(columns) + 1) * sizeof *m.column);
    weir_err failed = m.column ? WEIR_OK : weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    json_array_foreach(columns, i, name)
    {
        int at = failed || !json_is_string(name) ? -1 : weir_view_column(m.view, json_string_value(name));
        if (!failed && (at < 0 || !m.view->columns[at].value))
            failed = weir_fail(error, WEIR_ERR_NOT_FOUND, "feature set %s has no such column", feature_set);
        if (!failed)
            m.column[m.columns++] = &m.view->columns[at];
    }
    if (!failed)
        failed = weir_meter_create(&config, &meter, error);
    if (!failed) {
        send_flows(meter);
        *ns = (double)m.spent_ns / ((double)m.records * REPEATS);
        failed =
            m.records ? WEIR_OK : weir_fail(error, WEIR_ERR_UNSUPPORTED, "feature set %s makes no records of TCP", feature_set);
    }
    weir_meter_destroy(&meter);
    free(m.column);
    return failed;
}
