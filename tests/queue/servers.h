/* A real redis-server in a folder of its own, reached through a Unix socket. */
#ifndef WEIR_TESTS_QUEUE_SERVERS_H
#define WEIR_TESTS_QUEUE_SERVERS_H

#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct server {
    char folder[64], socket[96], url[128];
    const char *aof; /* "yes": everything is on the disk before it is answered */
    const char *acl; /* a user, or NULL */
    pid_t process;
};

static inline redisContext *server_ask(const struct server *server)
{
    redisContext *context = redisConnectUnix(server->socket);
    if (context && !context->err)
        return context;
    if (context)
        redisFree(context);
    return NULL;
}

static inline void server_start(struct server *server)
{
    if (!*server->folder) {
        snprintf(server->folder, sizeof server->folder, "/tmp/weir-redis-XXXXXX");
        if (!mkdtemp(server->folder))
            abort();
    }
    snprintf(server->socket, sizeof server->socket, "%s/s", server->folder);
    snprintf(server->url, sizeof server->url, "redis+unix://%s", server->socket);
    unlink(server->socket);
    char file[96];
    snprintf(file, sizeof file, "%s/conf", server->folder);
    FILE *conf = fopen(file, "w");
    if (!conf || (server->acl && fprintf(conf, "user %s\n", server->acl) < 0) || fclose(conf))
        abort();
    server->process = fork();
    if (server->process == 0) {
        const char *aof = server->aof ? server->aof : "no";
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (!freopen("/dev/null", "w", stdout))
            _exit(1);
        execlp("redis-server", "redis-server", file, "--port", "0", "--unixsocket", server->socket, "--dir", server->folder,
               "--save", "", "--appendonly", aof, "--appendfsync", "always", NULL);
        _exit(127);
    }
    for (int i = 0; i < 5000; i++) {
        redisContext *context = server_ask(server);
        redisReply *reply = context ? redisCommand(context, "PING") : NULL;
        bool up = reply && (reply->type == REDIS_REPLY_STATUS || !strncmp(reply->str, "NO", 2));
        if (reply)
            freeReplyObject(reply);
        if (context)
            redisFree(context);
        if (up)
            return;
        usleep(1000);
    }
    fprintf(stderr, "redis-server does not start\n");
    abort();
}

static inline void server_kill(struct server *server)
{
    kill(server->process, SIGKILL);
    waitpid(server->process, NULL, 0);
}

static inline void server_end(struct server *server)
{
    char command[128];
    server_kill(server);
    snprintf(command, sizeof command, "rm -rf '%s'", server->folder);
    if (system(command))
        abort();
}

/* What a command with a number for an answer says. */
static inline long long server_number(const struct server *server, const char *command)
{
    redisContext *context = server_ask(server);
    redisReply *reply = context ? redisCommand(context, command) : NULL;
    long long number = reply && reply->type == REDIS_REPLY_INTEGER ? reply->integer : -1;
    if (reply)
        freeReplyObject(reply);
    if (context)
        redisFree(context);
    return number;
}

#endif
