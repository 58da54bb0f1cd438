#include "bench/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void become(const struct weir_child_config *config, int in, int out)
{
    char lanes[16], workers[16], flows[24];
    snprintf(lanes, sizeof lanes, "%u", config->lanes);
    snprintf(workers, sizeof workers, "%u", config->workers);
    snprintf(flows, sizeof flows, "%llu", (unsigned long long)config->flows);
    if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0)
        _exit(127);
    execl("/proc/self/exe", "weir", "run", "-r", "-", "--model", config->model, "--store", config->store, "--eve", "/dev/null",
          "--lanes", lanes, "--workers", workers, "--flows", flows, "--control", "none", "--json", "--quiet",
          config->rotate ? "--rotate" : NULL, config->rotate, (char *)NULL);
    _exit(127);
}

weir_err weir_child_start(const struct weir_child_config *config, struct weir_child *child, struct weir_error *error)
{
    int to[2] = {-1, -1}, from[2] = {-1, -1};
    *child = (struct weir_child){0};
    if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
        goto fail;
    fcntl(to[1], F_SETPIPE_SZ, 1 << 20); /* fewer wake-ups; where it is refused it is merely slower */
    signal(SIGPIPE, SIG_IGN);            /* a child that ends early is told by its exit */
    fflush(NULL);
    child->pid = fork();
    if (child->pid < 0)
        goto fail;
    if (child->pid == 0) {
        signal(SIGPIPE, SIG_DFL);
        become(config, to[0], from[1]);
    }
    close(to[0]);
    close(from[1]);
    child->packets = fdopen(to[1], "wb");
    child->answer = fdopen(from[0], "rb");
    if (child->packets && child->answer)
        return WEIR_OK;
    kill(child->pid, SIGKILL);
    weir_child_end(child, NULL, NULL);
    return weir_fail(error, WEIR_ERR_MEMORY, "weir run: out of memory");
fail:
    for (int i = 0; i < 2; i++) {
        if (to[i] >= 0)
            close(to[i]);
        if (from[i] >= 0)
            close(from[i]);
    }
    return weir_fail(error, WEIR_ERR_IO, "weir run: cannot start it: %s", strerror(errno));
}

double weir_child_rss(const struct weir_child *child, double *peak)
{
    char path[40], line[128];
    double now = 0, most = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)child->pid);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file)) {
        sscanf(line, "VmRSS: %lf", &now);
        sscanf(line, "VmHWM: %lf", &most);
    }
    if (file)
        fclose(file);
    if (peak)
        *peak = most / 1024;
    return now / 1024;
}

weir_err weir_child_end(struct weir_child *child, json_t **account, struct weir_error *error)
{
    int status = 0;
    json_t *read = NULL;
    if (child->packets)
        fclose(child->packets);
    if (child->answer) {
        read = json_loadf(child->answer, 0, NULL);
        fclose(child->answer);
    }
    while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
        ;
    *child = (struct weir_child){0};
    if (account)
        *account = read;
    else
        json_decref(read);
    if (!WIFEXITED(status) || WEXITSTATUS(status) || !read) {
        if (account) {
            json_decref(read);
            *account = NULL;
        }
        return weir_fail(error, WEIR_ERR_MISMATCH, "weir run ended with %s %d", WIFSIGNALED(status) ? "signal" : "exit code",
                         WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    }
    return WEIR_OK;
}
