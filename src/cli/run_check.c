#include "cli/run_check.h"

#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <net/if.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "capture/filter.h"
#include "cli/role.h"
#include "cli/run_plan.h"
#include "queue/url.h"
#include "store/folder.h"

enum { LINKTYPE_ETHERNET = 1 };

struct checked {
    const struct weir_run_options *o;
    struct weir_problems *problems;
    bool other_user; /* will run as somebody else: what this user may do says nothing */
};

static void wrong(const struct checked *c, const char *name, const char *value, const char *why, const char *remedy)
{
    weir_problem(c->problems, WEIR_ERR_NOT_FOUND, "%s %s: %s; %s", weir_run_options_place(c->o, name).text, value, why, remedy);
}

static void check_user(struct checked *c)
{
    const char *name = c->o->user;
    if (!name)
        return;
    const struct passwd *user = getpwnam(name);
    c->other_user = true;
    if (!user)
        wrong(c, "user", name, "there is no such user", "give the name of a user of this system");
    else if (user->pw_uid == geteuid())
        c->other_user = false;
    else if (geteuid() != 0)
        weir_log(WEIR_LOG_WARNING, "%s %s: only root can change to another user; start weir as root or as %s",
                 weir_run_options_place(c->o, "user").text, name, name);
}

static bool may(const struct checked *c, const char *path, int how)
{
    return c->other_user || access(path, how) == 0;
}

/* The folder that `path` lies in, or is to lie in, is there and can be written. */
static void check_folder_of(const struct checked *c, const char *name, const char *path)
{
    char copy[PATH_MAX], why[PATH_MAX + 64];
    struct stat st;
    if (strlen(path) >= sizeof copy) {
        wrong(c, name, path, "the path is too long", "give a shorter one");
        return;
    }
    const char *folder = dirname(strcpy(copy, path)); /* of "days/" it is the folder above */
    if (stat(folder, &st)) {
        snprintf(why, sizeof why, "folder %s: %s", folder, strerror(errno));
        wrong(c, name, path, why, "make the folder, or give another place");
    } else if (!S_ISDIR(st.st_mode)) {
        snprintf(why, sizeof why, "%s is no folder", folder);
        wrong(c, name, path, why, "give another place");
    } else if (!may(c, folder, W_OK | X_OK)) {
        snprintf(why, sizeof why, "this user may not write to folder %s", folder);
        wrong(c, name, path, why, "give another place, or check as the user that will run weir");
    }
}

static void check_output(const struct checked *c, const char *name, const char *path)
{
    struct stat st;
    if (!path || !strcmp(path, "-"))
        return;
    if (stat(path, &st))
        check_folder_of(c, name, path);
    else if (S_ISDIR(st.st_mode))
        wrong(c, name, path, "is a folder", "give the name of a file");
    else if (!may(c, path, W_OK))
        wrong(c, name, path, "this user may not write it", "give another place, or check as the user that will run weir");
}

static void check_store(const struct checked *c)
{
    const char *path = c->o->store;
    struct stat st;
    if (!path)
        return;
    if (!weir_folder_is(path))
        check_output(c, "store", path);
    else if (stat(path, &st))
        check_folder_of(c, "store", path);
    else if (!S_ISDIR(st.st_mode))
        wrong(c, "store", path, "is no folder", "take the / from its end, or give another place");
    else if (!may(c, path, W_OK | X_OK))
        wrong(c, "store", path, "this user may not write there", "give another place, or check as the user that will run weir");
}

static void check_control(const struct checked *c)
{
    const char *path = c->o->control;
    if (!path || !strcmp(path, "none"))
        return;
    if (strlen(path) >= sizeof((struct sockaddr_un *)NULL)->sun_path)
        wrong(c, "control", path, "the path of a socket has at most 107 bytes", "give a shorter one");
    else
        check_folder_of(c, "control", path);
}

static void check_link(const struct checked *c)
{
    const struct weir_queue_options *link = &c->o->link;
    struct stat st;
    if (link->state && strcmp(link->state, "none") != 0 && stat(link->state, &st))
        check_folder_of(c, "state", link->state);
    else if (link->state && strcmp(link->state, "none") != 0 && !S_ISDIR(st.st_mode))
        wrong(c, "state", link->state, "is no folder", "give another place");
    else if (link->state && strcmp(link->state, "none") != 0 && !may(c, link->state, W_OK | X_OK))
        wrong(c, "state", link->state, "this user may not write there",
              "give another place, or check as the user that will run weir");
    const struct weir_transport_config keys = weir_queue_options_transport(link, NULL);
    if (!c->other_user || geteuid() == 0)
        weir_role_check_keys(&keys, c->problems);
}

/* As it is compiled for interfaces; most are Ethernet's. */
static void check_filter(const struct checked *c)
{
    struct weir_error error = {0};
    struct weir_filter *filter = NULL;
    if (weir_filter_open(c->o->tap.filter, &filter, &error) != WEIR_OK ||
        weir_filter_select(filter, LINKTYPE_ETHERNET, &error) != WEIR_OK)
        weir_problem(c->problems, WEIR_ERR_MISMATCH, "%s: %s", weir_run_options_place(c->o, "filter").text, error.text);
    weir_filter_close(&filter);
}

