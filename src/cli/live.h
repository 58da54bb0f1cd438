/* The live line of a terminal: flows/s, decision time, verdicts by class, the last alert. One thread. */
#ifndef WEIR_CLI_LIVE_H
#define WEIR_CLI_LIVE_H

#include <stdbool.h>

#include "pipeline/account.h"
#include "pipeline/backend.h"

struct weir_live {
    bool terminal;  /* stderr is one: the line is redrawn in place */
    double shown_s; /* account->seconds of the last line */
    uint64_t shown_records;
    bool drawn;
};

/* Looks at stderr. */
void weir_live_init(struct weir_live *live);

/* Draws the line for an account and the newest alerts (lines[0] first). done_share: progress in the
 * files, negative when not known. On a terminal the line is redrawn; else it is a line of its own. */
void weir_live_draw(struct weir_live *live, const struct weir_account *account, const struct weir_alert_line *lines,
                    unsigned line_count, double done_share);

/* Wipes the line, so that other output starts on a clean one. */
void weir_live_clear(struct weir_live *live);

#endif
