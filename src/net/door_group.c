#include "net/door_group.h"

#include <errno.h>
#include <grp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/status.h"

#define ENTRY_MAX ((size_t)16 << 20) /* a group with very many members */

static bool by_name(const char *name, gid_t *group_p) {
    struct group entry, *found = NULL;
    int error = ERANGE;
    for (size_t room = 4096; error == ERANGE && room <= ENTRY_MAX; room *= 4) {
        char *texts = malloc(room);
        error = texts ? getgrnam_r(name, &entry, texts, room, &found) : ENOMEM;
        if (found)
            *group_p = entry.gr_gid;
        free(texts);
    }
    return found != NULL;
}

static bool by_number(const char *text, gid_t *group_p) {
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    *group_p = (gid_t)number;
    return !errno && !*end && number < UINT32_MAX; /* the last one means none */
}

fw_status fw_door_group_find(const char *asked, gid_t *group_p) {
    if (!by_name(asked, group_p) && !by_number(asked, group_p))
        return fw_fail(FW_INVALID, "--door-group %s: there is no group of this name; getent group lists them", asked);
    if (*group_p == FW_NOBODY)
        return fw_fail(FW_INVALID, "--door-group %s: anybody of another user namespace seems to be in group %d", asked,
                       FW_NOBODY);
    return FW_OK;
}

bool fw_door_group_has(gid_t group, int socket) {
    struct ucred who;
    socklen_t size = sizeof who;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 && who.gid == group)
        return true;
    gid_t few[64], *groups = few;
    size = sizeof few;
    int result = getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, few, &size);
    if (result && errno == ERANGE) { /* size says what it takes */
        groups = malloc(size);
        result = groups ? getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups, &size) : -1;
    }
    bool has = false;
    for (size_t i = 0; !result && i < size / sizeof *groups; i++)
        has |= groups[i] == group;
    if (groups != few)
        free(groups);
    return has;
}
