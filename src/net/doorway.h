/* The door's file: a listening Unix socket of a name of its own in the door's folder, with a lock file beside it. */
#ifndef FW_NET_DOORWAY_H
#define FW_NET_DOORWAY_H

#include <limits.h>

#include <framewire/status.h>

#include "net/door_folder.h"

typedef struct fw_doorway {
    char folder[PATH_MAX]; /* for messages */
    char name[FW_DOOR_NAME_MAX];
    char path[FW_DOOR_PATH_MAX];
    int folder_fd, lock_fd;
    int listen_fd; /* SOCK_SEQPACKET; does not wait */
} fw_doorway;

/* Clean away what senders left that are gone, take a name, and listen. folder, group: as in door_folder.h. Who may connect is
 * the kernel's to check: this user, and members of the group.
 * Errors: those of fw_door_folder_make(); self is then closed. */
fw_status fw_doorway_open(const char *folder, gid_t group, fw_doorway *self);

/* Removes the file and its lock. */
void fw_doorway_close(fw_doorway *self);

#endif
