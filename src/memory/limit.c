#include "memory/limit.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

/* What the rest of the program needs beside its frames. */
#define REST ((uint64_t)64 << 20)

/* The number in a file; UINT64_MAX where there is none ("max", or no such file). */
static uint64_t read_number(const char *path) {
    char text[32] = "";
    FILE *file = fopen(path, "re");
    if (!file)
        return UINT64_MAX;
    bool got = fgets(text, sizeof text, file);
    fclose(file);
    return got && *text >= '0' && *text <= '9' ? strtoull(text, NULL, 10) : UINT64_MAX;
}

/* The least limit of a group and all above it. group starts with a slash, and is cut up. */
static uint64_t least_upwards(const char *root, const char *mount, char *group, const char *name) {
    uint64_t least = UINT64_MAX;
    for (;;) {
        char path[PATH_MAX];
        if ((size_t)snprintf(path, sizeof path, "%s%s%s/%s", root, mount, group, name) < sizeof path) {
            uint64_t limit = read_number(path);
            least = limit < least ? limit : least;
        }
        char *slash = strrchr(group, '/');
        if (!slash)
            return least;
        *slash = '\0';
    }
}

/* Is a controller in this list, "cpu,memory"? */
static bool has_memory(char *controllers) {
    char *rest = NULL;
    for (char *each = strtok_r(controllers, ",", &rest); each; each = strtok_r(NULL, ",", &rest))
        if (!strcmp(each, "memory"))
            return true;
    return false;
}

uint64_t fw_memory_limit(const char *root) {
    char path[PATH_MAX], line[PATH_MAX];
    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    FILE *file = fopen(path, "re");
    if (!file)
        return UINT64_MAX;
    uint64_t least = UINT64_MAX;
    while (fgets(line, sizeof line, file)) { /* HIERARCHY:CONTROLLERS:GROUP; version 2 has no controllers */
        line[strcspn(line, "\n")] = '\0';
        char *controllers = strchr(line, ':'), *group = controllers ? strchr(++controllers, ':') : NULL;
        if (!group)
            continue;
        *group++ = '\0';
        uint64_t limit = UINT64_MAX;
        if (!*controllers)
            limit = least_upwards(root, "/sys/fs/cgroup", group, "memory.max");
        else if (has_memory(controllers))
            limit = least_upwards(root, "/sys/fs/cgroup/memory", group, "memory.limit_in_bytes");
        least = limit < least ? limit : least;
    }
    fclose(file);
    return least;
}

void fw_memory_check_budget(const char *root, size_t budget) {
    uint64_t limit = fw_memory_limit(root),
             machine = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t least = limit < machine ? limit : machine;
    if (budget < least && least - budget >= REST)
        return;
    fw_warn(
        "a memory budget of %zu MiB does not fit into the %llu MiB that %s: once it fills up, the system may kill this "
        "program; ask for at most %llu MiB",
        budget >> 20, (unsigned long long)(least >> 20),
        limit < machine ? "this container may use (its cgroup's limit)" : "this machine has",
        (unsigned long long)(least > 2 * REST ? (least - REST) >> 20 : least >> 21));
}
