#include "cli/config.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

#include "base/file.h"

struct reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the one that is looked at; type YAML_NO_EVENT: none */
    const struct weir_settings *settings;
    struct weir_config *config;
    struct weir_problems *problems;
    int depth; /* of lists and mappings that the event is in, the one that it begins counted; at the keys 1 */
    bool over; /* nothing more can be read */
};

static int line_of(const yaml_event_t *event)
{
    return (int)event->start_mark.line + 1;
}

static void problem(struct reader *r, int line, const char *text)
{
    weir_problem(r->problems, WEIR_ERR_FORMAT, "%s:%d: %s", r->config->name, line, text);
}

static void problem_at_key(struct reader *r, int line, const char *key, const char *text)
{
    weir_problem(r->problems, WEIR_ERR_FORMAT, "%s:%d: %s %s", r->config->name, line, key, text);
}

static void tell_syntax(struct reader *r)
{
    const yaml_parser_t *p = &r->parser;
    if (p->error == YAML_MEMORY_ERROR)
        weir_problem(r->problems, WEIR_ERR_MEMORY, "%s: out of memory", r->config->name);
    else if (p->error == YAML_READER_ERROR)
        weir_problem(r->problems, WEIR_ERR_FORMAT, "%s: offset %zu: %s; save the file as UTF-8 text", r->config->name,
                     p->problem_offset, p->problem ? p->problem : "no text");
    else
        weir_problem(
            r->problems, WEIR_ERR_FORMAT,
            "%s:%zu: this is no YAML: %s (column %zu); a line is `key: value`, indented with blanks, and text with : or # "
            "goes in quotes",
            r->config->name, p->problem_mark.line + 1, p->problem ? p->problem : "malformed", p->problem_mark.column + 1);
}

/* The next event; false, with a problem, when there is none. */
static bool next(struct reader *r)
{
    if (r->over)
        return false;
    yaml_event_delete(&r->event);
    if (!yaml_parser_parse(&r->parser, &r->event)) {
        tell_syntax(r);
        r->over = true;
        return false;
    }
    yaml_event_type_t type = r->event.type;
    if (type == YAML_SEQUENCE_START_EVENT || type == YAML_MAPPING_START_EVENT)
        r->depth++;
    else if (type == YAML_SEQUENCE_END_EVENT || type == YAML_MAPPING_END_EVENT)
        r->depth--;
    if (r->depth > WEIR_CONFIG_DEPTH) {
        problem(r, line_of(&r->event), "nested too deep; a value is a text, a list, or a list of lists");
        r->over = true;
    }
    return !r->over;
}

/* Passes over what is left of a key or a value. */
static void skip(struct reader *r)
{
    while (r->depth > 1 && next(r))
        ;
}

/* What no node of this file may have. */
static const char *forbidden(const yaml_event_t *event)
{
    const yaml_char_t *anchor = NULL, *tag = NULL;
    if (event->type == YAML_ALIAS_EVENT)
        return "is an alias (*); write the value itself";
    if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    }
    return anchor ? "has an anchor (&), which this file cannot have; take it away"
           : tag  ? "has a tag (!), which this file cannot have; take it away"
                  : NULL;
}

static bool plain(const yaml_event_t *event)
{
    return event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static const char *text_of(const yaml_event_t *event)
{
    return (const char *)event->data.scalar.value;
}

static bool one_of(const char *text, const char *const *words)
{
    while (*words && strcmp(text, *words) != 0)
        words++;
    return *words;
}

/* What YAML takes for a number. */
static bool number_like(const char *text)
{
    char *end;
    if (!strchr("+-.0123456789", *text))
        return false;
    strtod(text, &end);
    return end != text && !*end;
}

/* Why a scalar cannot be a value at all; NULL: it can. */
static const char *unfit(const yaml_event_t *event)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    const char *text = text_of(event);
    if (strlen(text) != event->data.scalar.length)
        return "has a zero byte in its value; take it away";
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            return "has a line break or a control character in its value; take it away";
    if (!*text || (plain(event) && one_of(text, nulls)))
        return "has no value; give one, or take the line away";
    return NULL;
}

