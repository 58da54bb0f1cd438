#include "train/labels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/number.h"

bool weir_labels_equal(const char *a, const char *b)
{
    double x, y;
    size_t n, m;
    a += strspn(a, " \t");
    b += strspn(b, " \t");
    for (n = strlen(a); n && strchr(" \t", a[n - 1]);)
        n--;
    for (m = strlen(b); m && strchr(" \t", b[m - 1]);)
        m--;
    if (n == m && !memcmp(a, b, n))
        return true;
    return weir_number_read(a, n, &x) == WEIR_NUMBER_VALUE && weir_number_read(b, m, &y) == WEIR_NUMBER_VALUE && x == y;
}

static void list_texts(char *const *texts, size_t count, char *out, size_t size)
{
    size_t used = 0;
    *out = 0;
    for (size_t i = 0; i < count && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%s", i ? ", " : "", texts[i]);
    if (used >= size)
        memcpy(out + size - 4, "...", 4);
}

static weir_err out_of_memory(struct weir_error *error)
{
    return weir_fail(error, WEIR_ERR_MEMORY, "labels: out of memory");
}

void weir_labels_fini(struct weir_labels *labels)
{
    for (size_t i = 0; labels->classes && i < labels->class_count; i++)
        free(labels->classes[i]);
    free(labels->classes);
    free(labels->class_of);
    *labels = (struct weir_labels){0};
}

static bool add_class(struct weir_labels *labels, const char *name)
{
    if (!(labels->classes[labels->class_count] = strdup(name)))
        return false;
    labels->class_count++;
    return true;
}

static weir_err learn_two(const struct weir_categories *values, const char *benign, bool alone, struct weir_labels *out,
                          struct weir_error *error)
{
    bool found[2] = {false, false};
    for (size_t i = 0; i < values->count; i++) {
        out->class_of[i] = !weir_labels_equal(values->text[i], benign);
        found[out->class_of[i]] = true;
    }
    if (!found[1] && !alone)
        return weir_fail(
            error, WEIR_ERR_FORMAT,
            "every row is benign (label '%s'): training needs attacks as well; the algorithm isolation-forest alone does without",
            benign);
    out->benign = 0;
    return add_class(out, "benign") && add_class(out, "attack") ? WEIR_OK : out_of_memory(error);
}

static weir_err learn_many(const struct weir_categories *values, const char *benign, struct weir_labels *out,
                           struct weir_error *error)
{
    if (values->count < 2)
        return weir_fail(error, WEIR_ERR_FORMAT, "every row has the label '%s': training needs two classes or more",
                         values->text[0]);
    if (values->count > WEIR_LABEL_CLASSES)
        return weir_fail(error, WEIR_ERR_FORMAT, "%zu different labels, at most %d can be classes; is --label the right column?",
                         values->count, WEIR_LABEL_CLASSES);
    out->benign = benign ? 0 : -1;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < values->count; i++)
            if ((benign && weir_labels_equal(values->text[i], benign)) == (pass == 0)) {
                out->class_of[i] = (int32_t)out->class_count;
                if (!add_class(out, values->text[i]))
                    return out_of_memory(error);
            }
    return WEIR_OK;
}

static weir_err learn(const struct weir_categories *values, const char *benign, bool multiclass, bool alone,
                      struct weir_labels *out, struct weir_error *error)
{
    char list[300];
    bool found = false;
    list_texts(values->text, values->count, list, sizeof list);
    if (!benign && !multiclass)
        return weir_fail(
            error, WEIR_ERR_ARGUMENT,
            "name the benign label with --benign, or take every label as a class with --multiclass; the labels are: %s", list);
    for (size_t i = 0; i < values->count; i++)
        found |= benign && weir_labels_equal(values->text[i], benign);
    if (benign && !found)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "no row has the benign label '%s'; the labels are: %s", benign, list);
    *out = (struct weir_labels){.classes = calloc(values->count + 2, sizeof *out->classes),
                                .class_of = calloc(values->count + 1, sizeof *out->class_of)};
    weir_err failed = !out->classes || !out->class_of ? out_of_memory(error)
                      : multiclass                    ? learn_many(values, benign, out, error)
                                                      : learn_two(values, benign, alone, out, error);
    if (failed)
        weir_labels_fini(out);
    return failed;
}

weir_err weir_labels_learn(const struct weir_categories *values, const char *benign, bool multiclass, struct weir_labels *out,
                           struct weir_error *error)
{
    return learn(values, benign, multiclass, false, out, error);
}

weir_err weir_labels_benign(const struct weir_categories *values, const char *benign, struct weir_labels *out,
                            struct weir_error *error)
{
    return learn(values, benign, false, true, out, error);
}

static weir_err use(const struct weir_categories *values, const char *benign, const char *const *names, size_t classes,
                    int benign_class, struct weir_labels *out, struct weir_error *error)
{
    size_t known = 0;
    *out = (struct weir_labels){.classes = calloc(classes + 1, sizeof *out->classes),
                                .class_of = calloc(values->count + 1, sizeof *out->class_of),
                                .benign = benign_class};
    bool good = out->classes && out->class_of;
    for (size_t k = 0; k < classes && good; k++)
        good = add_class(out, names[k]);
    if (!good) {
        weir_labels_fini(out);
        return out_of_memory(error);
    }
    for (size_t i = 0; i < values->count; i++) {
        int32_t class = -1;
        for (size_t k = 0; k < classes && class < 0; k++)
            if (weir_labels_equal(values->text[i], names[k]))
                class = (int32_t)k;
        if (benign && benign_class >= 0 && weir_labels_equal(values->text[i], benign))
            class = benign_class;
        else if (benign && benign_class >= 0 && classes == 2)
            class = 1 - benign_class;
        out->class_of[i] = class;
        known += class >= 0;
    }
    if (!known) {
        char have[180], want[180];
        list_texts(values->text, values->count, have, sizeof have);
        list_texts(out->classes, classes, want, sizeof want);
        weir_labels_fini(out);
        return weir_fail(error, WEIR_ERR_MISMATCH,
                         "no label is a class of the model; labels: %s; classes: %s; name the benign label with --benign", have,
                         want);
    }
    return WEIR_OK;
}

weir_err weir_labels_use(const struct weir_categories *values, const char *benign, const weir_model *model,
                         struct weir_labels *out, struct weir_error *error)
{
    const char *const *names;
    size_t classes = weir_model_classes(model, &names);
    return use(values, benign, names, classes, weir_model_benign(model), out, error);
}

weir_err weir_labels_match(const struct weir_categories *values, const char *benign, const struct weir_labels *classes,
                           struct weir_labels *out, struct weir_error *error)
{
    return use(values, benign, (const char *const *)classes->classes, classes->class_count, classes->benign, out, error);
}
