/* Clocks in nanoseconds. Any thread. */
#ifndef WEIR_BASE_CLOCK_H
#define WEIR_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t weir_clock_read_ns(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* For intervals: never set back. */
static inline int64_t weir_clock_mono_ns(void)
{
    return weir_clock_read_ns(CLOCK_MONOTONIC);
}

/* For time stamps: the epoch's. */
static inline int64_t weir_clock_wall_ns(void)
{
    return weir_clock_read_ns(CLOCK_REALTIME);
}

#endif
