#include "pipeline/tally.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"

static const char magic[8] = "weirtal1";

/* `begun` is the number of puts that were begun, `done` of those that were done: at most one less. put[n % 2] is the n-th, so
 * what the last done one says stays while the next one is written. */
struct page {
    char magic[8], machine[40];
    uint8_t sensor[16];
    uint64_t boot;
    atomic_uint_fast64_t begun, done;
    struct {
        atomic_uint_fast64_t before, rows, seq, lane; /* rows put before this one; its own */
    } put[2];
    struct weir_tally_lane lane[WEIR_TALLY_LANES];
};

struct weir_tally {
    struct page *page;
    char path[PATH_MAX];
};

static bool path_of(const char *folder, uint64_t boot, char path[static PATH_MAX])
{
    return snprintf(path, PATH_MAX, "%s/tally.%" PRIu64, folder, boot) < PATH_MAX;
}

/* This boot of the machine; "" when the kernel does not say. */
static void machine_boot(char out[static 40])
{
    memset(out, 0, 40);
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    if (!file)
        return;
    if (fscanf(file, "%36[0-9a-f-]", out) != 1)
        *out = 0;
    fclose(file);
}

weir_err weir_tally_open(const char *folder, const uint8_t sensor[16], uint64_t boot, struct weir_tally **out,
                         struct weir_error *error)
{
    struct weir_tally *tally = *out = calloc(1, sizeof *tally);
    int fd = -1;
    weir_err code = WEIR_OK;
    if (!tally)
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    if (!path_of(folder, boot, tally->path)) {
        *tally->path = 0;
        code = weir_fail(error, WEIR_ERR_LIMIT, "%s: the name is too long", folder);
        goto out;
    }
    fd = open(tally->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    /* a page that the disk has no room for would end the process when it is written to */
    if (fd < 0 || (errno = posix_fallocate(fd, 0, sizeof *tally->page)) ||
        (tally->page = mmap(NULL, sizeof *tally->page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)) == MAP_FAILED) {
        tally->page = NULL;
        code = weir_file_fail(error, tally->path, "write it");
        goto out;
    }
    struct page *page = tally->page;
    machine_boot(page->machine);
    memcpy(page->sensor, sensor, sizeof page->sensor);
    page->boot = boot;
    atomic_thread_fence(memory_order_release);
    memcpy(page->magic, magic, sizeof magic);
out:
    if (fd >= 0)
        close(fd);
    if (code != WEIR_OK)
        weir_tally_close(out, true);
    return code;
}

void weir_tally_close(struct weir_tally **tally, bool ended)
{
    if (!tally || !*tally)
        return;
    if ((*tally)->page)
        munmap((*tally)->page, sizeof *(*tally)->page);
    if (ended && *(*tally)->path)
        unlink((*tally)->path);
    free(*tally);
    *tally = NULL;
}

struct weir_tally_lane *weir_tally_lane(struct weir_tally *tally, uint32_t lane)
{
    return tally && lane < WEIR_TALLY_LANES ? &tally->page->lane[lane] : NULL;
}

void weir_tally_begin(struct weir_tally *tally, uint32_t lane, uint64_t seq, uint16_t rows)
{
    if (!tally)
        return;
    struct page *page = tally->page;
    uint64_t done = atomic_load_explicit(&page->done, memory_order_relaxed), last = done % 2, next = (done + 1) % 2;
    uint64_t before = atomic_load_explicit(&page->put[last].before, memory_order_relaxed) +
                      atomic_load_explicit(&page->put[last].rows, memory_order_relaxed);
    atomic_store_explicit(&page->put[next].before, before, memory_order_release);
    atomic_store_explicit(&page->put[next].rows, rows, memory_order_release);
    atomic_store_explicit(&page->put[next].seq, seq, memory_order_release);
    atomic_store_explicit(&page->put[next].lane, lane, memory_order_release);
    atomic_store_explicit(&page->begun, done + 1, memory_order_release);
}

void weir_tally_done(struct weir_tally *tally)
{
    if (tally)
        atomic_store_explicit(&tally->page->done, atomic_load_explicit(&tally->page->begun, memory_order_relaxed),
                              memory_order_release);
}

bool weir_tally_read(const char *folder, const uint8_t sensor[16], uint64_t boot, struct weir_tally_left *out)
{
    char path[PATH_MAX], machine[40];
    struct page page;
    if (!path_of(folder, boot, path))
        return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return false;
    bool whole = read(fd, &page, sizeof page) == (ssize_t)sizeof page;
    close(fd);
    machine_boot(machine);
    uint64_t begun = whole ? atomic_load(&page.begun) : 0, done = whole ? atomic_load(&page.done) : 0;
    if (!whole || memcmp(page.magic, magic, sizeof magic) != 0 || memcmp(page.sensor, sensor, sizeof page.sensor) != 0 ||
        page.boot != boot || !*machine || memcmp(page.machine, machine, sizeof machine) != 0 || begun - done > 1)
        return false;
    *out = (struct weir_tally_left){0};
    for (size_t i = 0; i < WEIR_TALLY_LANES; i++) {
        out->rows += atomic_load(&page.lane[i].rows);
        out->flows += atomic_load(&page.lane[i].flows);
    }
    out->accepted = atomic_load(&page.put[done % 2].before) + atomic_load(&page.put[done % 2].rows);
    if (begun != done) {
        out->doubt_rows = atomic_load(&page.put[begun % 2].rows);
        out->doubt_seq = atomic_load(&page.put[begun % 2].seq);
        out->doubt_lane = (uint32_t)atomic_load(&page.put[begun % 2].lane);
    }
    return out->accepted <= out->rows && out->doubt_rows <= out->rows - out->accepted;
}

void weir_tally_remove(const char *folder, uint64_t boot)
{
    char path[PATH_MAX];
    if (path_of(folder, boot, path))
        unlink(path);
}
