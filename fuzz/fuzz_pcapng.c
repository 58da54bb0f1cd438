/* A pcapng file. */
#include "capture/pcapng.h"
#include "capture_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static weir_err parse(void *parser, struct weir_parse *piece, struct weir_error *error)
{
    return weir_pcapng_parse(parser, piece, error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t steps[][2] = {{SIZE_MAX, RECORDS_MAX}, {1, RECORDS_MAX}, {61, 1}};
    static struct weir_pcapng pcapng;
    struct capture_found found[3];
    bool whole[3];
    if (size > 16384)
        return 0;
    for (unsigned i = 0; i < 3; i++) {
        weir_pcapng_init(&pcapng, BLOCK_MAX);
        found[i] = capture_walk(&pcapng, parse, data, size, steps[i][0], steps[i][1]);
        whole[i] = weir_pcapng_between_blocks(&pcapng);
        capture_compare(&found[0], &found[i]);
        CHECK(whole[i] == whole[0]);
    }
    return 0;
}
