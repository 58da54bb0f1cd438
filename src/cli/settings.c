#include "cli/settings.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cli/command.h"
#include "cli/config.h"

enum { TEXT_COLUMN = 26, HELP_CODE = 255, FIRST_CODE = 256 };

weir_err weir_problem(struct weir_problems *problems, weir_err code, const char *format, ...)
{
    if (problems->count < WEIR_PROBLEMS_MAX) {
        char text[sizeof problems->item[0].text];
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof text, format, args);
        va_end(args);
        weir_fail(&problems->item[problems->count], code, "%s", text);
    }
    problems->count++;
    return code;
}

const struct weir_setting *weir_settings_find(const struct weir_settings *settings, const char *name)
{
    for (size_t i = 0; i < settings->count; i++)
        if (settings->row[i].name && !strcmp(settings->row[i].name, name))
            return &settings->row[i];
    return NULL;
}

void weir_settings_help(const struct weir_settings *settings, FILE *to)
{
    fputs(settings->before, to);
    for (size_t i = 0; i < settings->count; i++) {
        const struct weir_setting *row = &settings->row[i];
        char head[64], letter[8] = "";
        if (row->kind == WEIR_SETTING_HEADING) {
            fprintf(to, "%s\n", row->text);
            continue;
        }
        if (row->letter)
            snprintf(letter, sizeof letter, "-%c, ", row->letter);
        snprintf(head, sizeof head, "  %s--%s%s%s", letter, row->name, row->value ? " " : "", row->value ? row->value : "");
        fprintf(to, "%-*s", TEXT_COLUMN, head);
        for (const char *text = row->text; text;) {
            const char *end = strchr(text, '\n');
            fprintf(to, "%*s%.*s\n", text == row->text ? 0 : TEXT_COLUMN, "", end ? (int)(end - text) : (int)strlen(text), text);
            text = end ? end + 1 : NULL;
        }
    }
    fputs(settings->after, to);
}

void weir_setting_type(const struct weir_setting *setting, char *text, size_t size)
{
    char low[32], high[32];
    switch (setting->kind) {
    case WEIR_SETTING_NUMBER:
        snprintf(text, size, "a whole number from %" PRIu64 " to %" PRIu64, setting->low, setting->high);
        break;
    case WEIR_SETTING_REAL:
        snprintf(text, size, "a number");
        break;
    case WEIR_SETTING_DURATION:
        if (setting->high)
            snprintf(text, size, "a duration from %s to %s", weir_duration_text((int64_t)setting->low, low),
                     weir_duration_text((int64_t)setting->high, high));
        else
            snprintf(text, size, "a duration with its unit, such as 500us, 5ms or 2s");
        break;
    case WEIR_SETTING_SWITCH:
        snprintf(text, size, "true or false");
        break;
    case WEIR_SETTING_LIST:
        snprintf(text, size, "a text, or a list of texts");
        break;
    case WEIR_SETTING_MAP:
        snprintf(text, size, "a text, a list of texts, or a mapping of names to their parameters");
        break;
    case WEIR_SETTING_LISTS:
        snprintf(text, size, "a text, a list of texts, or a list of lists");
        break;
    default:
        snprintf(text, size, "a text");
    }
}

/* --- the command line --- */

int weir_flags_read(const struct weir_settings *settings, int argc, char **argv, const char *operand, struct weir_flags *out)
{
    struct option *longs = calloc(settings->count + 2, sizeof *longs);
    char shorts[128] = ":h";
    size_t used = strlen(shorts), options = 0;
    int code = -1;
    *out = (struct weir_flags){.settings = settings, .item = calloc((size_t)argc + 1, sizeof *out->item)};
    if (!longs || !out->item) {
        weir_log(WEIR_LOG_ERROR, "out of memory while reading the command line");
        code = WEIR_EXIT_FAILED;
        goto out;
    }
    longs[options++] = (struct option){"help", no_argument, NULL, HELP_CODE};
    for (size_t i = 0; i < settings->count; i++) {
        const struct weir_setting *row = &settings->row[i];
        bool valued = row->kind != WEIR_SETTING_SWITCH;
        if (row->kind == WEIR_SETTING_HEADING)
            continue;
        longs[options++] = (struct option){row->name, valued ? required_argument : no_argument, NULL,
                                           row->letter ? row->letter : FIRST_CODE + (int)i};
        if (row->letter)
            used += (size_t)snprintf(shorts + used, sizeof shorts - used, "%c%s", row->letter, valued ? ":" : "");
    }
    optind = 1;
    for (int c; code < 0 && (c = getopt_long(argc, argv, shorts, longs, NULL)) != -1;) {
        const struct weir_setting *row = NULL;
        for (size_t i = 0; i < settings->count && !row; i++)
            if (c == FIRST_CODE + (int)i || (settings->row[i].letter && c == settings->row[i].letter))
                row = &settings->row[i];
        if (c == 'h' || c == HELP_CODE) {
            weir_settings_help(settings, stdout);
            code = WEIR_EXIT_OK;
        } else if (!row) {
            code = weir_option_wrong(settings->command, c, argv);
        } else {
            out->item[out->count++] = (struct weir_flag){row, optarg ? optarg : "true"};
        }
    }
    if (code < 0 && optind < argc) {
        char text[512];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(text, sizeof text, operand, argv[optind]);
#pragma GCC diagnostic pop
        code = weir_usage_error(settings->command, "%s", text);
    }
out:
    free(longs);
    return code;
}

