/* Writes a batch as a frame and as CSV, for readers of frames in other languages: frame_sample ROWS FRAME CSV. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batch/batcher.h"
#include "batch/frame.h"

static const char *const names[] = {"dur", "sbytes", "missing"};

int main(int argc, char **argv)
{
    static struct weir_batch batch;
    if (argc != 4)
        return 2;
    batch.rows = (uint16_t)atoi(argv[1]);
    batch.columns = 3;
    batch.feature_set = 0x2fe57d38eb78a705;
    batch.column_list = weir_column_list_id(batch.feature_set, names, 3);
    batch.boot = 5;
    batch.seq = 6;
    batch.lane = 7;
    batch.x = aligned_alloc(64, 3 * WEIR_BATCH_ROWS * sizeof(float));
    FILE *csv = fopen(argv[3], "w"), *out = fopen(argv[2], "wb");
    if (!csv || !out || !batch.x || !batch.rows || batch.rows > WEIR_BATCH_ROWS)
        return 1;
    fprintf(csv, "flow_id,record,reason,proto,sport,dport,stime_ns,closed_ns,dur,sbytes\n");
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
        char hex[33];
        snprintf(hex, sizeof hex, "%016llx%016llx", (unsigned long long)id->flow_id.high, (unsigned long long)id->flow_id.low);
        fprintf(csv, "%.8s-%.4s-%.4s-%.4s-%.12s,%u,%u,%u,%u,%u,%lld,%lld,%.9g,%.9g\n", hex, hex + 8, hex + 12, hex + 16, hex + 20,
                id->record, id->reason, id->proto, id->sport, id->dport, (long long)id->stime_ns,
                (long long)batch.closed_ns[r] + 1000, (double)dur, (double)sbytes);
    }
    struct weir_frame_origin origin = {.sensor = "sensor-of-a-test", .sent_ns = 99, .mono_to_wall = 1000};
    size_t size = weir_frame_bytes(batch.rows, 3, weir_frame_names_bytes(names, 3));
    uint8_t *bytes = aligned_alloc(64, (size + 63) / 64 * 64);
    if (!bytes)
        return 1;
    weir_frame_encode(&batch, names, &origin, bytes);
    bool ok = fwrite(bytes, 1, size, out) == size && !fclose(out) && !fclose(csv);
    free(bytes);
    free(batch.x);
    return ok ? 0 : 1;
}
