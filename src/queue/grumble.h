/* Says what was refused: one line a second at most, whatever comes. One thread. */
#ifndef WEIR_QUEUE_GRUMBLE_H
#define WEIR_QUEUE_GRUMBLE_H

#include <inttypes.h>

#include "base/clock.h"
#include "base/log.h"

struct weir_grumble { /* start with {0} */
    int64_t said_ns;
    uint64_t unsaid;
};

static inline void weir_grumble(struct weir_grumble *grumble, const char *why)
{
    int64_t now_ns = weir_clock_mono_ns();
    if (grumble->said_ns && now_ns < grumble->said_ns + 1000000000) {
        grumble->unsaid++;
        return;
    }
    if (grumble->unsaid)
        weir_log(WEIR_LOG_WARNING, "refused: %s (and %" PRIu64 " before it)", why, grumble->unsaid);
    else
        weir_log(WEIR_LOG_WARNING, "refused: %s", why);
    grumble->said_ns = now_ns;
    grumble->unsaid = 0;
}

#endif
