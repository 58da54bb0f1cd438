/* Runs a fuzz target over files and folders of seeds, without a fuzzing engine: replay PATH... */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned replayed;

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return 1;
    }
    struct stat info;
    if (fstat(fileno(file), &info)) {
        perror(path);
        fclose(file);
        return 1;
    }
    size_t size = (size_t)info.st_size;
    uint8_t *data = malloc(size ? size : 1); /* exact size, so that a sanitizer sees the first byte read too far */
    int failed = !data || fread(data, 1, size, file) != size;
    if (failed)
        perror(path);
    else
        LLVMFuzzerTestOneInput(data, size);
    replayed++;
    free(data);
    fclose(file);
    return failed;
}

static int replay(const char *path)
{
    struct stat info;
    if (stat(path, &info)) {
        perror(path);
        return 1;
    }
    if (!S_ISDIR(info.st_mode))
        return replay_file(path);
    struct dirent **entry = NULL;
    int n = scandir(path, &entry, NULL, alphasort), failed = n < 0;
    for (int i = 0; i < n; i++) {
        char child[4096];
        if (entry[i]->d_name[0] != '.') {
            snprintf(child, sizeof child, "%s/%s", path, entry[i]->d_name);
            failed |= replay(child);
        }
        free(entry[i]);
    }
    free(entry);
    return failed;
}

int main(int argc, char **argv)
{
    int failed = argc < 2;
    for (int i = 1; i < argc; i++)
        failed |= replay(argv[i]);
    printf("%u inputs replayed\n", replayed);
    return failed || !replayed;
}
