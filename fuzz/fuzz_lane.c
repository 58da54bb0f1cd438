/* First two bytes: link type; third: how many more bytes were on the wire; then the packet (as fuzz_decode, whose seeds serve).
 */
#include <stdlib.h>

#include "../tests/capture/lane_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3 || size > 65536)
        return 0;
    uint32_t caplen = (uint32_t)(size - 3);
    const struct weir_packet packet = {
        .data = data + 3, .caplen = caplen, .wirelen = caplen + data[2], .link = (uint16_t)(data[0] << 8 | data[1])};
    if (!lane_check(&packet))
        abort();
    return 0;
}
