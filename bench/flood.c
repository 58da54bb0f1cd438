/* weir bench flood: a SYN flood from made-up sources, each SYN a flow of its own, over conversations that go on.
 *
 * Measured beside the same conversations at the same times without the flood: memory, and that each conversation has the very
 * same judgements. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/frame.h"
#include "bench/hold.h"
#include "data/duck.h"
#include "store/shelf.h"

enum {
    SYNS = 10000000,
    QUICK_SYNS = 1000000,
    TALKS_MAX = 1000,
    SYNS_A_TALK = 2000, /* fewer conversations over a small flood, so that each has its turns */
    EACH = 20,          /* SYNs between two packets of conversations */
    STEP_US = 2,
    SHORT = 10, /* every so many-th conversation is short, and another follows it */
    EXCHANGES = 8
};

#define ROTATE  "64MB"      /* small files, as in day.c */
#define CLIENTS 0xc6330000u /* 198.51.0.0/16: the conversations' clients, no source of the flood */
#define VICTIM  0xcb007101u /* 203.0.113.1 */
#define JUDGEMENT                                                                                                                \
    "flow_id,record,reason,stime,ltime,proto,src_ip,src_port,dest_ip,dest_port,feature_set,class,score,threshold,alert,model"
#define TALKING " WHERE src_ip LIKE '198.51.%' OR dest_ip LIKE '198.51.%'"

struct talk {
    uint16_t port, id, left;
    uint8_t step; /* 0 SYN, 1 SYN-ACK, 2 ACK, 3 question, 4 answer, 5 ACK, 6 FIN, 7 FIN-ACK, 8 ACK */
    uint32_t seq[2];
};

struct flood {
    uint64_t syns;
    uint32_t talks;
    bool quiet; /* the conversations alone */
    uint32_t source;
    struct weir_frames frames;
    struct talk talk[TALKS_MAX];
};

/* A one-to-one shuffle of 32 bits: no source comes twice. */
static uint32_t shuffle(uint32_t x)
{
    x = (x ^ x >> 16) * 0x85ebca6bu;
    x = (x ^ x >> 13) * 0xc2b2ae35u;
    return x ^ x >> 16;
}

static bool write_syn(struct flood *flood)
{
    uint32_t source, first;
    do {
        source = shuffle(++flood->source);
        first = source >> 24;
    } while (first == 0 || first == 127 || first >= 224 || source >> 16 == CLIENTS >> 16 || source == VICTIM);
    uint32_t other = shuffle(source);
    const struct weir_frame frame = {.src = source,
                                     .dst = VICTIM,
                                     .sport = (uint16_t)(1024 + other % 60000),
                                     .dport = 443,
                                     .id = (uint16_t)other,
                                     .proto = WEIR_FRAME_TCP,
                                     .ttl = 50,
                                     .tcp_flags = 0x02,
                                     .seq = other};
    return flood->quiet || weir_frames_write(&flood->frames, &frame);
}

static bool write_talk(struct flood *flood, uint32_t number)
{
    static const uint8_t from[] = {0, 1, 0, 0, 1, 0, 0, 1, 0}, flags[] = {0x02, 0x12, 0x10, 0x18, 0x18, 0x10, 0x11, 0x11, 0x10};
    struct talk *talk = &flood->talk[number];
    unsigned at = from[talk->step];
    const uint16_t client = (uint16_t)(1024 + talk->port);
    const struct weir_frame frame = {.src = at ? VICTIM : CLIENTS + number,
                                     .dst = at ? CLIENTS + number : VICTIM,
                                     .sport = at ? 443 : client,
                                     .dport = at ? client : 443,
                                     .id = talk->id++,
                                     .proto = WEIR_FRAME_TCP,
                                     .ttl = at ? 58 : 64,
                                     .tcp_flags = flags[talk->step],
                                     .back = at,
                                     .seq = talk->seq[at],
                                     .ack = talk->seq[!at],
                                     .payload = talk->step == 3   ? 50 + shuffle(talk->seq[0]) % 300
                                                : talk->step == 4 ? 100 + shuffle(talk->seq[1]) % 1300
                                                                  : 0};
    talk->seq[at] += frame.payload + (frame.tcp_flags & 3 ? 1 : 0);
    if (talk->step == 5 && (number % SHORT || --talk->left))
        talk->step = 3;
    else
        talk->step++;
    if (talk->step > 8) /* another connection from the next port */
        *talk = (struct talk){.port = (uint16_t)((talk->port + 1) % 60000), .id = talk->id, .left = EXCHANGES, .seq = {1, 1}};
    return weir_frames_write(&flood->frames, &frame);
}

static bool write_flood(void *context, FILE *file, struct weir_hold *hold)
{
    struct flood *flood = context;
    bool good = weir_frames_begin(&flood->frames, file);
    flood->source = 0;
    for (uint32_t t = 0; t < flood->talks; t++)
        flood->talk[t] = (struct talk){.port = (uint16_t)(t * 7), .left = (uint16_t)(1 + t % EXCHANGES), .seq = {t * 977, t}};
    for (uint32_t i = 0; good && i < 3 * flood->talks; i++) { /* they are established before the flood begins */
        good = write_talk(flood, i % flood->talks);
        flood->frames.time_us += STEP_US;
    }
    uint32_t turn = 0;
    unsigned sample = 0;
    for (uint64_t i = 0; good && i < flood->syns; i++) {
        for (; i * (WEIR_HOLD_SAMPLES - 1) / flood->syns >= sample; sample++)
            weir_hold_sample(hold, sample);
        good = write_syn(flood);
        flood->frames.time_us += STEP_US;
        if (good && i % EACH == EACH - 1) {
            good = write_talk(flood, turn++ % flood->talks);
            flood->frames.time_us += STEP_US;
        }
    }
    weir_hold_sample(hold, sample);
    hold->packets = flood->frames.packets;
    return good;
}

