#include "survey/chart.h"

#include <math.h>
#include <string.h>

enum { LEFT = 62, RIGHT = 26, TOP = 22, BOTTOM = 46, STEPS = 5 };

#define MOST_NINES 0.99999

/* Where the value stands on a scale that is even. */
static double even(const struct weir_axis *axis, double value)
{
    if (axis->kind == WEIR_AXIS_NINES)
        return -log10(1 - fmin(value, MOST_NINES));
    return axis->kind == WEIR_AXIS_LOGARITHMIC ? log10(fmax(value, axis->low)) : value;
}

static double share(const struct weir_axis *axis, double value)
{
    double low = even(axis, axis->low), s = (even(axis, value) - low) / (even(axis, axis->high) - low);
    return fmin(1, fmax(0, s));
}

double weir_chart_x(const struct weir_chart *chart, double value)
{
    return LEFT + share(&chart->x, value) * (chart->width - LEFT - RIGHT);
}

double weir_chart_y(const struct weir_chart *chart, double value)
{
    return chart->height - BOTTOM - share(&chart->y, value) * (chart->height - TOP - BOTTOM);
}

void weir_axis_hold(struct weir_axis *axis, double value)
{
    if (!isfinite(value) || (axis->kind == WEIR_AXIS_LOGARITHMIC && !(value > 0)))
        return;
    if (axis->low > axis->high)
        axis->low = axis->high = value;
    axis->low = fmin(axis->low, value);
    axis->high = fmax(axis->high, value);
}

/* 1, 2 or 5 times a power of ten. */
static double step_of(const struct weir_axis *axis)
{
    double raw = (axis->high - axis->low) / STEPS, power = pow(10, floor(log10(raw)));
    return power * (raw / power > 5 ? 10 : raw / power > 2 ? 5 : raw / power > 1 ? 2 : 1);
}

void weir_axis_round(struct weir_axis *axis)
{
    bool linear = axis->kind == WEIR_AXIS_LINEAR;
    if (axis->low > axis->high) { /* holds nothing */
        axis->low = axis->kind == WEIR_AXIS_LOGARITHMIC ? 1 : 0;
        axis->high = linear ? 1 : axis->kind == WEIR_AXIS_NINES ? 0.9 : 10;
    }
    if (!linear) {
        double low = floor(even(axis, axis->low)), high = ceil(even(axis, axis->high));
        high += high > low ? 0 : 1;
        axis->low = axis->kind == WEIR_AXIS_NINES ? 1 - pow(10, -low) : pow(10, low);
        axis->high = axis->kind == WEIR_AXIS_NINES ? 1 - pow(10, -high) : pow(10, high);
        return;
    }
    if (!(axis->high - axis->low > 1e-9 * fmax(1, fabs(axis->high)))) {
        axis->low -= axis->unit == WEIR_HTML_RATE ? 0.01 : 1;
        axis->high += axis->unit == WEIR_HTML_RATE ? 0.01 : 1;
    }
    double step = step_of(axis);
    axis->low = floor(axis->low / step + 1e-9) * step;
    axis->high = ceil(axis->high / step - 1e-9) * step;
}

/* Ticks bear round numbers, which need fewer digits than results. */
static const char *tick_text(const struct weir_axis *axis, double value, char text[static WEIR_HTML_NUMBER])
{
    if (axis->unit != WEIR_HTML_RATE && axis->unit != WEIR_HTML_COUNT) {
        weir_html_format(value, axis->unit, text);
        char *point = strchr(text, '.'), *end = strchr(text, ' ');
        if (point && end) { /* 1.00 s */
            char *keep = end;
            while (keep[-1] == '0')
                keep--;
            keep -= keep[-1] == '.';
            memmove(keep, end, strlen(end) + 1);
        }
        return text;
    }
    if (axis->unit == WEIR_HTML_COUNT)
        return weir_html_format(value, axis->unit, text);
    snprintf(text, WEIR_HTML_NUMBER, "%.6g", fabs(value) < 1e-12 ? 0 : value);
    return text;
}

