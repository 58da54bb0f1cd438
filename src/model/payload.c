#include "model/payload.h"

#include <string.h>

#include "base/bytes.h"

uint8_t *weir_payload_put16(uint8_t *p, const uint16_t *value, size_t count)
{
    for (size_t i = 0; i < count; i++, p += 2) {
        p[0] = (uint8_t)value[i];
        p[1] = (uint8_t)(value[i] >> 8);
    }
    return p;
}

uint8_t *weir_payload_put32(uint8_t *p, const void *value, size_t count)
{
    for (size_t i = 0; i < count; i++, p += 4) {
        uint32_t bits;
        memcpy(&bits, (const uint8_t *)value + 4 * i, 4);
        for (int k = 0; k < 4; k++)
            p[k] = (uint8_t)(bits >> 8 * k);
    }
    return p;
}

uint8_t *weir_payload_put64(uint8_t *p, const void *value, size_t count)
{
    for (size_t i = 0; i < count; i++, p += 8) {
        uint64_t bits;
        memcpy(&bits, (const uint8_t *)value + 8 * i, 8);
        for (int k = 0; k < 8; k++)
            p[k] = (uint8_t)(bits >> 8 * k);
    }
    return p;
}

const uint8_t *weir_payload_get16(const uint8_t *p, uint16_t *value, size_t count)
{
    for (size_t i = 0; i < count; i++, p += 2)
        value[i] = weir_load_le16(p);
    return p;
}

const uint8_t *weir_payload_get32(const uint8_t *p, void *value, size_t count)
{
    for (size_t i = 0; i < count; i++, p += 4) {
        uint32_t bits = weir_load_le32(p);
        memcpy((uint8_t *)value + 4 * i, &bits, 4);
    }
    return p;
}

const uint8_t *weir_payload_get64(const uint8_t *p, void *value, size_t count)
{
    for (size_t i = 0; i < count; i++, p += 8) {
        uint64_t bits = weir_load_le64(p);
        memcpy((uint8_t *)value + 8 * i, &bits, 8);
    }
    return p;
}
