#include "net/door_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/status.h"

static bool is_own_folder(const char *path) {
    struct stat facts;
    return path[0] == '/' && stat(path, &facts) == 0 && S_ISDIR(facts.st_mode) && facts.st_uid == geteuid();
}

fw_status fw_door_folder_find(const char *asked, char *path, size_t room, bool *own_p) {
    if (!asked || !*asked)
        asked = getenv("FRAMEWIRE_DOOR");
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    int size;
    *own_p = false;
    if (asked && *asked) {
        size = snprintf(path, room, "%s", asked);
    } else {
        *own_p = true;
        /* After su or sudo it may be another user's. */
        if (runtime && *runtime && is_own_folder(runtime))
            size = snprintf(path, room, "%s/framewire", runtime);
        else
            size = snprintf(path, room, "/tmp/framewire-%u", (unsigned)geteuid());
    }
    if (size < 0 || (size_t)size >= room)
        return fw_fail(FW_INVALID, "the door's folder has a path of more than %zu bytes", room - 1);
    return FW_OK;
}

static fw_status open_folder(const char *path, bool own, int how, int *fd_p) {
    /* In /tmp anybody may leave a link of our folder's name. */
    *fd_p = open(path, how | O_DIRECTORY | O_CLOEXEC | (own ? O_NOFOLLOW : 0));
    return *fd_p < 0 ? fw_fail_errno(errno, "the door's folder %s", path) : FW_OK;
}

/* That members of a group may go through it lets them in nowhere: each door has permissions of its own. */
static fw_status check_folder(const char *path, int fd, gid_t group) {
    struct stat facts;
    if (fstat(fd, &facts))
        return fw_fail_errno(errno, "the door's folder %s", path);
    if (facts.st_uid != geteuid())
        return fw_fail(FW_DENIED,
                       "the door's folder %s belongs to another user (%u); say --door FOLDER, with one that is "
                       "this user's (%u)",
                       path, (unsigned)facts.st_uid, (unsigned)geteuid());
    if (facts.st_mode & 067)
        return fw_fail(FW_DENIED,
                       "the door's folder %s is open to other users (mode %04o); chmod 700 closes it, or say "
                       "--door with another",
                       path, (unsigned)facts.st_mode & 07777);
    bool has_group = facts.st_mode & 010;
    if (group == FW_NO_GROUP || (has_group && facts.st_gid == group))
        return FW_OK;
    if (has_group)
        return fw_fail(FW_DENIED,
                       "the door's folder %s is group %u's already; say --door with another folder for --door-group",
                       path, (unsigned)facts.st_gid);
    if (fchown(fd, (uid_t)-1, group) || fchmod(fd, (facts.st_mode & 07777) | 010))
        return fw_fail(FW_DENIED, "the door's folder %s cannot be given to group %u (--door-group): %s", path,
                       (unsigned)group, errno == EPERM ? "this user is not in it" : strerror(errno));
    return FW_OK;
}

fw_status fw_door_folder_make(const char *asked, gid_t group, char *path, int *fd_p) {
    bool own;
    *fd_p = -1;
    fw_status status = fw_door_folder_find(asked, path, PATH_MAX, &own);
    if (status != FW_OK)
        return status;
    if (mkdir(path, 0700) && errno != EEXIST)
        return fw_fail_errno(errno, "the door's folder %s is missing and cannot be made", path);
    status = open_folder(path, own, O_RDONLY, fd_p);
    if (status != FW_OK)
        return status;
    status = check_folder(path, *fd_p, group);
    if (status != FW_OK) {
        close(*fd_p);
        *fd_p = -1;
    }
    return status;
}

fw_status fw_door_folder_open(const char *asked, char *path, int *fd_p) {
    bool own;
    *fd_p = -1;
    fw_status status = fw_door_folder_find(asked, path, PATH_MAX, &own);
    return status == FW_OK ? open_folder(path, own, O_PATH, fd_p) : status;
}

bool fw_door_name_valid(const char *name) {
    size_t size = strlen(name), tail = strlen(".door");
    return size > tail && size < FW_DOOR_NAME_MAX && name[0] != '.' && strcmp(name + size - tail, ".door") == 0 &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == size;
}

void fw_door_path(char path[FW_DOOR_PATH_MAX], int folder_fd, const char *name) {
    snprintf(path, FW_DOOR_PATH_MAX, "/proc/self/fd/%d/%s", folder_fd, name);
}