/* Why a scalar is not of the setting's type; NULL: it is, or its own reader will tell. */
static const char *mistyped(const struct weir_setting *setting, const yaml_event_t *event)
{
    static const char *const booleans[] = {"true", "True", "TRUE", "false", "False", "FALSE", "yes", "Yes", "YES", "no",
                                           "No",   "NO",   "on",   "On",    "ON",    "off",   "Off", "OFF", NULL};
    const char *text = text_of(event);
    switch (setting->kind) {
    case WEIR_SETTING_SWITCH:
        return plain(event) && (!strcmp(text, "true") || !strcmp(text, "false")) ? NULL : "is true or false, without quotes";
    case WEIR_SETTING_NUMBER:
    case WEIR_SETTING_REAL:
        return plain(event) ? NULL : "is a number; write it without quotes";
    case WEIR_SETTING_TEXT:
        return plain(event) && number_like(text)        ? "is a text, and YAML takes this for a number; put it in quotes"
               : plain(event) && one_of(text, booleans) ? "is a text, and YAML takes this for true or false; put it in quotes"
                                                        : NULL;
    default:
        return NULL;
    }
}

/* A list as the flag has it: commas between, those inside an item behind a backslash. The event is the list's begin, afterwards
 * its end. *nested: where one item is a list itself, each item is a value of its own. */
static bool take_list(struct reader *r, const struct weir_setting *setting, bool nested, struct weir_strings *values)
{
    char *joined = NULL;
    size_t size, items = 0;
    int line = line_of(&r->event);
    bool good = true, lists = false;
    FILE *to = open_memstream(&joined, &size);
    if (!to) {
        weir_problem(r->problems, WEIR_ERR_MEMORY, "%s: out of memory", r->config->name);
        return false;
    }
    while (good && next(r) && r->event.type != YAML_SEQUENCE_END_EVENT) {
        const char *why = forbidden(&r->event);
        if (!why && ++items > WEIR_CONFIG_LIST)
            why = "has too many items";
        if (!why && r->event.type == YAML_SCALAR_EVENT)
            why = unfit(&r->event);
        else if (!why && (r->event.type != YAML_SEQUENCE_START_EVENT || !nested || (items > 1 && !lists)))
            why = nested ? "is a list of texts, or a list of lists of texts" : "is a text, or a list of texts";
        if (!why && r->event.type == YAML_SCALAR_EVENT && text_of(&r->event)[strlen(text_of(&r->event)) - 1] == '\\')
            why = "has an item that ends with a backslash; write the list as one text";
        if (why) {
            problem_at_key(r, line_of(&r->event), setting->name, why);
            good = false;
        } else if (r->event.type == YAML_SEQUENCE_START_EVENT) {
            lists = true;
            good = take_list(r, setting, false, values);
        } else if (lists) {
            problem_at_key(r, line_of(&r->event), setting->name,
                           "has a list before this text; put the text in a list of its own");
            good = false;
        } else {
            if (items > 1)
                fputc(',', to);
            for (const char *c = text_of(&r->event); *c; c++)
                fprintf(to, *c == ',' ? "\\," : "%c", *c);
        }
    }
    good = fclose(to) == 0 && good && !r->over;
    if (good && !items) {
        problem_at_key(r, line, setting->name, "has an empty list; give a value, or take the line away");
        good = false;
    }
    if (good && !lists)
        weir_strings_add(values, joined);
    free(joined);
    return good;
}

/* Adds "KEY" or "KEY.NAME=VALUE", commas behind a backslash. */
static void add_pair(struct weir_strings *values, const char *key, const char *name, const char *value)
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    const char *parts[] = {key, name ? "." : "", name ? name : "", name ? "=" : "", name ? value : ""};
    for (size_t i = 0; to && i < sizeof parts / sizeof *parts; i++)
        for (const char *c = parts[i]; *c; c++)
            fprintf(to, *c == ',' ? "\\," : "%c", *c);
    if (to && fclose(to) == 0)
        weir_strings_add(values, text);
    free(text);
}

/* The next scalar of a mapping, copied; NULL: the mapping's end, or a problem, which *good tells. */
static char *next_name(struct reader *r, const struct weir_setting *setting, bool *good)
{
    if (!next(r)) {
        *good = false;
        return NULL;
    }
    if (r->event.type == YAML_MAPPING_END_EVENT)
        return NULL;
    const char *why = forbidden(&r->event);
    if (!why)
        why = r->event.type != YAML_SCALAR_EVENT ? "has a list or a mapping where a name belongs" : unfit(&r->event);
    if (why)
        problem_at_key(r, line_of(&r->event), setting->name, why);
    char *name = why ? NULL : strdup(text_of(&r->event));
    *good = name;
    return name;
}

/* Names, each with nothing or a mapping of parameters to values behind it. The event is the mapping's begin, afterwards its end.
 */
