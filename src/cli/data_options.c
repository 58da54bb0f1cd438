#include "cli/data_options.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "cli/command.h"
#include "model/build.h"

bool weir_data_options_take(struct weir_data_options *options, int option, const char *value)
{
    switch (option) {
    case WEIR_OPT_DATA:
        weir_strings_add(&options->data, value);
        return true;
    case WEIR_OPT_SQL:
        options->sql = value;
        return true;
    case WEIR_OPT_LABEL:
        options->label = value;
        return true;
    case WEIR_OPT_BENIGN:
        options->benign = value;
        return true;
    case WEIR_OPT_DATASET:
        options->dataset = value;
        return true;
    case WEIR_OPT_COMMON:
        options->common = true;
        return true;
    case WEIR_OPT_MULTICLASS:
        options->multiclass = true;
        return true;
    case WEIR_OPT_EXCLUDE:
        options->exclude_given = true;
        weir_strings_split(&options->exclude, value);
        return true;
    default:
        return false;
    }
}

weir_err weir_dataset_option(const char *text, const struct weir_known **known, struct weir_known **own, bool *unknown,
                             struct weir_error *error)
{
    const char *end = strrchr(text, '.');
    *unknown = !strcasecmp(text, "none");
    *known = weir_known_named(text);
    if (*unknown || *known)
        return WEIR_OK;
    if (!strchr(text, '/') && (!end || (strcmp(end, ".yaml") != 0 && strcmp(end, ".yml") != 0)))
        return weir_fail(error, WEIR_ERR_NOT_FOUND,
                         "'%.80s' is no data set that weir knows; there are %s, none, or a description FILE.yaml", text,
                         weir_known_names());
    weir_err failed = weir_known_load(text, own, error);
    *known = *own;
    return failed;
}

int weir_data_options_check(struct weir_data_options *options, const char *command)
{
    struct weir_error error = {0};
    if (!options->data.count && !options->sql)
        return weir_usage_error(command, "name the data with --data FILE or --sql QUERY");
    if (options->data.count && options->sql)
        return weir_usage_error(command, "--data and --sql exclude each other; a query can read files: FROM 'x.csv'");
    if (options->dataset &&
        weir_dataset_option(options->dataset, &options->known, &options->own, &options->unknown, &error) != WEIR_OK)
        return weir_report_error(&error);
    return WEIR_EXIT_OK;
}

void weir_data_options_free(struct weir_data_options *options)
{
    weir_strings_free(&options->data);
    weir_strings_free(&options->exclude);
    weir_known_free(&options->own);
}

weir_err weir_data_options_open(const struct weir_data_options *options, const volatile sig_atomic_t *stop,
                                struct weir_relation **out, struct weir_error *error)
{
    struct weir_relation_config config = {.paths = (const char *const *)options->data.item,
                                          .path_count = options->data.count,
                                          .sql = options->sql,
                                          .known = options->known,
                                          .unknown = options->unknown,
                                          .common = options->common,
                                          .stop = stop};
    return weir_relation_open(&config, out, error);
}

const char *weir_card_default(const weir_model *model, const char *key)
{
    return json_string_value(json_object_get(json_object_get(weir_model_card_json(model), "defaults"), key));
}

/* A description of a user's own is not in the program: rows may be read otherwise than in training without it. */
static void compare_description(const weir_model *model, const struct weir_known *known)
{
    char hash[17];
    const char *name = weir_card_default(model, "description"), *trained = weir_card_default(model, "description_hash");
    const struct weir_known *ours = name ? weir_known_named(name) : NULL;
    if (!name || !trained || (ours && known == ours))
        return;
    snprintf(hash, sizeof hash, "%016llx", known ? (unsigned long long)known->hash : 0);
    if (!ours && strcmp(hash, trained) != 0)
        weir_log(WEIR_LOG_WARNING,
                 "model %s was trained with the description '%s' (%s), these rows are read %s; name it with --dataset FILE.yaml",
                 weir_model_label(model), name, trained, known ? "with another one" : "without");
}

