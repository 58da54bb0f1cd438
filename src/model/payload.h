/* Numbers of a model's payload: little-endian, whatever the machine. Pure functions; any thread. */
#ifndef WEIR_MODEL_PAYLOAD_H
#define WEIR_MODEL_PAYLOAD_H

#include <stddef.h>
#include <stdint.h>

/* Write `count` numbers; return the place behind them. 32: uint32_t, int32_t or float; 64: uint64_t or double. */
uint8_t *weir_payload_put16(uint8_t *p, const uint16_t *value, size_t count);
uint8_t *weir_payload_put32(uint8_t *p, const void *value, size_t count);
uint8_t *weir_payload_put64(uint8_t *p, const void *value, size_t count);

/* Read them back. */
const uint8_t *weir_payload_get16(const uint8_t *p, uint16_t *value, size_t count);
const uint8_t *weir_payload_get32(const uint8_t *p, void *value, size_t count);
const uint8_t *weir_payload_get64(const uint8_t *p, void *value, size_t count);

#endif
