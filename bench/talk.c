#include "bench/talk.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ANSWER_MAX = 1 << 20 };

weir_err weir_talk_start(char *const *arguments, struct weir_talk *talk, struct weir_error *error)
{
    int to[2] = {-1, -1}, from[2] = {-1, -1};
    *talk = (struct weir_talk){0};
    if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
        goto fail;
    fflush(NULL);
    pid_t parent = getpid();
    talk->pid = fork();
    if (talk->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM); /* it and what it has started go with us */
        if (getppid() != parent || dup2(to[0], 0) < 0 || dup2(from[1], 1) < 0)
            _exit(127);
        execv(arguments[0], arguments);
        _exit(127);
    }
    if (talk->pid < 0)
        goto fail;
    signal(SIGPIPE, SIG_IGN); /* a dead child is an answer that does not come */
    close(to[0]);
    close(from[1]);
    talk->to = fdopen(to[1], "w");
    talk->from = fdopen(from[0], "r");
    if (talk->to && talk->from)
        return WEIR_OK;
    kill(talk->pid, SIGTERM);
    weir_talk_end(talk);
    return weir_fail(error, WEIR_ERR_MEMORY, "%s: out of memory", arguments[0]);
fail:
    weir_fail(error, WEIR_ERR_IO, "%s: cannot start it: %s", arguments[0], strerror(errno));
    for (int i = 0; i < 2; i++) {
        if (to[i] >= 0)
            close(to[i]);
        if (from[i] >= 0)
            close(from[i]);
    }
    *talk = (struct weir_talk){0};
    return WEIR_ERR_IO;
}

json_t *weir_talk_answer(struct weir_talk *talk)
{
    char *line = malloc(ANSWER_MAX);
    json_t *answer = line && talk->from && fgets(line, ANSWER_MAX, talk->from) ? json_loads(line, 0, NULL) : NULL;
    free(line);
    return answer;
}

int weir_talk_end(struct weir_talk *talk)
{
    int status = 0;
    if (talk->to)
        fclose(talk->to);
    if (talk->from)
        fclose(talk->from);
    if (talk->pid > 0)
        while (waitpid(talk->pid, &status, 0) < 0 && errno == EINTR)
            ;
    *talk = (struct weir_talk){0};
    return status;
}
