#include "bench/plot.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
    SERIES = 8,
    LABELS = 24,
    LEFT = 74,
    RIGHT = 18,
    TOP = 74,
    PANEL = 220,
    GAP = 64,
    FOOT = 56,
    BAR = 15,
    PAD = 16,
    LEAST = 460
};

/* told apart by people who see colours differently, on white and on black */
static const char *const colours[SERIES] = {"#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#999"};

struct names {
    const char *name[LABELS];
    size_t count, room;
};

struct plot {
    FILE *to;
    struct names series, labels;
    int group, width; /* of a label's bars; of the picture */
};

struct axis { /* logarithmic, whole powers of ten */
    int low, high, top;
};

static size_t place(struct names *names, const char *name)
{
    size_t i = 0;
    while (i < names->count && strcmp(names->name[i], name) != 0)
        i++;
    if (i == names->count && i < names->room)
        names->name[names->count++] = name;
    return i;
}

static void widen(struct axis *axis, double value)
{
    if (!(value > 0))
        return;
    int low = (int)floor(log10(value)), high = (int)ceil(log10(value));
    axis->low = axis->high == axis->low || low < axis->low ? low : axis->low;
    axis->high = high > axis->high ? high : axis->high;
    axis->high += axis->high == axis->low;
}

static double y_of(const struct axis *axis, double value)
{
    double share = (log10(value) - axis->low) / (axis->high - axis->low);
    return axis->top + PANEL * (1 - (share < 0 ? 0 : share));
}

static const char *power_text(int power, bool time, char text[static 16])
{
    static const char *const times[] = {"1 µs", "10 µs", "100 µs", "1 ms", "10 ms", "100 ms", "1 s", "10 s", "100 s"};
    static const char *const counts[] = {"1", "10", "100", "1,000", "10,000", "100,000", "1 M", "10 M", "100 M"};
    snprintf(text, 16, "%s", power >= 0 && power < 9 ? (time ? times : counts)[power] : "");
    return text;
}

static void put_axis(const struct plot *plot, const struct axis *axis, bool time, const char *title)
{
    char text[16];
    fprintf(plot->to, "<text x=\"%d\" y=\"%d\" class=\"h\">%s</text>\n", LEFT, axis->top - 12, title);
    for (int p = axis->low; p <= axis->high; p++) {
        double y = y_of(axis, pow(10, p));
        fprintf(plot->to, "<path d=\"M%d %.1fH%d\" class=\"g\"/><text x=\"%d\" y=\"%.1f\" class=\"n\">%s</text>\n", LEFT, y,
                plot->width - RIGHT, LEFT - 8, y + 4, power_text(p, time, text));
    }
    for (size_t l = 0; l < plot->labels.count; l++)
        fprintf(plot->to, "<text x=\"%.1f\" y=\"%d\" class=\"m\">%s</text>\n", LEFT + ((double)l + 0.5) * plot->group,
                axis->top + PANEL + 18, plot->labels.name[l]);
}

static double x_of(const struct plot *plot, size_t label, size_t series)
{
    double bars = (double)plot->series.count * BAR; /* in the middle of their group, over the label */
    return LEFT + ((double)label + 0.5) * plot->group - bars / 2 + (double)series * BAR;
}

static void put_points(const struct plot *plot, const struct weir_plot_point *points, size_t count, const struct axis axis[2])
{
    struct names series = plot->series, labels = plot->labels;
    for (size_t i = 0; i < count; i++) {
        const struct weir_plot_point *p = &points[i];
        size_t s = place(&series, p->series), l = place(&labels, p->label);
        if (s == series.room || l == labels.room)
            continue;
        double x = x_of(plot, l, s), y;
        if (p->flows_per_s > 0) {
            y = y_of(&axis[0], p->flows_per_s);
            fprintf(plot->to,
                    "<rect x=\"%.1f\" y=\"%.1f\" width=\"%d\" height=\"%.1f\" rx=\"1.5\" fill=\"%s\"><title>%s %s: %.0f flows/s"
                    "</title></rect>\n",
                    x + 1, y, BAR - 2, axis[0].top + PANEL - y, colours[s], p->series, p->label, p->flows_per_s);
        }
        if (p->decision_us[0] > 0 && p->decision_us[1] > 0) {
            double mid = x + BAR / 2.0, y99 = y_of(&axis[1], p->decision_us[1]);
            y = y_of(&axis[1], p->decision_us[0]);
            fprintf(
                plot->to,
                "<g stroke=\"%s\" stroke-width=\"2\" fill=\"%s\"><path d=\"M%.1f %.1fV%.1fM%.1f %.1fh8\"/><circle cx=\"%.1f\" "
                "cy=\"%.1f\" r=\"3.5\" stroke=\"none\"/><title>%s %s at %.0f flows/s: p50 %.0f µs, p99 %.0f µs</title></g>\n",
                colours[s], colours[s], mid, y, y99, mid - 4, y99, mid, y, p->series, p->label, p->offered, p->decision_us[0],
                p->decision_us[1]);
        }
    }
}

