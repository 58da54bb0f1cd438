/* A classic pcap file. */
#include "capture/pcap.h"
#include "capture_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static weir_err parse(void *parser, struct weir_parse *piece, struct weir_error *error)
{
    return weir_pcap_parse(parser, piece, error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t steps[][2] = {{SIZE_MAX, RECORDS_MAX}, {1, RECORDS_MAX}, {61, 1}};
    struct capture_found found[3];
    if (size > 16384)
        return 0;
    for (unsigned i = 0; i < 3; i++) {
        struct weir_pcap pcap;
        weir_pcap_init(&pcap, BLOCK_MAX);
        found[i] = capture_walk(&pcap, parse, data, size, steps[i][0], steps[i][1]);
        capture_compare(&found[0], &found[i]);
    }
    return 0;
}
