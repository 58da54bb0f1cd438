/* One-line messages for people, on stderr: "weir: warning: ...". Any thread; a line is written with one write(2).
 * When stderr is the journal's stream ($JOURNAL_STREAM), a line begins with its priority instead, "<4>warning: ...": the journal
 * takes that off, keeps it, and names the program itself. `--quiet` raises the level to WEIR_LOG_ERROR. */
#ifndef WEIR_BASE_LOG_H
#define WEIR_BASE_LOG_H

enum weir_log_level { WEIR_LOG_ERROR, WEIR_LOG_WARNING, WEIR_LOG_INFO, WEIR_LOG_DEBUG };

/* Messages above `level` are left out. Any thread. Default: WEIR_LOG_INFO. */
void weir_log_set_level(enum weir_log_level level);

void weir_log(enum weir_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What is going on, on a terminal alone and with infos: a line without an end that the next message or the next of its kind
 * replaces. "": takes it away. */
void weir_log_passing(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
