#include "memory/huge.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define FOLDER "/sys/kernel/mm/transparent_hugepage"

/* A file of words, of which the chosen one stands in brackets. false: there is no such file. */
static bool read_choice(const char *root, const char *name, char *choice, size_t room) {
    char path[PATH_MAX], text[128] = "";
    snprintf(path, sizeof path, "%s" FOLDER "/%s", root, name);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    const char *chosen = fgets(text, sizeof text, file) ? strchr(text, '[') : NULL;
    fclose(file);
    snprintf(choice, room, "%.*s", chosen ? (int)strcspn(chosen + 1, "]") : 0, chosen ? chosen + 1 : "");
    return chosen != NULL;
}

bool fw_huge_transparent(const char *root) {
    char choice[32];
    /* Since Linux 6.11 each size has a say of its own. */
    bool has = read_choice(root, "hugepages-2048kB/shmem_enabled", choice, sizeof choice);
    if (!has || !strcmp(choice, "inherit"))
        has = read_choice(root, "shmem_enabled", choice, sizeof choice);
    return has && strcmp(choice, "never") && strcmp(choice, "deny");
}
