/* Any bytes as a configuration file: it is refused, with a place for every problem, or it gives options that are within bounds.
 */
#include <stdlib.h>
#include <string.h>

#include "batch/batch.h"
#include "cli/run_options.h"
#include "cli/survey_options.h"
#include "pipeline/backend.h"

static void must(int condition)
{
    if (!condition)
        abort();
}

/* The settings of a survey, which have a mapping among them; what they name is not looked for. */
static void as_survey(const uint8_t *data, size_t size)
{
    static struct weir_problems problems;
    struct weir_config *config = NULL;
    problems = (struct weir_problems){0};
    must(weir_config_parse("weir.yaml", data, size, &weir_survey_settings, &config, &problems) == WEIR_OK);
    for (size_t i = 0; i < config->count; i++)
        for (size_t v = 0; v < config->entry[i].value.count; v++)
            for (const char *c = config->entry[i].value.item[v]; *c; c++)
                must((unsigned char)*c >= ' ');
    for (size_t i = 0; i < problems.count && i < WEIR_PROBLEMS_MAX; i++)
        must(!strpbrk(problems.item[i].text, "\n\r\x1b"));
    weir_config_free(&config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct weir_problems problems;
    static struct weir_run_options options;
    struct weir_flag file = {.setting = weir_settings_find(&weir_run_settings, "config"), .value = "weir.yaml"};
    const struct weir_flags flags = {.item = &file, .count = 1};
    struct weir_config *config = NULL;
    problems = (struct weir_problems){0};
    if (size > WEIR_CONFIG_BYTES)
        return 0;
    must(weir_config_parse("weir.yaml", data, size, &weir_run_settings, &config, &problems) == WEIR_OK);
    as_survey(data, size);
    must(config->count <= weir_run_settings.count);
    for (size_t i = 0; i < config->count; i++) {
        const struct weir_config_entry *entry = &config->entry[i];
        must(!entry->setting->flag_only && entry->line > 0);
        must(problems.count || entry->value.count > 0);
        for (size_t v = 0; v < entry->value.count; v++)
            for (const char *c = entry->value.item[v]; *c; c++)
                must((unsigned char)*c >= ' ');
    }
    weir_run_options_apply(config, &flags, &options, &problems);
    for (size_t i = 0; i < problems.count && i < WEIR_PROBLEMS_MAX; i++) {
        must(!strncmp(problems.item[i].text, "weir.yaml:", 10));
        must(!strpbrk(problems.item[i].text, "\n\r\x1b"));
    }
    must(options.lanes >= 1 && options.lanes <= WEIR_LANES_MAX && options.workers >= 1 && options.workers <= WEIR_WORKERS_MAX);
    must(options.batch >= 1 && options.batch <= WEIR_BATCH_ROWS && options.max_delay_ns >= 0 &&
         options.tap.ports <= WEIR_PORTS_MAX);
    weir_run_options_free(&options);
    weir_config_free(&config);
    return 0;
}
