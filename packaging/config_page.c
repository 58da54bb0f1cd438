/* Prints the keys of the configuration file from the table that they are read by: config_page markdown, for docs/config.md;
 * config_page man, the page weir.yaml(5). */
#include <stdio.h>
#include <string.h>

#include "cli/run_options.h"

static const char intro[] =
    "The configuration of \\fBweir run \\-c\\fR: YAML, one mapping. A key is the long name of a flag; flags on the command line "
    "win. "
    "`weir run \\-\\-check \\-c weir.yaml` says what is wrong with a file, by line, or what would run. "
    "`weir reload` reads the file again while weir runs.\n"
    ".PP\n"
    "A list stands for the commas of a flag's value (\\fBinterface: [eth1, eth2]\\fR), a list of lists for a flag that comes "
    "again "
    "(\\fBread: [[a, b], [c, d]]\\fR). Paths are relative to the folder in which weir was started. "
    "Keys that are not known or there twice, values of another type, anchors, tags and further documents are errors.\n";

/* A text on one line; for roff with its own characters escaped. */
static void put(const char *text, int roff)
{
    for (const char *c = text; *c; c++)
        if (*c == '\n')
            putchar(' ');
        else if (roff && (*c == '-' || *c == '\\'))
            printf("\\%c", *c);
        else
            putchar(*c);
}

int main(int argc, char **argv)
{
    int man = argc == 2 && !strcmp(argv[1], "man");
    if (man)
        printf(".TH WEIR.YAML 5 \"\" \"weir " WEIR_VERSION
               "\" \"weir\"\n.nh\n.ad l\n.SH NAME\nweir.yaml \\- configuration of weir\n"
               ".SH DESCRIPTION\n%s.SH KEYS\n",
               intro);
    else
        puts("| key | value | meaning (what stands without it) | reload |\n|---|---|---|---|");
    for (size_t i = 0; i < weir_run_settings.count; i++) {
        const struct weir_setting *row = &weir_run_settings.row[i];
        char type[96];
        if (row->kind == WEIR_SETTING_HEADING || row->flag_only)
            continue;
        weir_setting_type(row, type, sizeof type);
        if (man) {
            fputs(".TP 4\n.B ", stdout);
            put(row->name, 1);
            putchar('\n');
            put(row->text, 1);
            printf(" (%s%s).\n", type, row->live ? "; weir reload changes it" : "");
        } else {
            printf("| `%s` | %s | ", row->name, type);
            put(row->text, 0);
            printf(" | %s |\n", row->live ? "yes" : "");
        }
    }
    if (man)
        puts(".SH EXAMPLE\n.nf\n.RS 4\ninterface: [eth1, eth2]\nstore: verdicts/\nretention: [30d, 50GB]\n.RE\n.fi\n"
             ".SH SEE ALSO\n\\fBweir\\-run\\fR(1), \\fBweir\\-reload\\fR(1)");
    return 0;
}
