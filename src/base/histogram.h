/* Latency histogram: counts of nanoseconds in buckets of at most 1/32 relative width, 0 to 2^63. One writer; merge for several.
 */
#ifndef WEIR_BASE_HISTOGRAM_H
#define WEIR_BASE_HISTOGRAM_H

#include <stdint.h>

#define WEIR_HISTOGRAM_BUCKETS (59 * 32 + 32)

struct weir_histogram {
    uint64_t count, max;
    uint64_t bucket[WEIR_HISTOGRAM_BUCKETS];
};

/* Counts one value `times` times; negative values count as 0. */
void weir_histogram_add(struct weir_histogram *histogram, int64_t value_ns, uint64_t times);

/* Adds `from` to `into`. */
void weir_histogram_merge(struct weir_histogram *into, const struct weir_histogram *from);

/* The value below or at which `share` (0..1) of the values lie: the upper edge of its bucket, never above the largest value seen.
 * 0 when empty. */
uint64_t weir_histogram_quantile(const struct weir_histogram *histogram, double share);

#endif
