/* A verdict frame. The checksum is put right first, so that what is behind it is reached; what is accepted is read whole, and
 * written again gives the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "batch/verdict_frame.h"
#include "sealed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct weir_batch batch;
    static struct weir_verdicts verdicts = {.batch = &batch};
    uint8_t *bytes = weir_fuzz_sealed(data, size);
    struct weir_verdict_frame frame;
    struct weir_error error = {0};
    if (weir_verdict_frame_open(bytes, size, "frame", &frame, &error) != WEIR_OK) {
        if (!error.text[0])
            abort();
        free(bytes);
        return 0;
    }
    const char *names[WEIR_FRAME_CLASSES_MAX + WEIR_FRAME_COLUMNS_MAX];
    weir_verdict_frame_names(&frame, names);
    weir_verdict_frame_read(&frame, 1, &verdicts);
    verdicts.model = frame.model;
    verdicts.feature_set = frame.feature_set;
    verdicts.classes = names;
    verdicts.columns = names + frame.classes;
    struct weir_frame_origin origin = {.name = frame.sensor_name, .sent_ns = frame.sent_ns, .mono_to_wall = 1};
    memcpy(origin.sensor, frame.sensor, sizeof origin.sensor);
    size_t again = weir_verdict_frame_bytes(&verdicts, frame.columns, &origin);
    uint8_t *out = aligned_alloc(64, (again + 63) / 64 * 64);
    weir_verdict_frame_encode(&verdicts, frame.columns, &origin, out);
    if (again != size || weir_verdict_frame_open(out, again, "again", &frame, NULL) != WEIR_OK)
        abort();
    free(out);
    free(bytes);
    return 0;
}