static void put_tick(const struct weir_chart *c, bool vertical, double value, bool named)
{
    char text[WEIR_HTML_NUMBER];
    if (vertical) {
        double y = weir_chart_y(c, value);
        fprintf(c->to, "<path class=\"grid\" d=\"M%d %.1fH%.1f\"/>", LEFT, y, c->width - RIGHT);
        if (named)
            fprintf(c->to, "<text class=\"axis end\" x=\"%d\" y=\"%.1f\">%s</text>\n", LEFT - 7, y + 4,
                    tick_text(&c->y, value, text));
        return;
    }
    double x = weir_chart_x(c, value);
    fprintf(c->to, "<path class=\"grid\" d=\"M%.1f %dV%.1f\"/>", x, TOP, c->height - BOTTOM);
    if (named)
        fprintf(c->to, "<text class=\"axis mid\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", x, c->height - BOTTOM + 17,
                tick_text(&c->x, value, text));
}

static void put_axis(const struct weir_chart *c, bool vertical)
{
    const struct weir_axis *axis = vertical ? &c->y : &c->x;
    if (axis->kind != WEIR_AXIS_LINEAR) {
        int low = (int)lround(even(axis, axis->low)), high = (int)lround(even(axis, axis->high)), every = (high - low + 7) / 8;
        for (int p = low; p <= high; p++)
            put_tick(c, vertical, axis->kind == WEIR_AXIS_NINES ? 1 - pow(10, -p) : pow(10, p),
                     (p - low) % (every ? every : 1) == 0);
        return;
    }
    double step = step_of(axis);
    int count = (int)floor((axis->high - axis->low) / step + 1e-6);
    for (int i = 0; i <= count; i++)
        put_tick(c, vertical, axis->low + i * step, true);
}

void weir_chart_begin(const struct weir_chart *c, const char *title)
{
    fprintf(c->to, "<svg class=\"chart\" viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" height=\"%.0f\" role=\"img\"><title>", c->width,
            c->height, c->width, c->height);
    weir_html_text(c->to, title);
    fputs("</title>\n", c->to);
    put_axis(c, false);
    put_axis(c, true);
    fprintf(c->to, "<text class=\"name mid\" x=\"%.1f\" y=\"%.1f\">", (LEFT + c->width - RIGHT) / 2, c->height - 8);
    weir_html_text(c->to, c->x.name);
    double middle = (TOP + c->height - BOTTOM) / 2;
    fprintf(c->to, "</text><text class=\"name mid\" x=\"13\" y=\"%.1f\" transform=\"rotate(-90 13 %.1f)\">", middle, middle);
    weir_html_text(c->to, c->y.name);
    fputs("</text>\n", c->to);
}

void weir_chart_end(const struct weir_chart *c)
{
    fputs("</svg>\n", c->to);
}

void weir_chart_line(const struct weir_chart *c, const double *points, size_t count, unsigned series, unsigned dash,
                     const char *title)
{
    fprintf(c->to, "<path class=\"line s%u d%u\" d=\"", series, dash);
    for (size_t i = 0; i < count; i++)
        fprintf(c->to, "%c%.1f %.1f", i ? 'L' : 'M', weir_chart_x(c, points[2 * i]), weir_chart_y(c, points[2 * i + 1]));
    fputs("\">", c->to);
    if (title) {
        fputs("<title>", c->to);
        weir_html_text(c->to, title);
        fputs("</title>", c->to);
    }
    fputs("</path>\n", c->to);
}

void weir_chart_dot(const struct weir_chart *c, double x, double y, unsigned series, bool open, const char *title)
{
    fprintf(c->to, "<circle class=\"dot s%u%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"%s\"><title>", series, open ? " open" : "",
            weir_chart_x(c, x), weir_chart_y(c, y), open ? "4" : "5.5");
    weir_html_text(c->to, title);
    fputs("</title></circle>\n", c->to);
}
