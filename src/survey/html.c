#include "survey/html.h"

#include <math.h>
#include <string.h>

void weir_html_text(FILE *to, const char *text)
{
    for (; text && *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '&')
            fputs("&amp;", to);
        else if (c == '<')
            fputs("&lt;", to);
        else if (c == '>')
            fputs("&gt;", to);
        else if (c == '"')
            fputs("&quot;", to);
        else if (c == '\'')
            fputs("&#39;", to);
        else
            fputc((c < 0x20 && c != '\n') || c == 0x7f ? ' ' : c, to);
    }
}

double weir_html_number(const json_t *value)
{
    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

struct step {
    double from, by;
    const char *name;
};

/* Three figures of the largest step that the value reaches; the steps rise. */
static void scale(double value, const struct step *steps, char out[static WEIR_HTML_NUMBER])
{
    const struct step *s = steps;
    while (s[1].name && fabs(value) >= s[1].from)
        s++;
    double x = value / s->by;
    snprintf(out, WEIR_HTML_NUMBER, "%.*f %s", fabs(x) >= 99.95 ? 0 : fabs(x) >= 9.995 ? 1 : 2, x, s->name);
}

static void group_thousands(double value, char out[static WEIR_HTML_NUMBER])
{
    char digits[32];
    int n = snprintf(digits, sizeof digits, "%.0f", value), at = 0;
    for (int i = 0; i < n && at < WEIR_HTML_NUMBER - 2; i++) {
        out[at++] = digits[i];
        if ((n - i - 1) % 3 == 0 && i + 1 < n && digits[i] != '-')
            out[at++] = ',';
    }
    out[at] = 0;
}

const char *weir_html_format(double value, enum weir_html_unit unit, char out[static WEIR_HTML_NUMBER])
{
    static const struct step seconds[] = {{0, 1e-6, "µs"},  {1e-3, 1e-3, "ms"}, {1, 1, "s"},
                                          {120, 60, "min"}, {7200, 3600, "h"},  {0, 0, NULL}};
    static const struct step ns[] = {{0, 1, "ns"}, {1e3, 1e3, "µs"}, {1e6, 1e6, "ms"}, {1e9, 1e9, "s"}, {0, 0, NULL}};
    static const struct step bytes[] = {
        {0, 1, "B"}, {1024, 1024, "KiB"}, {1048576, 1048576, "MiB"}, {0x1p30, 0x1p30, "GiB"}, {0, 0, NULL}};
    if (!isfinite(value))
        snprintf(out, WEIR_HTML_NUMBER, "–");
    else if (value == 0 && unit != WEIR_HTML_RATE)
        snprintf(out, WEIR_HTML_NUMBER, "0");
    else if (unit == WEIR_HTML_RATE)
        snprintf(out, WEIR_HTML_NUMBER, "%.4f", value);
    else if (unit == WEIR_HTML_SECONDS)
        scale(value, seconds, out);
    else if (unit == WEIR_HTML_NS)
        scale(value, ns, out);
    else if (unit == WEIR_HTML_MIB)
        scale(value * 1048576, bytes, out);
    else if (unit == WEIR_HTML_BYTES)
        scale(value, bytes, out);
    else if (fabs(value) < 1e15)
        group_thousands(value, out);
    else
        snprintf(out, WEIR_HTML_NUMBER, "%g", value);
    return out;
}
