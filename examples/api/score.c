/* Scores the rows of a CSV file with a model of weir and says what moved each alert's score.
 *
 *     cc score.c -o score $(pkg-config --cflags --libs weir)
 *     ./score model.weir rows.csv
 *
 * The file's first line names its columns; they may stand in any order, others are not looked at. A cell that is no number is a
 * missing value. Columns of texts (weir_model_card: "categories") are given as their codes.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/model.h>

enum { BLOCK = 64, LINE = 1 << 16, SHOWN = 3 };

/* Cuts a line at its commas; returns the number of cells. */
static size_t cut(char *line, char **cell, size_t room)
{
    size_t count = 0;
    line[strcspn(line, "\r\n")] = 0;
    for (char *at = line; at && count < room; count++) {
        cell[count] = at;
        at = strchr(at, ',');
        if (at)
            *at++ = 0;
    }
    return count;
}

static float number(const char *text)
{
    char *end;
    float value = strtof(text, &end);
    return end == text || *end ? NAN : value;
}

/* The SHOWN columns that moved the margin most. */
static void print_reasons(const char *const *names, size_t columns, const float *row, double *contributions)
{
    for (int i = 0; i < SHOWN; i++) {
        size_t most = 0;
        for (size_t c = 1; c < columns; c++)
            if (fabs(contributions[c]) > fabs(contributions[most]))
                most = c;
        if (contributions[most] == 0)
            break;
        printf("%s %s=%g (%+.3f)", i ? "," : ":", names[most], row[most], contributions[most]);
        contributions[most] = 0;
    }
}

static int score(const weir_model *model, FILE *file)
{
    static char line[LINE], *cell[LINE / 2];
    const char *const *names, *const *classes;
    size_t columns = weir_model_columns(model, &names), rows = 0, total = 0, cells;
    weir_model_classes(model, &classes);
    size_t *place = calloc(columns, sizeof *place); /* of each of the model's columns in a line */
    float *x = calloc(BLOCK * columns, sizeof *x);
    double *contributions = calloc(columns, sizeof *contributions), base;
    int failed = !place || !x || !contributions || !fgets(line, sizeof line, file);

    cells = failed ? 0 : cut(line, cell, LINE / 2);
    for (size_t c = 0; c < columns && !failed; c++) {
        while (place[c] < cells && strcmp(cell[place[c]], names[c]))
            place[c]++;
        if (place[c] == cells) {
            fprintf(stderr, "score: there is no column %s, which the model needs\n", names[c]);
            failed = 1;
        }
    }
    for (int more = 1; more && !failed;) {
        more = fgets(line, sizeof line, file) != NULL;
        if (more) {
            cells = cut(line, cell, LINE / 2);
            for (size_t c = 0; c < columns; c++)
                x[rows * columns + c] = place[c] < cells ? number(cell[place[c]]) : NAN;
            rows++;
        }
        if (rows < BLOCK && more)
            continue; /* 64 rows at a time are several times quicker than single ones */
        float scores[BLOCK];
        uint16_t class_index[BLOCK];
        uint8_t alert[BLOCK];
        weir_model_predict(model, x, rows, columns, scores, class_index, alert);
        for (size_t r = 0; r < rows; r++) {
            const float *row = x + r * columns;
            size_t group = weir_model_groups(model) > 1 ? class_index[r] : 0;
            printf("%zu %s %.6f", ++total, classes[class_index[r]], scores[r]);
            if (alert[r] &&
                weir_model_explain(model, WEIR_EXPLAIN_EXACT, row, 1, columns, group, NULL, contributions, &base) == WEIR_OK)
                print_reasons(names, columns, row, contributions);
            putchar('\n');
        }
        rows = 0;
    }
    free(place);
    free(x);
    free(contributions);
    return failed;
}

int main(int argc, char **argv)
{
    weir_model *model = NULL;
    struct weir_error error;
    if (argc != 3) {
        fprintf(stderr, "usage: score MODEL.weir ROWS.csv\n");
        return 2;
    }
    if (weir_model_load(argv[1], &model, &error) != WEIR_OK) {
        fprintf(stderr, "score: %s\n", error.text);
        return 1;
    }
    FILE *file = fopen(argv[2], "r");
    if (!file)
        perror(argv[2]);
    int failed = !file || score(model, file);
    if (file)
        fclose(file);
    weir_model_free(&model);
    return failed;
}
