/* Temporary files of a bench: an interrupted one leaves none behind. One thread; at most 16 files at a time. */
#ifndef WEIR_BENCH_SCRATCH_H
#define WEIR_BENCH_SCRATCH_H

/* From now on SIGINT and SIGTERM remove `path` (a file, or a folder and all in it) before they end the process: the last one
 * added first. The text must stay until weir_scratch_remove. */
void weir_scratch_add(const char *path);

/* Removes all of them, and signals are as they were. */
void weir_scratch_remove(void);

/* Removes a folder and all in it, now. Any thread. */
void weir_scratch_clear(const char *folder);

#endif
