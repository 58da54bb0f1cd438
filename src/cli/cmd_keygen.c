/* weir keygen: a CURVE key pair. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "cli/command.h"
#include "cli/options.h"
#include "queue/curve.h"

static const char help[] =
    "usage: weir keygen NAME\n"
    "\n"
    "Makes a CURVE key pair for one process or machine that talks ZeroMQ over a network: NAME.key, to be\n"
    "kept to its owner, and NAME.pub, to be copied to those it talks to. Files that are there are left alone.\n"
    "\n"
    "example: weir keygen tap1            on the sensor\n"
    "         weir keygen judge1          on the inference server\n"
    "         weir sensor ... --key tap1.key --peers judge1.pub,store.pub\n";

int weir_cmd_keygen(int argc, char **argv)
{
    static const struct option longs[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    struct weir_error error = {0};
    char open[WEIR_CURVE_TEXT];
    optind = 1;
    for (int c; (c = getopt_long(argc, argv, ":h", longs, NULL)) != -1;) {
        if (c != 'h')
            return weir_option_wrong("keygen", c, argv);
        fputs(help, stdout);
        return WEIR_EXIT_OK;
    }
    if (argc - optind != 1 || !*argv[optind])
        return weir_usage_error("keygen", "give one NAME: NAME.key and NAME.pub will be made");
    if (weir_curve_generate(argv[optind], open, &error) != WEIR_OK) {
        weir_log(WEIR_LOG_ERROR, "%s", error.text);
        return WEIR_EXIT_FAILED;
    }
    printf("%s.key: keep it here\n%s.pub: give it to the others\npublic %s\n", argv[optind], argv[optind], open);
    return fflush(stdout) || ferror(stdout) ? WEIR_EXIT_FAILED : WEIR_EXIT_OK;
}
