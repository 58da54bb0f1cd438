/* The socket under the control socket: lines and answers, its bounds, who may come in, what it leaves behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "pipeline/socket.h"

static char folder[64], path[96];

static int begin(void **unused)
{
    strcpy(folder, "/tmp/weir-test-XXXXXX");
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof path, "%s/s", folder);
    return 0;
}

static int end(void **unused)
{
    return rmdir(folder); /* fails when a socket was left behind */
}

/* Answers each line with its length and its bytes. */
static void echo(void *context, const char *line, size_t length, struct weir_peer *peer)
{
    char head[32];
    weir_peer_send(peer, head, (size_t)snprintf(head, sizeof head, "%zu:", length));
    weir_peer_send(peer, line, length);
    weir_peer_send(peer, "\n", 1);
}

static struct weir_socket *start(void)
{
    const struct weir_socket_config config = {.path = path, .answer = echo};
    struct weir_error error = {0};
    struct weir_socket *s = NULL;
    if (weir_socket_start(&config, &s, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    return s;
}

static int dial(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

/* One line of an answer, or "" at its end. */
static const char *hear(int fd)
{
    static char line[256];
    size_t n = 0;
    while (n < sizeof line - 1 && read(fd, line + n, 1) == 1 && line[n] != '\n')
        n++;
    line[n] = 0;
    return line;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void lines_are_answered(void **unused)
{
    struct weir_socket *s = start();
    struct stat there;
    assert_int_equal(stat(path, &there), 0);
    assert_int_equal(there.st_mode & 0777, 0600);
    int fd = dial();
    say(fd, "a");
    say(fd, "bc\n\nd\nrest");
    assert_string_equal(hear(fd), "3:abc");
    assert_string_equal(hear(fd), "0:");
    assert_string_equal(hear(fd), "1:d");
    shutdown(fd, SHUT_WR);
    assert_string_equal(hear(fd), "");
    close(fd);
    weir_socket_stop(&s);
    assert_null(s);
    assert_int_not_equal(stat(path, &there), 0);
}

static void bounds_hold(void **unused)
{
    struct weir_socket *s = start();
    int fd[WEIR_SOCKET_CLIENTS];
    for (int i = 0; i < WEIR_SOCKET_CLIENTS; i++) {
        fd[i] = dial();
        say(fd[i], "x\n");
        assert_string_equal(hear(fd[i]), "1:x");
    }
    int more = dial();
    assert_non_null(strstr(hear(more), "too many clients"));
    close(more);
    /* a line of the largest size passes, one byte more does not */
    char *line = malloc(WEIR_SOCKET_LINE + 1);
    memset(line, 'y', WEIR_SOCKET_LINE);
    line[WEIR_SOCKET_LINE] = '\n';
    assert_int_equal(send(fd[0], line, WEIR_SOCKET_LINE + 1, MSG_NOSIGNAL), WEIR_SOCKET_LINE + 1);
    char *back = malloc(WEIR_SOCKET_LINE + 8);
    size_t n = 0, whole = WEIR_SOCKET_LINE + 7; /* "65536:" and the line end */
    for (ssize_t got; n < whole && (got = read(fd[0], back + n, whole - n)) > 0;)
        n += (size_t)got;
    assert_int_equal(n, whole);
    assert_memory_equal(back, "65536:yyyy", 10);
    line[WEIR_SOCKET_LINE] = 'y';
    assert_true(send(fd[1], line, WEIR_SOCKET_LINE + 1, MSG_NOSIGNAL) > 0);
    assert_non_null(strstr(hear(fd[1]), "too long"));
    assert_string_equal(hear(fd[1]), "");
    free(line);
    free(back);
    for (int i = 0; i < WEIR_SOCKET_CLIENTS; i++)
        close(fd[i]);
    weir_socket_stop(&s);
}

static void one_place_one_socket(void **unused)
{
    struct weir_socket *s = start(), *other = NULL;
    struct weir_error error = {0};
    const struct weir_socket_config config = {.path = path, .answer = echo};
    assert_int_equal(weir_socket_start(&config, &other, &error), WEIR_ERR_BUSY);
    assert_non_null(strstr(error.text, "another weir"));
    assert_null(other);
    weir_socket_stop(&s);
    /* what a killed process leaves is replaced */
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, path);
    int dead = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(dead, (struct sockaddr *)&address, sizeof address), 0);
    close(dead);
    s = start();
    weir_socket_stop(&s);
    /* what is no socket stays */
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(weir_socket_start(&config, &other, &error), WEIR_ERR_ARGUMENT);
    assert_int_equal(unlink(path), 0);
    const struct weir_socket_config nowhere = {.path = "/tmp/weir-no-such-folder/s", .answer = echo};
    assert_int_equal(weir_socket_start(&nowhere, &other, &error), WEIR_ERR_NOT_FOUND);
    char longest[200];
    memset(longest, 'p', sizeof longest);
    longest[199] = 0;
    const struct weir_socket_config too_long = {.path = longest, .answer = echo};
    assert_int_equal(weir_socket_start(&too_long, &other, &error), WEIR_ERR_ARGUMENT);
}

static void the_end_does_not_wait_for_the_idle(void **unused)
{
    struct weir_socket *s = start();
    int idle = dial(), half = dial();
    say(idle, "x\n");
    assert_string_equal(hear(idle), "1:x");
    say(half, "no line end");
    weir_socket_stop(&s);
    assert_string_equal(hear(idle), "");
    close(idle);
    close(half);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lines_are_answered), cmocka_unit_test(bounds_hold),
                                       cmocka_unit_test(one_place_one_socket),
                                       cmocka_unit_test(the_end_does_not_wait_for_the_idle)};
    return cmocka_run_group_tests(tests, begin, end);
}
