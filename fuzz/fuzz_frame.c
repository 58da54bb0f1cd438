/* A batch frame. The checksum is put right first, so that what is behind it is reached; what is accepted is read whole. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "batch/frame.h"
#include "sealed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bytes = weir_fuzz_sealed(data, size);
    struct weir_frame frame;
    struct weir_error error = {0};
    if (weir_frame_open(bytes, size, "frame", &frame, &error) != WEIR_OK) {
        if (!error.text[0])
            abort();
        free(bytes);
        return 0;
    }
    static struct weir_batch batch;
    batch.x = aligned_alloc(64, (size_t)frame.columns * WEIR_BATCH_ROWS * sizeof(float));
    weir_frame_to_batch(&frame, 1, &batch);
    const char *name[WEIR_FRAME_COLUMNS_MAX];
    weir_frame_names(&frame, name);
    struct weir_frame_origin origin = {.name = frame.sensor_name, .sent_ns = frame.sent_ns, .mono_to_wall = 1};
    memcpy(origin.sensor, frame.sensor, sizeof origin.sensor);
    size_t again = weir_frame_bytes(&batch, name, &origin);
    uint8_t *out = aligned_alloc(64, (again + 63) / 64 * 64);
    weir_frame_encode(&batch, name, &origin, out);
    if (again != size || weir_frame_open(out, again, "again", &frame, NULL) != WEIR_OK)
        abort();
    free(out);
    free(batch.x);
    free(bytes);
    return 0;
}
