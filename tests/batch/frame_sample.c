/* Writes a batch as a frame, its verdicts as a frame, and both as CSV, and a note, for readers of frames in other languages:
 * frame_sample ROWS FRAME VERDICTS CSV NOTE. NOTE is a note that tells how many rows. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batch/batcher.h"
#include "batch/note_frame.h"
#include "batch/verdict_frame.h"

static const char *const names[] = {"dur", "sbytes", "missing"};
static const char *const classes[] = {"benign", "attack"};

static bool write_file(const char *path, const uint8_t *bytes, size_t size)
{
    FILE *out = fopen(path, "wb");
    return out && fwrite(bytes, 1, size, out) == size && !fclose(out);
}

int main(int argc, char **argv)
{
    static struct weir_batch batch;
    static struct weir_verdicts verdicts = {.batch = &batch,
                                            .model = "sample:1",
                                            .feature_set = "argus",
                                            .classes = classes,
                                            .class_count = 2,
                                            .columns = names,
                                            .threshold = 0.5f};
    if (argc != 6)
        return 2;
    batch.rows = (uint16_t)atoi(argv[1]);
    batch.columns = 3;
    batch.feature_set = 0x2fe57d38eb78a705;
    batch.column_list = weir_column_list_id(batch.feature_set, names, 3);
    batch.boot = 5;
    batch.seq = 6;
    batch.lane = 7;
    batch.x = aligned_alloc(64, 3 * WEIR_BATCH_ROWS * sizeof(float));
    FILE *csv = fopen(argv[4], "w");
    if (!csv || !batch.x || !batch.rows || batch.rows > WEIR_BATCH_ROWS)
        return 1;
    fprintf(csv, "flow_id,record,reason,proto,sport,dport,stime_ns,closed_ns,dur,sbytes,score,class,reason_0\n");
    for (unsigned r = 0; r < batch.rows; r++) {
        struct weir_identity *id = &batch.identity[r];
        *id = (struct weir_identity){.flow_id = {r * 0x9e3779b97f4a7c15u, ~(uint64_t)r},
                                     .record = r / 2,
                                     .reason = (uint8_t)(r % WEIR_REASON_COUNT),
                                     .ip_version = 4,
                                     .proto = 6,
                                     .ports = 1,
                                     .sport = (uint16_t)(1024 + r),
                                     .dport = 443,
                                     .stime_ns = 1700000000000000000 + r,
                                     .ltime_ns = 1700000000000000500 + r};
        batch.closed_ns[r] = 10 * (int64_t)r;
        float dur = (float)r / 7, sbytes = (float)(r * r);
        *weir_batch_cell(&batch, r, 0) = dur;
        *weir_batch_cell(&batch, r, 1) = sbytes;
        *weir_batch_cell(&batch, r, 2) = __builtin_nanf("");
        bool alert = r % 3 == 2;
        verdicts.score[r] = alert ? 0.75f : 0.25f;
        verdicts.class_index[r] = alert;
        verdicts.alert[r] = alert;
        verdicts.scored_ns[r] = batch.closed_ns[r] + 7;
        if (alert)
            verdicts.causes[verdicts.alerts++] =
                (struct weir_alert_causes){.row = (uint16_t)r, .count = 2, .cause = {{1, sbytes, 0.5f}, {0, dur, -0.25f}}};
        char hex[33];
        snprintf(hex, sizeof hex, "%016llx%016llx", (unsigned long long)id->flow_id.high, (unsigned long long)id->flow_id.low);
        fprintf(csv, "%.8s-%.4s-%.4s-%.4s-%.12s,%u,%u,%u,%u,%u,%lld,%lld,%.9g,%.9g,%.9g,%s,%s\n", hex, hex + 8, hex + 12,
                hex + 16, hex + 20, id->record, id->reason, id->proto, id->sport, id->dport, (long long)id->stime_ns,
                (long long)batch.closed_ns[r] + 1000, (double)dur, (double)sbytes, (double)verdicts.score[r], classes[alert],
                alert ? "sbytes" : "");
    }
    struct weir_frame_origin origin = {
        .sensor = "sensor-of-a-test", .name = "tap", .sent_ns = 99, .mono_to_wall = 1000, .degrade = true};
    batch.handed_ns = 55;
    verdicts.brief = true;
    size_t size = weir_frame_bytes(&batch, names, &origin);
    uint8_t *bytes = aligned_alloc(64, (size + 63) / 64 * 64);
    if (!bytes)
        return 1;
    weir_frame_encode(&batch, names, &origin, bytes);
    bool ok = write_file(argv[2], bytes, size) && !fclose(csv);
    free(bytes);
    size = weir_verdict_frame_bytes(&verdicts, 3, &origin);
    bytes = aligned_alloc(64, (size + 63) / 64 * 64);
    if (!bytes)
        return 1;
    weir_verdict_frame_encode(&verdicts, 3, &origin, bytes);
    ok = ok && write_file(argv[3], bytes, size);
    free(bytes);
    char text[64];
    snprintf(text, sizeof text, "{\"health\": {\"rows\": %u}}", batch.rows);
    struct weir_note note = {.sensor = "sensor-of-a-test", .boot = 5, .seq = 1, .sent_ns = 99, .name = "tap", .text = text};
    size = weir_note_frame_bytes(&note);
    bytes = aligned_alloc(64, (size + 63) / 64 * 64);
    if (!bytes)
        return 1;
    weir_note_frame_encode(&note, bytes);
    ok = ok && write_file(argv[5], bytes, size);
    free(bytes);
    free(batch.x);
    return ok ? 0 : 1;
}
