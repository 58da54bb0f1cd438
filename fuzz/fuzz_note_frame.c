/* A note frame. The checksum is put right first, so that what is behind it is reached; what is accepted is read whole, and
 * written again gives the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "batch/note_frame.h"
#include "sealed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bytes = weir_fuzz_sealed(data, size);
    struct weir_note note;
    struct weir_error error = {0};
    if (weir_note_frame_open(bytes, size, "note", &note, &error) != WEIR_OK) {
        if (!error.text[0])
            abort();
        free(bytes);
        return 0;
    }
    if (weir_frame_kind(bytes, size) != WEIR_FRAME_NOTE || weir_note_frame_bytes(&note) != size)
        abort();
    uint8_t *out = aligned_alloc(64, (size + 63) / 64 * 64);
    weir_note_frame_encode(&note, out);
    if (weir_note_frame_open(out, size, "again", &note, NULL) != WEIR_OK)
        abort();
    free(out);
    free(bytes);
    return 0;
}