const char *weir_flags_value(const struct weir_flags *flags, const char *name)
{
    for (size_t i = flags->count; i > 0; i--)
        if (!strcmp(flags->item[i - 1].setting->name, name))
            return flags->item[i - 1].value;
    return NULL;
}

void weir_flags_free(struct weir_flags *flags)
{
    free(flags->item);
    *flags = (struct weir_flags){0};
}

/* --- values --- */

struct weir_place weir_setting_place(const struct weir_setting *setting, const struct weir_told *told, const char *file)
{
    struct weir_place place;
    if (told->line && file)
        snprintf(place.text, sizeof place.text, "%s:%d: %s", file, told->line, setting->name);
    else if (setting->letter)
        snprintf(place.text, sizeof place.text, "-%c", setting->letter);
    else
        snprintf(place.text, sizeof place.text, "--%s", setting->name);
    return place;
}

/* Reads one value, which outlives the options, into its field. */
static weir_err set(const struct weir_setting *setting, void *options, const char *what, const char *value,
                    struct weir_error *error)
{
    void *field = (char *)options + setting->at;
    if (setting->take)
        return setting->take(field, what, value, error);
    switch (setting->kind) {
    case WEIR_SETTING_NUMBER:
        return weir_number_parse(what, value, setting->low, setting->high, field, error);
    case WEIR_SETTING_DURATION:
        return weir_duration_parse(what, value, (int64_t)setting->low, setting->high ? (int64_t)setting->high : INT64_MAX, field,
                                   error);
    case WEIR_SETTING_SWITCH:
        *(bool *)field = !strcmp(value, "true");
        return WEIR_OK;
    default:
        *(const char **)field = value;
        return WEIR_OK;
    }
}

static void tell(const struct weir_settings *settings, const struct weir_setting *setting, const char *value, int line,
                 const char *file, void *options, struct weir_told *told, struct weir_problems *problems)
{
    struct weir_error error = {0};
    told += setting - settings->row;
    told->line = line;
    weir_strings_add(&told->value, value);
    struct weir_place place = weir_setting_place(setting, told, file);
    if (set(setting, options, place.text, told->value.item[told->value.count - 1], &error) != WEIR_OK)
        weir_problem(problems, error.code, "%s", error.text);
}

void weir_settings_apply(const struct weir_settings *settings, const struct weir_config *config, const struct weir_flags *flags,
                         void *options, struct weir_told *told, struct weir_problems *problems)
{
    for (size_t i = 0; config && i < config->count; i++) {
        const struct weir_config_entry *entry = &config->entry[i];
        if (weir_flags_value(flags, entry->setting->name))
            continue;
        for (size_t v = 0; v < entry->value.count; v++)
            tell(settings, entry->setting, entry->value.item[v], entry->line, config->name, options, told, problems);
    }
    for (size_t i = 0; i < flags->count; i++)
        tell(settings, flags->item[i].setting, flags->item[i].value, 0, NULL, options, told, problems);
}

void weir_told_free(struct weir_told *told, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        weir_strings_free(&told[i].value);
        told[i].line = 0;
    }
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && !strcmp(a, b));
}

bool weir_setting_same(const struct weir_setting *setting, const void *options, const struct weir_told *told,
                       const void *options2, const struct weir_told *told2)
{
    const void *a = (const char *)options + setting->at, *b = (const char *)options2 + setting->at;
    if (setting->kind == WEIR_SETTING_HEADING)
        return true;
    if (setting->take) { /* of a field of its own kind: what was said */
        bool same = told->value.count == told2->value.count;
        for (size_t i = 0; same && i < told->value.count; i++)
            same = !strcmp(told->value.item[i], told2->value.item[i]);
        return same;
    }
    switch (setting->kind) {
    case WEIR_SETTING_NUMBER:
        return *(const uint64_t *)a == *(const uint64_t *)b;
    case WEIR_SETTING_DURATION:
        return *(const int64_t *)a == *(const int64_t *)b;
    case WEIR_SETTING_SWITCH:
        return *(const bool *)a == *(const bool *)b;
    default:
        return same_text(*(const char *const *)a, *(const char *const *)b);
    }
}