struct judged {
    uint64_t rows, differing, digest; /* of the conversations; digest: of every judgement of the flood, in any order */
};

/* The folder: with the flood, the file: without. */
static weir_err compare(const struct weir_hold_place *place, struct judged *judged, struct weir_error *error)
{
    struct weir_duck *duck = NULL;
    char sql[128];
    weir_err code = weir_shelf_open(place->days, &duck, error);
    if (code != WEIR_OK)
        return code;
    snprintf(sql, sizeof sql, "ATTACH '%s' AS quiet (READ_ONLY)", place->file);
    if ((code = weir_duck_run(duck, sql, error)) == WEIR_OK)
        code = weir_duck_number(duck, "SELECT count(*)::UBIGINT FROM quiet.verdicts" TALKING, &judged->rows, error);
    if (code == WEIR_OK)
        code = weir_duck_number(
            duck,
            "SELECT count(*)::UBIGINT FROM ("
            "(SELECT " JUDGEMENT " FROM verdicts" TALKING " EXCEPT ALL SELECT " JUDGEMENT " FROM quiet.verdicts) UNION ALL "
            "(SELECT " JUDGEMENT " FROM quiet.verdicts EXCEPT ALL SELECT " JUDGEMENT " FROM verdicts" TALKING "))",
            &judged->differing, error);
    if (code == WEIR_OK)
        code = weir_duck_number(duck, "SELECT (sum(hash(" JUDGEMENT ")::HUGEINT) % 18446744073709551616)::UBIGINT FROM verdicts",
                                &judged->digest, error);
    weir_duck_close(&duck);
    return code;
}

static struct weir_bench_row *add(struct weir_bench_report *report, const char *name, const char *unit, double weir,
                                  double theirs)
{
    struct weir_bench_row *row = weir_bench_add(report, name, unit, true);
    row->weir = weir;
    row->yardstick = "without the flood";
    row->theirs = theirs;
    return row;
}

weir_err weir_bench_flood(const struct weir_bench_options *options, struct weir_bench_report *report, struct weir_error *error)
{
    struct weir_hold_place place = {0};
    struct weir_hold hold = {0}, quiet = {0};
    struct judged judged = {0};
    struct flood *flood = calloc(1, sizeof *flood);
    if (!flood)
        return weir_fail(error, WEIR_ERR_MEMORY, "bench: out of memory");
    flood->syns = options->size ? options->size : options->quick ? QUICK_SYNS : SYNS;
    flood->talks = flood->syns / SYNS_A_TALK < TALKS_MAX ? (uint32_t)(flood->syns / SYNS_A_TALK) + 1 : TALKS_MAX;
    weir_err code = weir_hold_place(&place, error);
    if (code == WEIR_OK)
        code = weir_hold_run(options, place.days, ROTATE, write_flood, flood, &hold, error);
    flood->quiet = true;
    if (code == WEIR_OK)
        code = weir_hold_run(options, place.file, NULL, write_flood, flood, &quiet, error);
    if (code == WEIR_OK)
        code = compare(&place, &judged, error);
    if (code == WEIR_OK && judged.differing)
        code = weir_fail(error, WEIR_ERR_MISMATCH,
                         "the flood changed %" PRIu64 " of the conversations' %" PRIu64 " judgements; give more room: --flows",
                         judged.differing, judged.rows);
    if (code == WEIR_OK) {
        struct weir_bench_row *row = add(report, "peak-memory", "MiB", hold.peak, quiet.peak);
        weir_hold_print(&hold, row->note, sizeof row->note);
        row = add(report, "growth", "MiB a 24th", weir_hold_slope(&hold), weir_hold_slope(&quiet));
        snprintf(row->note, sizeof row->note, "least squares over the second half of the stream");
        row = add(report, "judgements", "rows", (double)judged.rows, (double)judged.rows);
        snprintf(row->note, sizeof row->note, "of %u conversations: all are the same with the flood", flood->talks);
        char *text = json_dumps(json_object_get(hold.account, "rows"), JSON_COMPACT);
        row = add(report, "records", "rows", (double)weir_hold_number(hold.account, "store.committed"),
                  (double)weir_hold_number(quiet.account, "store.committed"));
        snprintf(row->note, sizeof row->note,
                 "%" PRIu64 " packets, %" PRIu64 " flows, %" PRIu64 " evicted; %s; judgements' digest %016" PRIx64, hold.packets,
                 weir_hold_number(hold.account, "flows.opened"), weir_hold_number(hold.account, "flows.closed.evicted"),
                 text ? text : "", judged.digest);
        free(text);
    }
    if (options->quick && !options->size)
        weir_bench_skip(report, "quick: %d SYNs instead of %d", QUICK_SYNS, SYNS);
    weir_hold_leave(&place);
    weir_hold_fini(&hold);
    weir_hold_fini(&quiet);
    free(flood);
    return code;
}