static bool take_map(struct reader *r, const struct weir_setting *setting, struct weir_strings *values)
{
    bool good = true;
    size_t items = 0;
    for (char *key, *name; good && (key = next_name(r, setting, &good)); free(key)) {
        add_pair(values, key, NULL, NULL);
        if (!next(r) || ++items > WEIR_CONFIG_LIST) {
            good = false;
        } else if (r->event.type == YAML_MAPPING_START_EVENT && !forbidden(&r->event)) {
            for (; good && (name = next_name(r, setting, &good)); free(name)) {
                good = next(r) && ++items <= WEIR_CONFIG_LIST;
                const char *why = !good                  ? NULL
                                  : forbidden(&r->event) ? forbidden(&r->event)
                                  : r->event.type != YAML_SCALAR_EVENT
                                      ? "has a list or a mapping where a parameter's value belongs"
                                      : unfit(&r->event);
                if (why)
                    problem_at_key(r, line_of(&r->event), setting->name, why);
                good = good && !why;
                if (good)
                    add_pair(values, key, name, text_of(&r->event));
            }
        } else if (r->event.type != YAML_SCALAR_EVENT || *text_of(&r->event)) {
            problem_at_key(r, line_of(&r->event), setting->name,
                           "has a name with something else than `PARAMETER: value` lines below it");
            good = false;
        }
    }
    if (good && !items)
        problem_at_key(r, line_of(&r->event), setting->name, "has an empty mapping; give a name, or take the line away");
    return good && items;
}

/* The event is the value's first. False: it was of no use, and the reader may stand inside it. */
static bool take_value(struct reader *r, const struct weir_setting *setting, struct weir_strings *values)
{
    bool map = setting->kind == WEIR_SETTING_MAP;
    bool list = setting->kind == WEIR_SETTING_LIST || setting->kind == WEIR_SETTING_LISTS || map;
    const char *why = forbidden(&r->event);
    char type[96], text[128];
    if (!why && r->event.type == YAML_SEQUENCE_START_EVENT && list)
        return take_list(r, setting, setting->kind == WEIR_SETTING_LISTS, values);
    if (!why && r->event.type == YAML_MAPPING_START_EVENT && map)
        return take_map(r, setting, values);
    if (!why && r->event.type != YAML_SCALAR_EVENT) {
        weir_setting_type(setting, type, sizeof type);
        snprintf(text, sizeof text, "is %s, not a %s", type, r->event.type == YAML_MAPPING_START_EVENT ? "mapping" : "list");
        why = text;
    }
    if (!why)
        why = unfit(&r->event);
    if (!why)
        why = mistyped(setting, &r->event);
    if (why)
        problem_at_key(r, line_of(&r->event), setting->name, why);
    else
        weir_strings_add(values, text_of(&r->event));
    return !why;
}

/* How many letters differ; long words differ in all. */
static size_t distance(const char *a, const char *b)
{
    enum { LETTERS = 40 };
    size_t n = strlen(a), m = strlen(b), row[LETTERS + 1];
    if (n > LETTERS || m > LETTERS)
        return n > m ? n : m;
    for (size_t j = 0; j <= m; j++)
        row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t change = corner + (strncasecmp(&a[i - 1], &b[j - 1], 1) != 0);
            size_t other = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            corner = row[j];
            row[j] = change < other ? change : other;
        }
    }
    return row[m];
}

static void unknown_key(struct reader *r, int line, const char *key)
{
    const struct weir_settings *settings = r->settings;
    const struct weir_setting *nearest = NULL;
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < settings->count; i++) {
        const struct weir_setting *row = &settings->row[i];
        if (!row->name || row->flag_only)
            continue;
        size_t d = distance(key, row->name);
        if (d < least) {
            least = d;
            nearest = row;
        }
    }
    bool flag = weir_settings_find(settings, key);
    char clean[64];
    size_t n = 0;
    for (; key[n] && n + 1 < sizeof clean; n++)
        clean[n] = (unsigned char)key[n] < ' ' || key[n] == 0x7f ? '?' : key[n];
    clean[n] = 0;
    if (flag)
        weir_problem(r->problems, WEIR_ERR_FORMAT, "%s:%d: '%s' is for the command line only; take it away", r->config->name,
                     line, clean);
    else
        weir_problem(r->problems, WEIR_ERR_FORMAT, "%s:%d: '%s' is no key; the nearest is '%s' (`weir %s --help` names all)",
                     r->config->name, line, clean, nearest->name, settings->command);
}

