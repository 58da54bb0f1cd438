/* Settings that several roles have word for word. One thread. */
#ifndef WEIR_CLI_JUDGE_OPTIONS_H
#define WEIR_CLI_JUDGE_OPTIONS_H

#include "cli/settings.h"

/* enum weir_reasons (settings.h, `take`). */
weir_err weir_take_reasons(void *field, const char *what, const char *value, struct weir_error *error);

/* clang-format off */
#define WEIR_REASONS_SETTING(PLACE)                                                                                              \
    {.name = "reasons", .kind = WEIR_SETTING_WORD, .at = (PLACE), .take = weir_take_reasons, .value = "HOW",                     \
     .text = "which columns made a row an alert: exact (Shapley values), path (along\n"                                          \
             "the trees' paths, about 10 times quicker), none (exact)"}
#define WEIR_ACCOUNT_SETTING(PLACE)                                                                                              \
    {.name = "account", .kind = WEIR_SETTING_TEXT, .at = (PLACE), .value = "FILE", .live = true,                                 \
     .text = "also write the closing account there, as JSON"}
#define WEIR_JSON_SETTING(PLACE)                                                                                                 \
    {.name = "json", .kind = WEIR_SETTING_SWITCH, .at = (PLACE), .text = "print the account as one JSON object, nothing else"}
#define WEIR_QUIET_SETTING(PLACE)                                                                                                \
    {.name = "quiet", .kind = WEIR_SETTING_SWITCH, .at = (PLACE), .text = "no progress and no summary", .live = true}
/* clang-format on */

#endif
