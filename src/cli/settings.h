/* What a command can be told: a table with one row for each setting. The flag, the key of the configuration file (the flag's long
 * name), the check of its value, and the help are made from that row, so they cannot drift apart.
 *
 * The way of a value: the command line is read into flags (weir_flags_read), the configuration file into a document (config.h),
 * and both are applied to the command's options, the file first, so that flags win (weir_settings_apply). Nothing is printed on
 * the way: what is wrong is gathered as problems. One thread.
 */
#ifndef WEIR_CLI_SETTINGS_H
#define WEIR_CLI_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/options.h"
#include "weir/error.h"

/* What is wrong with what somebody wrote: one line each, the place first. Start with {0}. */
#define WEIR_PROBLEMS_MAX 20
struct weir_problems {
    size_t count; /* all of them; the first WEIR_PROBLEMS_MAX are kept */
    struct weir_error item[WEIR_PROBLEMS_MAX];
};

/* Adds one and returns `code`. */
weir_err weir_problem(struct weir_problems *problems, weir_err code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

enum weir_setting_kind {
    WEIR_SETTING_HEADING,  /* no setting: a line of the help */
    WEIR_SETTING_TEXT,     /* const char *, which belongs to the weir_told */
    WEIR_SETTING_NUMBER,   /* uint64_t, low to high */
    WEIR_SETTING_REAL,     /* a number such as 0.9, for `take` */
    WEIR_SETTING_DURATION, /* int64_t, nanoseconds, low to high */
    WEIR_SETTING_SWITCH,   /* bool; the flag has no value, the key true or false */
    WEIR_SETTING_WORD,     /* a word such as 2GB, for `take` */
    WEIR_SETTING_LIST,     /* words with commas between, in the file also a list; const char * without `take` */
    WEIR_SETTING_LISTS,    /* a list, and the flag may come again; in the file a list of lists; for `take` */
    WEIR_SETTING_MAP       /* a list; in the file also a mapping: its keys are values, and KEY.NAME=VALUE of what is below them */
};

struct weir_setting {
    const char *name; /* --name and the key; of a heading NULL */
    char letter;      /* of the short flag, or 0 */
    enum weir_setting_kind kind;
    size_t at;          /* of its field in the options */
    uint64_t low, high; /* of NUMBER and DURATION */
    /* Reads `value` into the field instead of the kind's own reader; `what` (--name, or file, line and key) begins the message.
     */
    weir_err (*take)(void *field, const char *what, const char *value, struct weir_error *error);
    const char *value; /* what stands for the value in the help */
    const char *text;  /* of the help, without a line end; what stands without the setting in brackets */
    bool flag_only;    /* is no key of the file */
    bool live;         /* weir reload can change it */
};

struct weir_settings {
    const char *command;        /* "run" */
    const char *before, *after; /* what the help says before the rows and after them */
    const struct weir_setting *row;
    size_t count;
};

/* The row of a name, or NULL. */
const struct weir_setting *weir_settings_find(const struct weir_settings *settings, const char *name);

/* The help text. */
void weir_settings_help(const struct weir_settings *settings, FILE *to);

/* "a whole number from 1 to 64", "true or false", ... */
void weir_setting_type(const struct weir_setting *setting, char *text, size_t size);

/* The flags of a command line, in their order; values belong to argv. */
struct weir_flags {
    const struct weir_settings *settings; /* they were read with; NULL in flags that were not read */
    struct weir_flag {
        const struct weir_setting *setting;
        const char *value; /* of a switch "true" */
    } * item;
    size_t count;
};

/* Reads argv into flags; -1: go on, else the exit code (--help was printed, or which option is wrong). `operand`: the message for
 * a word that is no option, with one %s. */
int weir_flags_read(const struct weir_settings *settings, int argc, char **argv, const char *operand, struct weir_flags *out);
const char *weir_flags_value(const struct weir_flags *flags, const char *name); /* the last one, or NULL */
void weir_flags_free(struct weir_flags *flags);

/* Who said a setting, beside its row; zero: nobody, its default stands. */
struct weir_told {
    struct weir_strings value; /* copies, which the options' texts point to */
    int line;                  /* in the file; 0: a flag */
};

struct weir_config;

/* Sets the options: the file's (NULL: none), then the flags in place of it. told: one for each row, all zero before. */
void weir_settings_apply(const struct weir_settings *settings, const struct weir_config *config, const struct weir_flags *flags,
                         void *options, struct weir_told *told, struct weir_problems *problems);
void weir_told_free(struct weir_told *told, size_t count);

/* "weir.yaml:12: lanes" or "--lanes", for a message about a setting. */
struct weir_place {
    char text[320];
};
struct weir_place weir_setting_place(const struct weir_setting *setting, const struct weir_told *told, const char *file);

/* Whether a setting is the same in both. */
bool weir_setting_same(const struct weir_setting *setting, const void *options, const struct weir_told *told,
                       const void *options2, const struct weir_told *told2);

#endif