/* From the key to the end of its value. */
static void take_pair(struct reader *r)
{
    char key[256];
    int line = line_of(&r->event);
    const char *why = forbidden(&r->event);
    if (!why && r->event.type != YAML_SCALAR_EVENT)
        why = "is a list or a mapping; a line is `key: value`";
    if (why) {
        problem_at_key(r, line, "this key", why);
        skip(r);
        if (next(r))
            skip(r);
        return;
    }
    bool whole = snprintf(key, sizeof key, "%s", text_of(&r->event)) == (int)r->event.data.scalar.length;
    const struct weir_setting *setting = whole ? weir_settings_find(r->settings, key) : NULL;
    const struct weir_config_entry *twin = NULL;
    if (!next(r))
        return;
    for (size_t i = 0; i < r->config->count; i++)
        if (setting && r->config->entry[i].setting == setting)
            twin = &r->config->entry[i];
    if (twin) {
        weir_problem(r->problems, WEIR_ERR_FORMAT, "%s:%d: %s is there twice, first in line %d; take one away", r->config->name,
                     line, key, twin->line);
    } else if (!setting || setting->flag_only) {
        unknown_key(r, line, key);
    } else {
        struct weir_config_entry *entry = &r->config->entry[r->config->count++];
        *entry = (struct weir_config_entry){.setting = setting, .line = line};
        if (!take_value(r, setting, &entry->value))
            weir_strings_free(&entry->value);
    }
    skip(r);
}

static void take_document(struct reader *r)
{
    if (!next(r) || !next(r)) /* the stream, its first document */
        return;
    if (r->event.type == YAML_STREAM_END_EVENT) /* nothing but comments */
        return;
    if (!next(r))
        return;
    const char *why = forbidden(&r->event);
    bool empty = r->event.type == YAML_SCALAR_EVENT && plain(&r->event) && !*text_of(&r->event); /* --- and nothing behind it */
    if (why || (r->event.type != YAML_MAPPING_START_EVENT && !empty)) {
        problem_at_key(r, line_of(&r->event), "this file", why ? why : "has lines of `key: value`, such as `lanes: 2`");
        return;
    }
    while (!empty && next(r) && r->event.type != YAML_MAPPING_END_EVENT)
        take_pair(r);
    if (!next(r)) /* the document's end */
        return;
    if (next(r) && r->event.type != YAML_STREAM_END_EVENT)
        problem(r, line_of(&r->event), "a second document (---) begins here; weir reads one, take the other away");
}

weir_err weir_config_parse(const char *name, const uint8_t *bytes, size_t size, const struct weir_settings *settings,
                           struct weir_config **out, struct weir_problems *problems)
{
    struct reader r = {.settings = settings, .problems = problems};
    *out = r.config = calloc(1, sizeof *r.config);
    if (!r.config || !(r.config->name = strdup(name)) || !(r.config->entry = calloc(settings->count, sizeof *r.config->entry)) ||
        !yaml_parser_initialize(&r.parser)) {
        weir_config_free(out);
        return weir_problem(problems, WEIR_ERR_MEMORY, "%s: out of memory", name);
    }
    yaml_parser_set_input_string(&r.parser, bytes, size);
    take_document(&r);
    yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
    return WEIR_OK;
}

weir_err weir_config_read(const char *path, const struct weir_settings *settings, struct weir_config **out,
                          struct weir_problems *problems)
{
    struct weir_error error = {0};
    uint8_t *bytes;
    size_t size;
    *out = NULL;
    weir_err code = weir_file_read(path, WEIR_CONFIG_BYTES, &bytes, &size, &error);
    if (code != WEIR_OK)
        return weir_problem(problems, code, "%s; give the configuration file with -c FILE", error.text);
    code = weir_config_parse(path, bytes, size, settings, out, problems);
    free(bytes);
    return code;
}

void weir_config_drop(struct weir_config *config, const char *key)
{
    for (size_t i = 0; config && i < config->count; i++)
        if (!strcmp(config->entry[i].setting->name, key)) {
            weir_strings_free(&config->entry[i].value);
            memmove(&config->entry[i], &config->entry[i + 1], (--config->count - i) * sizeof *config->entry);
            return;
        }
}

const char *weir_config_value(const struct weir_config *config, const char *key)
{
    for (size_t i = 0; config && i < config->count; i++)
        if (!strcmp(config->entry[i].setting->name, key) && config->entry[i].value.count)
            return config->entry[i].value.item[0];
    return NULL;
}

void weir_config_free(struct weir_config **config)
{
    if (!config || !*config)
        return;
    for (size_t i = 0; i < (*config)->count; i++)
        weir_strings_free(&(*config)->entry[i].value);
    free((*config)->entry);
    free((*config)->name);
    free(*config);
    *config = NULL;
}
