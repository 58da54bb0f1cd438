#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cap-ng.h>
#include <cmocka.h>

#include "base/keeper.h"

static char report[64]; /* a fifo that the keeper writes to when it acts */

/* What the test wants to know of the child: the word, its capabilities, whether descriptor `held` is open in it. */
struct context {
    const char *word;
    int held;
};

static void act(void *opaque)
{
    const struct context *context = opaque;
    char status[4096], line[256];
    int fd = open("/proc/self/status", O_RDONLY);
    ssize_t n = read(fd, status, sizeof status - 1);
    close(fd);
    status[n > 0 ? n : 0] = 0;
    unsigned long long effective = 0;
    const char *at = strstr(status, "CapEff:");
    if (at)
        sscanf(at, "CapEff: %llx", &effective);
    bool open_still = fcntl(context->held, F_GETFD) >= 0;
    n = snprintf(line, sizeof line, "%s %llx %s", context->word, effective, open_still ? "open" : "closed");
    if ((fd = open(report, O_WRONLY)) >= 0 && write(fd, line, (size_t)n) == n)
        close(fd);
}

static int make_report(void **state)
{
    (void)state;
    snprintf(report, sizeof report, "/tmp/weir-keeper-%ld", (long)getpid());
    return mkfifo(report, 0600);
}

static int remove_report(void **state)
{
    (void)state;
    return unlink(report);
}

static void check_report(int fd, const char *word)
{
    char line[256], expected[256];
    bool has = capng_get_caps_process() == 0 && capng_have_capability(CAPNG_PERMITTED, CAP_NET_ADMIN);
    ssize_t n = read(fd, line, sizeof line - 1);
    assert_true(n > 0);
    line[n] = 0;
    snprintf(expected, sizeof expected, "%s %llx closed", word, has ? 1ULL << CAP_NET_ADMIN : 0);
    assert_string_equal(line, expected);
}

static void it_acts_when_told(void **state)
{
    (void)state;
    struct context context = {.word = "told", .held = dup(STDERR_FILENO)};
    struct weir_keeper keeper;
    struct weir_error error;
    int fd = open(report, O_RDWR); /* read and write: opening does not wait for the other side */
    assert_true(context.held > 3 || (context.held = fcntl(context.held, F_DUPFD, 10)) >= 10);
    assert_true(fd >= 0);
    assert_int_equal(weir_keeper_start(CAP_NET_ADMIN, act, &context, &keeper, &error), WEIR_OK);
    pid_t pid = keeper.pid;
    kill(pid, SIGTERM); /* does not reach it */
    kill(pid, SIGINT);
    weir_keeper_end(&keeper);
    assert_int_equal(kill(pid, 0), -1); /* it is gone, and waited for */
    check_report(fd, "told");
    weir_keeper_end(&keeper);
    weir_keeper_end(&(struct weir_keeper){0});
    close(fd);
    close(context.held);
}

static void it_acts_when_the_parent_is_killed(void **state)
{
    (void)state;
    int fd = open(report, O_RDWR), held = fcntl(STDERR_FILENO, F_DUPFD, 10), status;
    assert_true(fd >= 0 && held >= 10);
    pid_t parent = fork();
    if (parent == 0) {
        struct context context = {.word = "killed", .held = held};
        struct weir_keeper keeper;
        if (weir_keeper_start(CAP_NET_ADMIN, act, &context, &keeper, NULL) == WEIR_OK)
            kill(getpid(), SIGKILL);
        _exit(0);
    }
    assert_int_equal(waitpid(parent, &status, 0), parent);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    check_report(fd, "killed");
    close(fd);
    close(held);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(it_acts_when_told), cmocka_unit_test(it_acts_when_the_parent_is_killed)};
    alarm(60);
    return cmocka_run_group_tests(tests, make_report, remove_report);
}
