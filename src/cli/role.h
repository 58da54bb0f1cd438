/* What the commands that run for long have in common: `weir run` and the roles of a run in processes of their own. One thread,
 * but where it says otherwise. */
#ifndef WEIR_CLI_ROLE_H
#define WEIR_CLI_ROLE_H

#include "cli/live.h"
#include "cli/settings.h"
#include "pipeline/control.h"
#include "queue/transport.h"

/* The command line as one text, for the store's `runs`, without user names and passwords in addresses; free it. NULL: out of
 * memory. */
char *weir_command_text(int argc, char **argv);

/* Prints what is wrong with the options, all of it or the first, and returns the exit code: wrong use, or something that is not
 * there. */
int weir_problems_tell(const struct weir_problems *problems, bool all);

/* With --check: the keys of an end as it would read them. */
void weir_role_check_keys(const struct weir_transport_config *config, struct weir_problems *problems);

/* The control socket at `path`; NULL: the usual place, "none": none. One that was asked for must work; the usual one may be
 * missing, which is said, and *out is NULL then. Errors of weir_control_start. */
weir_err weir_role_control(const char *path, struct weir_control **out, struct weir_error *error);

/* Writes an account as JSON to `path`; NULL: standard output. What is wrong is logged. */
bool weir_account_write(const struct weir_account *account, const char *path);

/* Signals: they are blocked for all threads that start later, and one thread waits for them. The first SIGINT or SIGTERM stops
 * the job, the second ends the process at once with what left_behind says; SIGHUP (where `reload` is there) reads again what the
 * job was started with. SIGPIPE and SIGXFSZ are ignored. */
struct weir_role_signals {
    const struct weir_job *job;
    void (*reload)(void *context); /* NULL: SIGHUP ends as ever */
    void *context;
    void (*left_behind)(const struct weir_account *account, char *text, size_t size);
};
void weir_role_signals_block(bool hangup);
bool weir_role_signals_start(const struct weir_role_signals *signals); /* kept; false: nobody listens */
void weir_role_signals_end(void);

/* Until busy says false: the service manager is told, an account is handed to `store` every 10 s, and, unless *quiet, the live
 * line is drawn. */
struct weir_role_watch {
    const struct weir_job *job;
    const char *what; /* for the service manager: "collecting verdicts" */
    bool (*busy)(void *context);
    unsigned (*alerts)(void *context, struct weir_alert_line *lines);
    void (*store)(void *context, const char *account_json);
    double (*progress)(void *context); /* NULL: nobody knows */
    bool (*quiet)(const void *context);
    void *context;
};
void weir_role_watch(const struct weir_role_watch *watch);

#endif
