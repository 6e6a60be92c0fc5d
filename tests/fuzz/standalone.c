/* Replays files, and all files of folders, through a fuzz target: fuzz_header crash-1 seeds/header */
#include "fuzz.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

static int replay_file(const char *path, size_t size) {
    FILE *file = fopen(path, "rb");
    /* Exactly as many bytes as there are, so that a sanitizer sees a read beyond them. */
    uint8_t *data = malloc(size ? size : 1);
    int failed = !file || !data || fread(data, 1, size, file) != size;
    if (failed)
        perror(path);
    else
        LLVMFuzzerTestOneInput(data, size);
    free(data);
    if (file)
        fclose(file);
    return failed;
}

static int replay(const char *path);

static int replay_folder(const char *path) {
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, alphasort), failed = count < 0;
    for (int i = 0; i < count; i++) {
        char inner[4096];
        if (entries[i]->d_name[0] != '.' &&
            (size_t)snprintf(inner, sizeof inner, "%s/%s", path, entries[i]->d_name) < sizeof inner)
            failed |= replay(inner);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    return failed;
}

static int replay(const char *path) {
    struct stat facts;
    if (stat(path, &facts)) {
        perror(path);
        return 1;
    }
    return S_ISDIR(facts.st_mode) ? replay_folder(path) : replay_file(path, (size_t)facts.st_size);
}

int main(int argc, char **argv) {
    int failed = 0;
    for (int i = 1; i < argc; i++)
        failed |= argv[i][0] == '-' ? 0 : replay(argv[i]); /* libFuzzer's options mean nothing here */
    return failed;
}