static void put_head(const struct plot *plot, const char *title, int height)
{
    fprintf(plot->to,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" font-family=\"system-ui,"
            "sans-serif\" font-size=\"12\">\n"
            "<style>text{fill:#222}.t{font-size:16px;font-weight:600}.h{font-weight:600}.n{text-anchor:end;fill:#555}.m{"
            "text-anchor:middle;fill:#333}.g{stroke:#ddd;fill:none}rect.b{fill:#fff}@media(prefers-color-scheme:dark){text{fill:"
            "#eee}.n,.m{fill:#bbb}.g{stroke:#444}rect.b{fill:#181818}}</style>\n"
            "<rect class=\"b\" width=\"100%%\" height=\"100%%\"/>\n<text x=\"%d\" y=\"26\" class=\"t\">%s</text>\n",
            plot->width, height, plot->width, height, LEFT, title);
    double x = LEFT;
    for (size_t s = 0; s < plot->series.count; s++) {
        fprintf(
            plot->to,
            "<rect x=\"%.1f\" y=\"37\" width=\"11\" height=\"11\" rx=\"2\" fill=\"%s\"/><text x=\"%.1f\" y=\"47\">%s</text>\n", x,
            colours[s], x + 16, plot->series.name[s]);
        x += 16 + 7.2 * (double)strlen(plot->series.name[s]) + 18;
    }
}

weir_err weir_plot_write(const char *path, const char *title, const struct weir_plot_point *points, size_t count,
                         struct weir_error *error)
{
    struct plot plot = {.to = fopen(path, "w"), .series = {.room = SERIES}, .labels = {.room = LABELS}};
    struct axis axis[2] = {{.top = TOP + 20}, {.top = TOP + 20 + PANEL + GAP}};
    if (!plot.to)
        return weir_fail(error, WEIR_ERR_IO, "%s: %s", path, strerror(errno));
    for (size_t i = 0; i < count; i++) {
        place(&plot.series, points[i].series);
        place(&plot.labels, points[i].label);
        widen(&axis[0], points[i].flows_per_s);
        widen(&axis[1], points[i].decision_us[0]);
        widen(&axis[1], points[i].decision_us[1]);
    }
    plot.group = (int)plot.series.count * BAR + PAD;
    if (plot.labels.count && plot.group * (int)plot.labels.count < LEAST) /* few: they share the width */
        plot.group = LEAST / (int)plot.labels.count;
    plot.width = LEFT + RIGHT + (plot.labels.count ? (int)plot.labels.count * plot.group : LEAST);
    put_head(&plot, title, axis[1].top + PANEL + FOOT);
    put_axis(&plot, &axis[0], false, "Flows a second, records in to committed rows out, as fast as it goes");
    put_axis(&plot, &axis[1], true, "Decision time at a fixed rate: p50 (dot) to p99 (bar)");
    put_points(&plot, points, count, axis);
    fprintf(plot.to,
            "<text x=\"%d\" y=\"%d\" class=\"m\">batch and workers: 10b4w is batches of 10 rows and 4 workers</text>\n</svg>\n",
            plot.width / 2, axis[1].top + PANEL + FOOT - 14);
    bool good = !ferror(plot.to);
    if (fclose(plot.to) || !good)
        return weir_fail(error, WEIR_ERR_IO, "%s: %s", path, strerror(errno));
    return WEIR_OK;
}
