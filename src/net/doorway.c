#include "net/doorway.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/status.h"
#include "net/ipc.h"

enum { TRIES = 10 };

/* Whatever has a door's name, and nobody who holds its lock or listens: fw_ipc_claim() tells. */
static void clean(const fw_doorway *self) {
    int fd = openat(self->folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
    if (!entries) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        char name[sizeof entry->d_name], path[FW_DOOR_PATH_MAX];
        snprintf(name, sizeof name, "%s", entry->d_name);
        char *lock = strstr(name, ".door.lock");
        if (lock)
            lock[strlen(".door")] = '\0';
        if (!fw_door_name_valid(name))
            continue;
        fw_door_path(path, self->folder_fd, name);
        int lock_fd;
        if (fw_ipc_claim(path, name, &lock_fd) == FW_OK)
            fw_ipc_release(path, &lock_fd);
    }
    closedir(entries);
}

static fw_status claim_name(fw_doorway *self) {
    fw_status status = FW_OK;
    for (int i = 0; i < TRIES; i++) {
        uint64_t random;
        if (getrandom(&random, sizeof random, 0) != sizeof random)
            return fw_fail_errno(errno, "no random numbers");
        snprintf(self->name, sizeof self->name, "%ld-%016llx.door", (long)getpid(), (unsigned long long)random);
        fw_door_path(self->path, self->folder_fd, self->name);
        status = fw_ipc_claim(self->path, self->name, &self->lock_fd);
        if (status != FW_IN_USE) /* another sender cleans up just now */
            break;
    }
    return status;
}

/* The mode of the socket is that of its file. Nobody can connect before it listens. */
static fw_status listen_at(fw_doorway *self, gid_t group) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    memcpy(address.sun_path, self->path, sizeof address.sun_path);
    self->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (self->listen_fd < 0 || fchmod(self->listen_fd, 0600) ||
        bind(self->listen_fd, (const struct sockaddr *)&address, sizeof address) ||
        (group != FW_NO_GROUP && (chown(self->path, (uid_t)-1, group) || chmod(self->path, 0660))) ||
        listen(self->listen_fd, SOMAXCONN))
        return fw_fail_errno(errno, "no door can be opened in %s", self->folder);
    return FW_OK;
}

fw_status fw_doorway_open(const char *folder, gid_t group, fw_doorway *self) {
    *self = (fw_doorway){ .folder_fd = -1, .lock_fd = -1, .listen_fd = -1 };
    fw_status status = fw_door_folder_make(folder, group, self->folder, &self->folder_fd);
    if (status != FW_OK)
        return status;
    clean(self);
    status = claim_name(self);
    if (status == FW_OK)
        status = listen_at(self, group);
    if (status != FW_OK)
        fw_doorway_close(self);
    return status;
}

void fw_doorway_close(fw_doorway *self) {
    if (self->listen_fd >= 0)
        close(self->listen_fd);
    fw_ipc_release(self->path, &self->lock_fd);
    if (self->folder_fd >= 0)
        close(self->folder_fd);
    self->listen_fd = self->folder_fd = -1;
}
