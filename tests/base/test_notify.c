#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/notify.h"

/* A service manager's socket under `name` ("/..." or "@..."), named in the environment. */
static int manager(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(name);
    assert_true(length < sizeof address.sun_path);
    memcpy(address.sun_path, name, length);
    if (name[0] == '@')
        address.sun_path[0] = 0;
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)),
                     0);
    assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
    return fd;
}

static void told(int fd, char *text, size_t size)
{
    ssize_t n = recv(fd, text, size - 1, MSG_DONTWAIT);
    assert_true(n >= 0);
    text[n] = 0;
}

static void hears_under(const char *name)
{
    char text[2048], expected[1024], longer[2000];
    int fd = manager(name);
    assert_true(weir_notify("READY=1\nSTATUS=%u flows", 7u));
    told(fd, text, sizeof text);
    assert_string_equal(text, "READY=1\nSTATUS=7 flows");

    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    memset(expected, 'a', sizeof expected - 1);
    expected[sizeof expected - 1] = 0;
    assert_true(weir_notify("%s", longer));
    told(fd, text, sizeof text);
    assert_string_equal(text, expected);

    long long before = weir_clock_mono_ns() / 1000, at = -1;
    assert_true(weir_notify_reloading());
    told(fd, text, sizeof text);
    assert_int_equal(sscanf(text, "RELOADING=1\nMONOTONIC_USEC=%lld", &at), 1);
    assert_true(at >= before && at <= weir_clock_mono_ns() / 1000);
    close(fd);
    assert_false(weir_notify("WATCHDOG=1")); /* the manager is gone */
}

static void a_manager_hears(void **state)
{
    (void)state;
    char folder[] = "/tmp/weir-notify-XXXXXX", name[64];
    assert_non_null(mkdtemp(folder));
    snprintf(name, sizeof name, "%s/socket", folder);
    hears_under(name);
    unlink(name);
    rmdir(folder);
    snprintf(name, sizeof name, "@weir-notify-%ld", (long)getpid());
    hears_under(name);
}

static void without_a_manager_nothing_is_sent(void **state)
{
    (void)state;
    char longer[200];
    memset(longer, '/', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    const char *const wrong[] = {"", "/", "@", "relative", "vsock:2:1", longer};
    unsetenv("NOTIFY_SOCKET");
    assert_false(weir_notify("READY=1"));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        setenv("NOTIFY_SOCKET", wrong[i], 1);
        assert_false(weir_notify("READY=1"));
    }
}

static int64_t watchdog(const char *usec, const char *pid)
{
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    if (usec)
        setenv("WATCHDOG_USEC", usec, 1);
    if (pid)
        setenv("WATCHDOG_PID", pid, 1);
    return weir_notify_watchdog_ns();
}

static void the_watchdog_is_ours_or_not(void **state)
{
    (void)state;
    char self[32];
    snprintf(self, sizeof self, "%ld", (long)getpid());
    assert_int_equal(watchdog(NULL, NULL), 0);
    assert_int_equal(watchdog("30000000", NULL), INT64_C(30000000000));
    assert_int_equal(watchdog("30000000", self), INT64_C(30000000000));
    assert_int_equal(watchdog("30000000", "1"), 0);
    assert_int_equal(watchdog("0", self), 0);
    assert_int_equal(watchdog("-5", self), 0);
    assert_int_equal(watchdog("12x", self), 0);
    assert_int_equal(watchdog("99999999999999999999", self), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_manager_hears), cmocka_unit_test(without_a_manager_nothing_is_sent),
                                       cmocka_unit_test(the_watchdog_is_ours_or_not)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
