#include "net/ipc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/status.h"

enum { LOCK_PATH_MAX = 128 }; /* a Unix socket's path has at most 107 bytes */

static bool lock_path(const char *path, char out[LOCK_PATH_MAX]) {
    return snprintf(out, LOCK_PATH_MAX, "%s.lock", path) < LOCK_PATH_MAX;
}

static fw_status make_folder(const char *path, const char *name) {
    char folder[LOCK_PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (slash == NULL || slash == path || (size_t)(slash - path) >= sizeof folder)
        return FW_OK;
    memcpy(folder, path, (size_t)(slash - path));
    folder[slash - path] = '\0';
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return fw_fail_errno(errno, "%s: the folder %s is missing and cannot be made", name, folder);
    return FW_OK;
}

/* Opens and locks; another may remove the file between the two, so it must still be the one of that name. */
static fw_status take_lock(const char *path, const char *name, int *fd_p) {
    char lock[LOCK_PATH_MAX];
    if (!lock_path(path, lock))
        return fw_fail(FW_INVALID, "%s: the path is too long for a Unix socket", name);
    for (;;) {
        int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
            return fw_fail_errno(errno, "%s: its lock file %s cannot be opened", name, lock);
        if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
            int error = errno;
            close(fd);
            if (error == EWOULDBLOCK)
                return fw_fail(FW_IN_USE, "%s is in use by another program; choose another path", name);
            return fw_fail_errno(error, "%s: its lock file %s cannot be locked", name, lock);
        }
        struct stat mine, named;
        if (fstat(fd, &mine) == 0 && lstat(lock, &named) == 0 && mine.st_dev == named.st_dev &&
            mine.st_ino == named.st_ino) {
            *fd_p = fd;
            return FW_OK;
        }
        close(fd);
    }
}

/* Does somebody listen, who knows nothing of our lock? */
static bool is_alive(const char *path) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof address.sun_path)
        return false;
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return true;
    bool dead = connect(fd, (const struct sockaddr *)&address, sizeof address) != 0 &&
                (errno == ECONNREFUSED || errno == ENOENT);
    close(fd);
    return !dead;
}

static void let_go(const char *path, int *lock_fd_p) {
    char lock[LOCK_PATH_MAX];
    if (lock_path(path, lock))
        unlink(lock);
    close(*lock_fd_p);
    *lock_fd_p = -1;
}

fw_status fw_ipc_claim(const char *path, const char *name, int *lock_fd_p) {
    *lock_fd_p = -1;
    fw_status status = make_folder(path, name);
    if (status == FW_OK)
        status = take_lock(path, name, lock_fd_p);
    if (status != FW_OK)
        return status;

    struct stat there;
    if (lstat(path, &there) != 0) {
        if (errno != ENOENT)
            status = fw_fail_errno(errno, "%s", name);
    } else if (!S_ISSOCK(there.st_mode)) {
        status = fw_fail(FW_IN_USE,
                         "%s: something is there that is no socket, and it is left alone; choose another path", name);
    } else if (is_alive(path)) {
        status = fw_fail(FW_IN_USE, "%s is in use by another program; choose another path", name);
    }
    if (status != FW_OK)
        let_go(path, lock_fd_p);
    return status;
}

void fw_ipc_release(const char *path, int *lock_fd_p) {
    if (*lock_fd_p < 0)
        return;
    unlink(path);
    let_go(path, lock_fd_p);
}
