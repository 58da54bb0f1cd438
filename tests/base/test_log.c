#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"

/* What a message of each level looks like on a pipe in the place of stderr; `stream` is the format of $JOURNAL_STREAM for the
 * pipe's device and inode. */
static void logged(const char *stream, char *text, size_t size)
{
    int ends[2], saved = dup(STDERR_FILENO);
    struct stat st;
    char value[64];
    assert_true(saved >= 0);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(fstat(ends[1], &st), 0);
    unsetenv("JOURNAL_STREAM");
    if (stream) {
        snprintf(value, sizeof value, stream, (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
        setenv("JOURNAL_STREAM", value, 1);
    }
    assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    weir_log(WEIR_LOG_ERROR, "no %s", "disk");
    weir_log(WEIR_LOG_WARNING, "late");
    weir_log(WEIR_LOG_INFO, "on");
    weir_log(WEIR_LOG_DEBUG, "left out");
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(ends[1]);
    ssize_t n = read(ends[0], text, size - 1);
    close(ends[0]);
    assert_true(n > 0);
    text[n] = 0;
}

static void people_see_the_program_and_the_level(void **state)
{
    (void)state;
    static const char expected[] = "weir: error: no disk\nweir: warning: late\nweir: on\n";
    /* The journal's stream may be another one than stderr (redirected), and the variable may be anything. */
    static const char *const streams[] = {NULL, "%ju:1%ju", "1%ju:%ju", "%ju:%ju0", "%ju:%ju:7", "%ju", "", "x", "-1:-1"};
    char text[256];
    for (size_t i = 0; i < sizeof streams / sizeof *streams; i++) {
        logged(streams[i], text, sizeof text);
        assert_string_equal(text, expected);
    }
}

/* On a terminal the next message takes the place of a passing one; elsewhere there is none. */
static void what_passes_is_replaced(void **state)
{
    (void)state;
    static const char expected[] = "\r\033[Kweir: half\r\033[Kweir: all\r\033[K\r\033[Kweir: more\r\033[Kweir: done\r\n";
    char text[256];
    int terminal = posix_openpt(O_RDWR | O_NOCTTY), saved = dup(STDERR_FILENO);
    assert_true(terminal >= 0 && saved >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0);
    int end = open(ptsname(terminal), O_RDWR | O_NOCTTY);
    unsetenv("JOURNAL_STREAM");
    assert_int_equal(dup2(end, STDERR_FILENO), STDERR_FILENO);
    weir_log_passing("%s", "");
    weir_log_passing("half");
    weir_log_passing("all");
    weir_log_passing("%s", "");
    weir_log_passing("more");
    weir_log(WEIR_LOG_INFO, "done");
    dup2(saved, STDERR_FILENO);
    size_t length = 0; /* a terminal gives it in pieces */
    for (ssize_t n = 1; n > 0 && length<sizeof expected - 1; length += n> 0 ? (size_t)n : 0)
        n = read(terminal, text + length, sizeof text - 1 - length);
    text[length] = 0;
    close(saved);
    close(end);
    close(terminal);
    assert_string_equal(text, expected);
}

static void the_journal_sees_priorities(void **state)
{
    (void)state;
    char text[256];
    logged("%ju:%ju", text, sizeof text);
    assert_string_equal(text, "<3>error: no disk\n<4>warning: late\n<6>on\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(people_see_the_program_and_the_level),
                                       cmocka_unit_test(what_passes_is_replaced), cmocka_unit_test(the_journal_sees_priorities)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
