#include "store/context.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/text.h"

enum { GROUPS_MAX = 1024 }; /* that are searched for a batch */

/* Names by their index in the model, each with the number that stands for it in the rows. */
struct names {
    size_t count;
    struct name {
        char *text; /* NULL: not met yet */
        uint32_t number;
    } * name;
};

/* What the rows of a batch share; a row of `contexts` for each of its classes. */
struct weir_context_group {
    char *run, *sensor, *model, *feature_set;
    float threshold;
    uint64_t boot;
    uint32_t lane;
    struct names classes; /* number: contexts.context */
    struct names columns; /* number: column_names.name */
};

static weir_err no_memory(const struct weir_contexts *contexts, struct weir_error *error)
{
    return weir_fail(error, WEIR_ERR_MEMORY, "%s: out of memory", contexts->path);
}

static void names_fini(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->name[i].text);
    free(names->name);
}

static void group_fini(struct weir_context_group *group)
{
    names_fini(&group->classes);
    names_fini(&group->columns);
    free(group->run);
    free(group->sensor);
    free(group->model);
    free(group->feature_set);
}

void weir_contexts_forget(struct weir_contexts *contexts)
{
    for (size_t i = 0; i < contexts->groups; i++)
        group_fini(&contexts->group[i]);
    contexts->groups = contexts->last = 0;
}

static bool group_fits(const struct weir_context_group *group, const struct weir_verdicts *v, const char *run, const char *sensor)
{
    return group->lane == v->batch->lane && group->boot == v->batch->boot && group->threshold == v->threshold &&
           !strcmp(group->run, run) && !strcmp(group->model, v->model) && !strcmp(group->feature_set, v->feature_set) &&
           !strcmp(group->sensor, sensor);
}

bool weir_contexts_choose(struct weir_contexts *contexts, const struct weir_verdicts *v, const char *run, const char *sensor)
{
    if (contexts->last < contexts->groups && group_fits(&contexts->group[contexts->last], v, run, sensor))
        return true;
    for (size_t i = 0; i < contexts->groups; i++)
        if (group_fits(&contexts->group[i], v, run, sensor)) {
            contexts->last = i;
            return true;
        }
    if (contexts->groups == GROUPS_MAX) /* of sensors that have gone, most of them; who is still there gets new numbers */
        weir_contexts_forget(contexts);
    struct weir_context_group *more = realloc(contexts->group, (contexts->groups + 1) * sizeof *more);
    if (!more)
        return false;
    contexts->group = more;
    struct weir_context_group group = {.run = strdup(run),
                                       .sensor = strdup(sensor),
                                       .model = strdup(v->model),
                                       .feature_set = strdup(v->feature_set),
                                       .threshold = v->threshold,
                                       .boot = v->batch->boot,
                                       .lane = v->batch->lane};
    if (!group.run || !group.sensor || !group.model || !group.feature_set) {
        group_fini(&group);
        return false;
    }
    contexts->last = contexts->groups++;
    contexts->group[contexts->last] = group;
    return true;
}

/* The name at `index`, with `text` not yet there or another one when it is new. NULL: out of memory. */
static struct name *find_name(struct names *names, unsigned index)
{
    if (index >= names->count) {
        struct name *more = realloc(names->name, (index + 1) * sizeof *more);
        if (!more)
            return NULL;
        memset(more + names->count, 0, (index + 1 - names->count) * sizeof *more);
        names->name = more;
        names->count = index + 1;
    }
    return &names->name[index];
}

static bool is_new(const struct name *name, const char *text)
{
    return !name->text || strcmp(name->text, text) != 0;
}

/* Gives the name its number, by a row of the open transaction. */
static weir_err number_name(struct weir_contexts *contexts, struct name *name, const char *text, uint32_t *next, const char *sql,
                            const char **values, unsigned count, struct weir_error *error)
{
    char number[16], *copy = strdup(text);
    if (!copy)
        return no_memory(contexts, error);
    snprintf(number, sizeof number, "%u", *next);
    values[0] = number;
    struct weir_error inner = {0};
    weir_err code = weir_duck_run_with(contexts->duck, sql, values, count, &inner);
    if (code != WEIR_OK) {
        free(copy);
        return weir_fail(error, code, "%s: %s", contexts->path, inner.text);
    }
    free(name->text);
    name->text = copy;
    name->number = (*next)++;
    return WEIR_OK;
}

weir_err weir_contexts_class(struct weir_contexts *contexts, unsigned index, const char *class, uint32_t *out,
                             struct weir_error *error)
{
    weir_err code = WEIR_OK;
    struct weir_context_group *group = &contexts->group[contexts->last];
    struct name *name = find_name(&group->classes, index);
    if (!name)
        return no_memory(contexts, error);
    if (is_new(name, class)) {
        char boot[24], lane[16], threshold[WEIR_TEXT_ROOM];
        snprintf(boot, sizeof boot, "%llu", (unsigned long long)group->boot);
        snprintf(lane, sizeof lane, "%u", group->lane);
        snprintf(threshold, sizeof threshold, "%.9g", (double)group->threshold);
        const char *values[] = {NULL, group->run, group->sensor, boot, lane, group->feature_set, group->model, threshold, class};
        code = number_name(contexts, name, class, &contexts->next_context,
                           "INSERT INTO contexts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values, 9, error);
    }
    *out = name->number;
    return code;
}

weir_err weir_contexts_column(struct weir_contexts *contexts, unsigned index, const char *column, uint32_t *out,
                              struct weir_error *error)
{
    weir_err code = WEIR_OK;
    struct weir_context_group *group = &contexts->group[contexts->last];
    struct name *name = find_name(&group->columns, index);
    if (!name)
        return no_memory(contexts, error);
    if (is_new(name, column)) {
        const char *values[] = {NULL, column};
        code =
            number_name(contexts, name, column, &contexts->next_name, "INSERT INTO column_names VALUES (?, ?)", values, 2, error);
    }
    *out = name->number;
    return code;
}

void weir_contexts_fini(struct weir_contexts *contexts)
{
    weir_contexts_forget(contexts);
    free(contexts->group);
    contexts->group = NULL;
}

weir_err weir_contexts_begin(struct weir_contexts *contexts, struct weir_error *error)
{
    uint64_t context = 0, name = 0;
    weir_contexts_forget(contexts);
    weir_err code =
        weir_duck_number(contexts->duck, "SELECT coalesce(max(context)::UBIGINT + 1, 0)::UBIGINT FROM contexts", &context, error);
    if (code == WEIR_OK)
        code = weir_duck_number(contexts->duck, "SELECT coalesce(max(name)::UBIGINT + 1, 0)::UBIGINT FROM column_names", &name,
                                error);
    if (code != WEIR_OK)
        return code;
    contexts->next_context = (uint32_t)context;
    contexts->next_name = (uint32_t)name;
    return WEIR_OK;
}
