#include "net/pidfd.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/status.h"

fw_status fw_pidfd_self(int *fd_p) {
    *fd_p = (int)syscall(SYS_pidfd_open, getpid(), 0); /* always CLOEXEC */
    if (*fd_p < 0)
        return fw_fail(FW_UNSUPPORTED,
                       "this system gives no pidfd (Linux 5.3 does, where a container's filter lets it): %s",
                       strerrordesc_np(errno));
    return FW_OK;
}

/* Is pid among the numbers of a line, one for each namespace? */
static bool has_number(const char *line, pid_t pid) {
    char *end;
    for (long number; number = strtol(line, &end, 10), end != line; line = end)
        if (number == pid)
            return true;
    return false;
}

fw_status fw_pidfd_check(int fd, pid_t peer) {
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
    FILE *facts = fopen(path, "re");
    if (!facts)
        return fw_fail_errno(errno, "a receiver's pidfd cannot be looked at in /proc");
    bool is_pidfd = false, other = false;
    long pid = 0;
    while (fgets(line, sizeof line, facts)) {
        if (strncmp(line, "Pid:", 4) == 0) {
            pid = strtol(line + 4, NULL, 10);
            is_pidfd = true;
        } else if (strncmp(line, "NSpid:", 6) == 0) {
            other = peer > 0 && pid > 0 && !has_number(line + 6, peer);
        }
    }
    fclose(facts);
    if (!is_pidfd)
        return fw_fail(FW_INVALID, "what a receiver passed with its token is no pidfd");
    if (other)
        return fw_fail(FW_INVALID, "a receiver passed the pidfd of another process (%ld) than its own (%ld)", pid,
                       (long)peer);
    if (poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 0) != 0)
        return fw_fail(FW_INVALID, "the process whose pidfd a receiver passed is gone");
    return FW_OK;
}
