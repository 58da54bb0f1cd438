/* Numbers, addresses and ids as text, for the writers of lines (CSV, JSON, EVE) and of DuckDB's strings.
 *
 * Each function writes at `out`, adds no NUL and returns how many bytes it wrote; `out` has room for WEIR_TEXT_ROOM bytes, which
 * is more than any of them needs. Pure; any thread; independent of the locale.
 */
#ifndef WEIR_STORE_TEXT_H
#define WEIR_STORE_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "flow/record.h"

#define WEIR_TEXT_ROOM 48

size_t weir_text_u64(uint64_t value, char *out);
size_t weir_text_i64(int64_t value, char *out);

/* A finite number with the 15 digits that people expect if these read back as the same double, else with 17, which always do:
 * 0.1, 1234567, 0.33333333333333331, 1e+300. "nan", "inf", "-inf" else. */
size_t weir_text_real(double value, char *out);

/* The shortest of 6 to 9 digits that reads back as the same float: 0.97, 1234.5. */
size_t weir_text_real32(float value, char *out);

/* Nanoseconds of the epoch as seconds with `decimals` = 6 (rounded down) or 9. */
size_t weir_text_epoch(int64_t ns, unsigned decimals, char *out);

/* An address as in struct weir_facts. IPv6 in the form of RFC 5952: 2001:db8::1, ::ffff:192.0.2.1. */
size_t weir_text_ip(unsigned ip_version, const uint8_t *address, char *out);

/* 8-4-4-4-12 lower-case hexadecimal digits. */
size_t weir_text_uuid(uint64_t high, uint64_t low, char *out);

/* `length` bytes as a JSON string in quotes: quotes, backslashes and control characters escaped, bytes that are no UTF-8 replaced
 * by U+FFFD. The room that is needed: 6 * length + 2. */
size_t weir_text_json(const char *text, size_t length, char *out);

#endif
