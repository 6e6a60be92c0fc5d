#include "base/host.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

void fw_boot_id(char *out, size_t room) {
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    if (file == NULL || fgets(out, (int)room, file) == NULL)
        out[0] = '\0';
    out[strcspn(out, "\n")] = '\0';
    if (file != NULL)
        fclose(file);
}

void fw_process_name(char *out, size_t room) {
    char host[200];
    if (gethostname(host, sizeof host) != 0)
        host[0] = '\0';
    host[sizeof host - 1] = '\0';
    snprintf(out, room, "%s/%d", host, (int)getpid());
}
