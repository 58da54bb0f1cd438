/* First two bytes: link type; third: how many more bytes were on the wire; then the packet. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "../tests/decode/facts_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3 || size > 65536)
        return 0;
    uint32_t caplen = (uint32_t)(size - 3);
    struct weir_packet packet = {
        .data = data + 3, .caplen = caplen, .wirelen = caplen + data[2], .link = (uint16_t)(data[0] << 8 | data[1])};
    struct weir_facts facts;
    unsigned bucket = 99;
    enum weir_fate fate = weir_decode(&packet, &facts, &bucket);
    if (facts_check(&packet, fate, &facts, bucket) != NULL)
        abort();
    return 0;
}
