/* Source: proc(5): VmHWM, VmRSS, clear_refs. */
#include "survey/cost.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static int64_t read_status(const char *key)
{
    char line[128];
    long long value = -1;
    FILE *from = fopen("/proc/self/status", "re");
    while (from && value < 0 && fgets(line, sizeof line, from))
        if (!strncmp(line, key, strlen(key)) && sscanf(line + strlen(key), ": %lld kB", &value) != 1)
            value = -1;
    if (from)
        fclose(from);
    return value;
}

static int64_t read_children(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_CHILDREN, &usage) == 0 ? usage.ru_maxrss : 0;
}

void weir_survey_meter_start(struct weir_survey_meter *meter)
{
    int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
    meter->resident = fd >= 0 && write(fd, "5", 1) == 1 ? read_status("VmRSS") : -1;
    if (fd >= 0)
        close(fd);
    meter->children = read_children();
}

double weir_survey_meter_peak_mib(const struct weir_survey_meter *meter)
{
    int64_t most = read_status("VmHWM");
    if (meter->resident < 0 || most < 0)
        return (double)NAN;
    int64_t children = read_children(), own = most > meter->resident ? most - meter->resident : 0;
    return (double)(own + (children > meter->children ? children : 0)) / 1024;
}
