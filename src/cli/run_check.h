/* weir run --check. One thread. */
#ifndef WEIR_CLI_RUN_CHECK_H
#define WEIR_CLI_RUN_CHECK_H

#include "cli/run_options.h"

/* Tests what the options name, without opening an interface or writing anything, and adds what is wrong; what may be right by the
 * time of the run (an interface that is not there yet) is a warning on standard error. Without a problem it prints "ok" and what
 * would run on standard output. */
void weir_run_check_options(const struct weir_run_options *options, struct weir_problems *problems);

#endif
