/* weir bench meter: packets to records, one lane, beside argus on the same file. Both run as processes of their own; CPU seconds
 * are those of the kernel's accounting (wait4). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/bench.h"
#include "bench/metered.h"
#include "bench/mix.h"
#include "bench/scratch.h"

struct cost {
    double wall_s, cpu_s;
};

/* Runs `body` in a child process; false unless it returned 0. */
static bool measure(int (*body)(char *), char *path, struct cost *cost)
{
    int64_t started = weir_clock_mono_ns();
    fflush(NULL);
    pid_t child = fork();
    if (child < 0)
        return false;
    if (child == 0)
        _exit(body(path));
    struct rusage usage;
    int status;
    if (wait4(child, &status, 0, &usage) != child || !WIFEXITED(status) || WEXITSTATUS(status))
        return false;
    cost->wall_s = (double)(weir_clock_mono_ns() - started) / 1e9;
    cost->cpu_s =
        (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    return true;
}

/* Computing the features belongs to the work: every number of every record. */
static volatile float sink;

static void take_record(void *context, const struct weir_record *record)
{
    const struct weir_view *view = *(const struct weir_view **)context;
    float sum = 0;
    for (size_t c = 0; c < view->column_count; c++)
        if (view->columns[c].value)
            sum += (float)view->columns[c].value(record);
    sink = sum;
}

static int run_weir(char *path)
{
    const char *const files[2] = {path};
    const struct weir_view *view = weir_view_find("argus");
    const struct weir_meter_config meter = {.view = view, .emit = take_record, .context = &view};
    return view && weir_metered(files, &meter, NULL) == WEIR_OK ? 0 : 1;
}

static int run_argus(char *path)
{
    if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
        return 1;
    execlp("argus", "argus", "-X", "-S", "5", "-A", "-J", "-R", "-Z", "-m", "-r", path, "-w", "/dev/null", (char *)NULL);
    return 127;
}

static double smallest(const double *figure, unsigned n)
{
    double least = figure[0];
    for (unsigned i = 1; i < n; i++)
        least = figure[i] < least ? figure[i] : least;
    return least;
}

static struct weir_bench_row *add(struct weir_bench_report *report, const char *name, const char *unit, const double *weir,
                                  const double *theirs, unsigned runs)
{
    struct weir_bench_row *row = weir_bench_add(report, name, unit, true);
    row->weir = smallest(weir, runs);
    row->runs = runs;
    if (theirs) {
        row->theirs = smallest(theirs, runs);
        row->yardstick = "argus 3.0.8.2";
    }
    return row;
}

weir_err weir_bench_meter(const struct weir_bench_options *options, struct weir_bench_report *report, struct weir_error *error)
{
    enum { RUNS = 5, QUICK_RUNS = 3 };
    const uint64_t packets = options->quick ? 400000 : 2000000;
    const uint32_t alive = options->quick ? 16384 : 65536;
    const unsigned runs = options->quick ? QUICK_RUNS : RUNS;
    char path[] = "/tmp/weir-bench-XXXXXX";
    double weir_cpu[RUNS], weir_wall[RUNS], argus_cpu[RUNS], argus_wall[RUNS];
    struct weir_mix_facts facts;
    int file = mkstemp(path);
    if (file < 0)
        return weir_fail(error, WEIR_ERR_IO, "%s: %s; is there room in /tmp?", path, strerror(errno));
    close(file);
    weir_scratch_add(path);
    weir_err code = weir_mix_write(path, packets, alive, 1, &facts, error);
    bool argus = code == WEIR_OK;
    for (unsigned i = 0; code == WEIR_OK && i < runs; i++) { /* in turns, so that a busy neighbour hurts both */
        struct cost cost;
        if (!measure(run_weir, path, &cost)) {
            code = weir_fail(error, WEIR_ERR_IO, "%s: metering the mix failed", path);
            break;
        }
        weir_cpu[i] = cost.cpu_s;
        weir_wall[i] = cost.wall_s;
        if (argus && (argus = measure(run_argus, path, &cost))) {
            argus_cpu[i] = cost.cpu_s;
            argus_wall[i] = cost.wall_s;
        }
    }
    weir_scratch_remove();
    if (code != WEIR_OK)
        return code;
    struct weir_bench_row *cpu = add(report, "mix264-cpu", "cpu seconds", weir_cpu, argus ? argus_cpu : NULL, runs);
    snprintf(cpu->note, sizeof cpu->note,
             "%.2f M packets/s, %.0f ns a packet, %llu packets of %.0f B on average, %u conversations at a time",
             (double)facts.packets / cpu->weir / 1e6, cpu->weir * 1e9 / (double)facts.packets, (unsigned long long)facts.packets,
             (double)facts.bytes / (double)facts.packets, alive);
    struct weir_bench_row *wall = add(report, "mix264-wall", "seconds", weir_wall, argus ? argus_wall : NULL, runs);
    snprintf(wall->note, sizeof wall->note, "argus sleeps for a second while starting");
    if (!argus)
        weir_bench_skip(report, "argus is missing or failed: `tools/setup peers` installs it");
    if (options->quick)
        weir_bench_skip(report,
                        "quick: 400,000 packets of 16,384 conversations instead of 2,000,000 of 65,536; %d runs instead of %d",
                        QUICK_RUNS, RUNS);
    return WEIR_OK;
}