static void check_interfaces(const struct checked *c)
{
    const struct weir_strings *names = &c->o->tap.interface;
    for (size_t i = 0; i < names->count; i++)
        if (!if_nametoindex(names->item[i]))
            weir_log(WEIR_LOG_WARNING, "%s %s: there is no such interface now; `ip link` lists them",
                     weir_run_options_place(c->o, "interface").text, names->item[i]);
    if (c->o->tap.filter)
        check_filter(c);
}

/* Reads the headers, then compiles the filter for what they say; pipes are left alone. */
static void check_files(const struct checked *c)
{
    struct weir_error error = {0};
    struct weir_source_config config = weir_tap_options_source(&c->o->tap);
    struct weir_source *source = NULL;
    config.filter = NULL;
    const char *name = "read";
    weir_err code = weir_source_open(&config, &source, &error);
    weir_source_close(&source);
    if (code == WEIR_OK && c->o->tap.filter) {
        config.filter = c->o->tap.filter;
        name = "filter";
        code = weir_source_open(&config, &source, &error);
        weir_source_close(&source);
    }
    if (code != WEIR_OK)
        weir_problem(c->problems, WEIR_ERR_MISMATCH, "%s: %s", weir_run_options_place(c->o, name).text, error.text);
}

/* Opens the input as the run would: a regular file's first line must be good. */
static void check_ingest(const struct checked *c, const struct weir_run_plan *plan)
{
    struct weir_error error = {0};
    weir_err code = weir_run_check_input(&plan->config, &error);
    if (code != WEIR_OK)
        weir_problem(c->problems, code == WEIR_ERR_ARGUMENT ? code : WEIR_ERR_MISMATCH, "%s: %s",
                     weir_run_options_place(c->o, "flows").text, error.text);
}

static void print_store(const struct weir_run_options *o)
{
    printf("store     %s%s", o->store, access(o->store, F_OK) ? " (new)" : weir_folder_is(o->store) ? "" : " (appended to)");
    if (o->rotate_bytes)
        printf("; a file has %.0f MB", (double)o->rotate_bytes / 1e6);
    if (o->retention.days)
        printf("; kept for %" PRId64 " days", o->retention.days);
    if (o->retention.bytes)
        printf("; kept up to %.0f MB", (double)o->retention.bytes / 1e6);
    printf("\neve       %s\n", o->eve);
}

static void print(const struct weir_run_options *o, const struct weir_run_plan *plan)
{
    const struct weir_source_config *source = &plan->config.source;
    char text[32];
    printf("ok\n%s   %s", plan->config.ingest.input ? "records" : "packets",
           plan->config.ingest.input ? plan->config.ingest.input : "");
    for (unsigned p = 0; p < source->ports; p++) {
        printf("%s%s",
               p                      ? ", "
               : source->interface[0] ? "interface "
                                      : "file ",
               source->interface[0] ? source->interface[p] : source->files[p][0]);
        if (source->file_count[p] > 1)
            printf(" and %zu more", source->file_count[p] - 1);
        if (source->ports > 1)
            printf(" (port %c)", "AB"[p]);
    }
    if (source->filter)
        printf("; filter \"%s\"", source->filter);
    struct weir_url queue = {0}; /* its text is without the password */
    if (!o->store)
        weir_url_parse(o->queue, &queue, NULL);
    size_t columns = plan->config.columns ? plan->config.column_count : weir_model_columns(plan->model, NULL);
    if (plan->model)
        printf("\nmodel     %s (%s)\nthreshold %g", weir_model_label(plan->model), plan->model_path,
               (double)weir_model_threshold(plan->model));
    printf("\nfeatures  %s, %zu columns\nthreads   %" PRIu64 " lanes", plan->config.view->name, columns, o->lanes);
    if (o->store)
        printf(", %" PRIu64 " workers", o->workers);
    printf("\nbatches   %u rows, at most %s old", plan->config.batch_rows, weir_duration_text(plan->config.max_delay_ns, text));
    if (o->budget_ms)
        printf(", verdicts out in %" PRIu64 "ms", o->budget_ms);
    printf("\nflows     %" PRIu64 "\n", o->ingest.flows.room);
    if (o->store)
        print_store(o);
    else
        printf("queue     %s%s%s\nstate     %s\n", queue.text, o->link.results ? ", results " : "",
               o->link.results ? o->link.results : "", o->link.state ? o->link.state : "the usual folder");
    printf("control   %s\n", o->control ? o->control : "under the runtime folder");
    if (o->user)
        printf("user      %s\n", o->user);
}

void weir_run_check_options(const struct weir_run_options *o, struct weir_problems *problems)
{
    struct checked c = {.o = o, .problems = problems};
    struct weir_run_plan plan;
    check_user(&c);
    weir_run_plan_make(o, &plan, problems);
    if (o->ingest.flows.input && !problems->count)
        check_ingest(&c, &plan);
    else if (o->tap.ports)
        check_files(&c);
    else
        check_interfaces(&c);
    check_link(&c);
    check_store(&c);
    check_output(&c, "eve", o->eve);
    check_output(&c, "account", o->account);
    check_control(&c);
    if (!problems->count)
        print(o, &plan);
    weir_run_plan_free(&plan);
}
