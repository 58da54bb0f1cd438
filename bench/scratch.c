#include "bench/scratch.h"

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SCRATCH_MAX = 16 };

static const char *scratch[SCRATCH_MAX];
static volatile sig_atomic_t scratch_count;

/* What may be done in a signal's handler: no walk through the folder, but another program. */
static void remove_tree(const char *path)
{
    pid_t child = fork();
    if (child == 0) {
        execl("/bin/rm", "rm", "-rf", "--", path, (char *)NULL);
        _exit(127);
    }
    if (child > 0)
        waitpid(child, NULL, 0);
}

static void remove_all(void)
{
    while (scratch_count > 0) {
        scratch_count--;
        const char *path = scratch[scratch_count];
        if (unlink(path) && rmdir(path) && errno == ENOTEMPTY)
            remove_tree(path);
    }
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info;
    (void)kind;
    (void)walk;
    return remove(path);
}

void weir_scratch_clear(const char *folder)
{
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void on_signal(int number)
{
    remove_all();
    raise(number); /* the handler was for once: now it ends the process, so that the caller sees why */
}

void weir_scratch_add(const char *path)
{
    if (scratch_count == SCRATCH_MAX)
        return;
    scratch[scratch_count] = path;
    scratch_count++;
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

void weir_scratch_remove(void)
{
    remove_all();
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
}
