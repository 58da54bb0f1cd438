#include "base/keeper.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* The child. The pipe's reading end becomes descriptor 3, everything above it is closed: sockets and files must end with the
 * parent. */
static _Noreturn void keep(int pipe_end, int capability, void (*act)(void *), void *context)
{
    enum { PIPE = 3 };
    char byte;
    setsid();
    prctl(PR_SET_NAME, "weir-keeper");
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 || dup2(nothing, STDOUT_FILENO) < 0 || dup2(pipe_end, PIPE) < 0 ||
        close_range(PIPE + 1, ~0U, 0))
        _exit(1);

    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    bool has = capng_get_caps_process() == 0 && capng_have_capability(CAPNG_PERMITTED, (unsigned)capability);
    bool bounded = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);
    capng_clear(CAPNG_SELECT_ALL);
    if (has)
        capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, (unsigned)capability);
    if (capng_apply(bounded ? CAPNG_SELECT_ALL : CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT))
        _exit(1);

    while (read(PIPE, &byte, 1) < 0 && errno == EINTR)
        ;
    act(context);
    _exit(0);
}

weir_err weir_keeper_start(int capability, void (*act)(void *context), void *context, struct weir_keeper *keeper,
                           struct weir_error *error)
{
    int ends[2];
    *keeper = (struct weir_keeper){.end = -1};
    if (pipe2(ends, O_CLOEXEC))
        return weir_fail(error, WEIR_ERR_IO, "a pipe: %s", strerror(errno));
    sigset_t all, before; /* blocked from the child's first moment */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[1]);
        keep(ends[0], capability, act, context);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(ends[0]);
    if (pid < 0) {
        close(ends[1]);
        return weir_fail(error, WEIR_ERR_IO, "a child process: %s", strerror(errno));
    }
    *keeper = (struct weir_keeper){.pid = pid, .end = ends[1]};
    return WEIR_OK;
}

void weir_keeper_end(struct weir_keeper *keeper)
{
    if (keeper->pid <= 0)
        return;
    close(keeper->end);
    while (waitpid(keeper->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    *keeper = (struct weir_keeper){.end = -1};
}