weir_err weir_data_options_open_for(const struct weir_data_options *options, const weir_model *model,
                                    const volatile sig_atomic_t *stop, struct weir_relation **out, struct weir_error *error)
{
    struct weir_data_options own = *options;
    const char *set = json_string_value(json_object_get(json_object_get(weir_model_card_json(model), "training"), "data_set"));
    own.common |= set && !strcmp(set, "common") && !options->sql;
    weir_err failed = weir_data_options_open(&own, stop, out, error);
    if (!failed)
        compare_description(model, (*out)->known);
    return failed;
}

weir_err weir_data_options_fit(const struct weir_data_options *options, const weir_model *model, struct weir_error *error)
{
    const char *const *names;
    size_t count = weir_model_columns(model, &names);
    for (size_t i = 0; options->exclude_given && i < options->exclude.count; i++)
        for (size_t c = 0; c < count; c++)
            if (!strcasecmp(options->exclude.item[i], names[c]))
                return weir_fail(error, WEIR_ERR_MISMATCH,
                                 "--exclude names '%s', which model %s was trained on; train a model without it", names[c],
                                 weir_model_label(model));
    return WEIR_OK;
}

static weir_err parse_real(const char *what, const char *unit, double most, const char *text, double *out,
                           struct weir_error *error)
{
    char *end = NULL;
    double value = strtod(text, &end);
    if (end == text || !(value >= 0 && value <= most) || (*end && strcmp(end, unit) != 0))
        return weir_fail(error, WEIR_ERR_ARGUMENT, "%s %s: give a number from 0 to %g%s%s", what, text, most,
                         *unit ? ", such as 1000" : "", unit);
    *out = value;
    return WEIR_OK;
}

weir_err weir_flow_rate_parse(const char *what, const char *text, double *out, struct weir_error *error)
{
    return parse_real(what, "/s", 1e12, text, out, error);
}

weir_err weir_benign_share_parse(const char *what, const char *text, double *out, struct weir_error *error)
{
    return parse_real(what, "", 1, text, out, error);
}

bool weir_traffic_option_take(int option, const char *value, double *flows_per_s, double *benign_share, bool *wrong)
{
    struct weir_error error = {0};
    weir_err failed = WEIR_OK;
    if (option == WEIR_OPT_FLOW_RATE)
        failed = weir_flow_rate_parse("--flow-rate", value, flows_per_s, &error);
    else if (option == WEIR_OPT_BENIGN_SHARE)
        failed = weir_benign_share_parse("--benign-share", value, benign_share, &error);
    else
        return false;
    if (failed)
        weir_log(WEIR_LOG_ERROR, "%s", error.text);
    *wrong = failed != WEIR_OK;
    return true;
}

void weir_data_report(const struct weir_dataset_column *columns, size_t count, uint64_t unlabelled)
{
    if (unlabelled)
        weir_log(WEIR_LOG_WARNING, "%llu rows without a label are left out", (unsigned long long)unlabelled);
    for (size_t c = 0; c < count; c++) {
        if (columns[c].endless)
            weir_log(WEIR_LOG_INFO, "column '%s': %llu infinite cells count as missing", columns[c].name,
                     (unsigned long long)columns[c].endless);
        if (columns[c].unknown)
            weir_log(WEIR_LOG_WARNING, "column '%s': %llu cells %s count as missing", columns[c].name,
                     (unsigned long long)columns[c].unknown,
                     columns[c].categories.count ? "with a text that the code table lacks" : "that hold no number");
    }
}

static volatile sig_atomic_t stopped;

static void note_signal(int number)
{
    (void)number;
    stopped = 1;
}

const volatile sig_atomic_t *weir_stop_on_signal(void)
{
    struct sigaction action = {.sa_handler = note_signal, .sa_flags = (int)(SA_RESETHAND | SA_RESTART)};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    return &stopped;
}

int weir_report_error(const struct weir_error *error)
{
    weir_log(WEIR_LOG_ERROR, "%s", error->text);
    return WEIR_EXIT_FAILED;
}
