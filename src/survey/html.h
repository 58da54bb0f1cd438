/* Text into HTML and SVG. What comes from data (labels, names of columns, error texts, commands) is hostile: everything goes
 * through weir_html_text. One thread. */
#ifndef WEIR_SURVEY_HTML_H
#define WEIR_SURVEY_HTML_H

#include <jansson.h>
#include <stdio.h>

/* As text or as the value of an attribute in double quotes: & < > " ' become entities, control characters a blank. */
void weir_html_text(FILE *to, const char *text);

/* The number of a JSON value, NaN when it is none. */
double weir_html_number(const json_t *value);

enum weir_html_unit {
    WEIR_HTML_RATE,    /* 0.9985 */
    WEIR_HTML_SECONDS, /* 12.3 s, 45 ms, 2 min */
    WEIR_HTML_NS,      /* 850 ns, 1.2 µs */
    WEIR_HTML_MIB,     /* 12.3 MiB */
    WEIR_HTML_BYTES,   /* 830 B, 12.3 KiB */
    WEIR_HTML_COUNT    /* 1,234,567 */
};

enum { WEIR_HTML_NUMBER = 48 };

/* For people; "–" for NaN. Needs no escaping. Returns out. */
const char *weir_html_format(double value, enum weir_html_unit unit, char out[static WEIR_HTML_NUMBER]);

#endif
