/* weir top: a running weir, live in the terminal. */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/ask.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/top_frame.h"

static const char help[] = "usage: weir top [--control PATH] [--once]\n"
                           "\n"
                           "Watches a running `weir run`: flows/s, packets/s of each port, decision and durable time, queue, "
                           "losses, verdicts by class,\n"
                           "the last alerts with their reasons. Twice a second; q quits.\n"
                           "\n"
                           "  --control PATH      its control socket (default: where `weir run` puts it)\n"
                           "  --once              print one frame of 80 columns and end; rates are those since the start\n"
                           "\n"
                           "example: weir top --control /run/weir/control\n";

enum { EVERY_MS = 500 };

static volatile sig_atomic_t stop;
static struct termios was;

static void on_signal(int number)
{
    stop = number;
}

/* The alternate screen, no cursor, keys as they come. */
static bool enter(void)
{
    struct termios raw;
    struct sigaction action = {.sa_handler = on_signal};
    if (tcgetattr(STDIN_FILENO, &was))
        return false;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    raw = was;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    if (tcsetattr(STDIN_FILENO, TCSANOW, &raw))
        return false;
    fputs("\033[?1049h\033[?25l", stdout);
    return true;
}

static void leave(void)
{
    fputs("\033[?25h\033[?1049l", stdout);
    fflush(stdout);
    tcsetattr(STDIN_FILENO, TCSANOW, &was);
}

static void draw(const json_t *before, const json_t *now)
{
    struct winsize size = {0};
    char *text = NULL;
    size_t length;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || size.ws_col < 40 || size.ws_row < 2)
        size = (struct winsize){.ws_col = 80, .ws_row = 24};
    FILE *frame = open_memstream(&text, &length);
    if (!frame)
        return;
    weir_top_frame(before, now, size.ws_col, size.ws_row - 1u, frame);
    if (fclose(frame) == 0) {
        fputs("\033[H", stdout); /* over the frame before: no flicker */
        for (char *at = text, *end; (end = strchr(at, '\n')); at = end + 1)
            printf("%.*s\033[K\n", (int)(end - at), at);
        fputs("\033[J", stdout);
        fflush(stdout);
    }
    free(text);
}

static weir_err status(struct weir_ask *ask, json_t **out, struct weir_error *error)
{
    return weir_ask(ask, json_pack("{s:s}", "do", "status"), out, error);
}

/* Until q, a signal, or the end of the run. */
static weir_err watch(struct weir_ask *ask, struct weir_error *error)
{
    json_t *before = NULL, *now = NULL;
    weir_err code;
    bool quit = false;
    while (!quit && !stop && (code = status(ask, &now, error)) == WEIR_OK) {
        draw(before, now);
        json_decref(before);
        before = now;
        now = NULL;
        struct pollfd key = {.fd = STDIN_FILENO, .events = POLLIN};
        char pressed;
        if (poll(&key, 1, EVERY_MS) > 0) /* a signal, and a new size of the window, end it early */
            quit = read(STDIN_FILENO, &pressed, 1) <= 0 || pressed == 'q' || pressed == 'Q';
    }
    json_decref(before);
    return quit || stop ? WEIR_OK : code;
}

int weir_cmd_top(int argc, char **argv)
{
    static const struct option table[] = {{"control", required_argument, NULL, 'c'},
                                          {"once", no_argument, NULL, 'o'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    const char *control = NULL;
    bool once = false;
    optind = 1;
    for (int c; (c = getopt_long(argc, argv, ":h", table, NULL)) != -1;)
        if (c == 'c')
            control = optarg;
        else if (c == 'o')
            once = true;
        else if (c == 'h') {
            fputs(help, stdout);
            return WEIR_EXIT_OK;
        } else
            return weir_option_wrong("top", c, argv);
    if (optind < argc)
        return weir_usage_error("top", "'%s' is not an option", argv[optind]);
    if (!once && (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)))
        return weir_usage_error("top", "this is no terminal; --once prints one frame");
    struct weir_error error = {0};
    struct weir_ask *ask = NULL;
    json_t *now = NULL;
    weir_err code = weir_ask_open(control, 10, &ask, &error);
    if (code == WEIR_OK && once) {
        if ((code = status(ask, &now, &error)) == WEIR_OK)
            weir_top_frame(NULL, now, 80, 1000, stdout);
        json_decref(now);
    } else if (code == WEIR_OK) {
        if (!enter())
            code = weir_fail(&error, WEIR_ERR_IO, "the terminal: %s", strerror(errno));
        else {
            code = watch(ask, &error);
            leave();
        }
    }
    weir_ask_close(&ask);
    if (code != WEIR_OK)
        weir_log(WEIR_LOG_ERROR, "%s", error.text);
    return code == WEIR_OK && fflush(stdout) == 0 ? WEIR_EXIT_OK : WEIR_EXIT_FAILED;
}
