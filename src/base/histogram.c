#include "base/histogram.h"

#include <math.h>

enum { SUB_BITS = 5, SUB = 1 << SUB_BITS };

/* Values below SUB have a bucket each; above, every power of two is cut in SUB equal parts. */
static unsigned bucket_of(uint64_t value)
{
    if (value < SUB)
        return (unsigned)value;
    unsigned shift = 63 - (unsigned)__builtin_clzll(value) - SUB_BITS;
    return (shift + 1) * SUB + (unsigned)((value >> shift) & (SUB - 1));
}

static uint64_t upper_edge(unsigned bucket)
{
    if (bucket < SUB)
        return bucket;
    unsigned shift = bucket / SUB - 1;
    return (((uint64_t)SUB + bucket % SUB + 1) << shift) - 1;
}

void weir_histogram_add(struct weir_histogram *histogram, int64_t value_ns, uint64_t times)
{
    uint64_t value = value_ns > 0 ? (uint64_t)value_ns : 0;
    histogram->bucket[bucket_of(value)] += times;
    histogram->count += times;
    if (times && value > histogram->max)
        histogram->max = value;
}

void weir_histogram_merge(struct weir_histogram *into, const struct weir_histogram *from)
{
    for (unsigned i = 0; i < WEIR_HISTOGRAM_BUCKETS; i++)
        into->bucket[i] += from->bucket[i];
    into->count += from->count;
    if (from->max > into->max)
        into->max = from->max;
}

uint64_t weir_histogram_quantile(const struct weir_histogram *histogram, double share)
{
    if (!histogram->count)
        return 0;
    /* 0.007 * 1000 is a little more than 7 in binary: take that off before rounding up */
    uint64_t rank = (uint64_t)ceil(share * (double)histogram->count * (1 - 1e-12)), seen = 0;
    for (unsigned i = 0; i < WEIR_HISTOGRAM_BUCKETS; i++) {
        seen += histogram->bucket[i];
        if (seen >= rank && seen) {
            uint64_t edge = upper_edge(i);
            return edge < histogram->max ? edge : histogram->max;
        }
    }
    return histogram->max;
}
