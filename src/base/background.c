#include "base/background.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

enum { LOWEST = 19 };

struct task {
    void (*work)(void *argument);
    void *argument;
};

static void *run(void *argument)
{
    const struct task *task = argument;
    setpriority(PRIO_PROCESS, (id_t)gettid(), LOWEST); /* on Linux of this thread alone; no way back without rights */
    task->work(task->argument);
    return NULL;
}

void weir_background_run(void (*work)(void *argument), void *argument)
{
    struct task task = {work, argument};
    pthread_t thread;
    if (pthread_create(&thread, NULL, run, &task))
        work(argument);
    else
        pthread_join(thread, NULL);
}
