/* The folder in which doors are found: the same on both sides. */
#ifndef FW_NET_DOOR_FOLDER_H
#define FW_NET_DOOR_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <framewire/status.h>

#define FW_DOOR_NAME_MAX 64 /* bytes of a door's name, with the NUL */
#define FW_DOOR_PATH_MAX 108

/* The folder that was asked for; else FRAMEWIRE_DOOR; else $XDG_RUNTIME_DIR/framewire, where that is this user's folder;
 * else /tmp/framewire-UID. *own_p: it was not chosen by anyone. path has room bytes. FW_INVALID: too long. */
fw_status fw_door_folder_find(const char *asked, char *path, size_t room, bool *own_p);

#define FW_NO_GROUP ((gid_t)-1)

/* Open it for a sender, and make it (0700) if only it is missing. Members of group (FW_NO_GROUP: nobody) are let through it
 * (0710), to doors whose names they know. *path_p, for messages, has PATH_MAX bytes.
 * Errors: FW_DENIED (somebody else's, or open to others; not this user's group), FW_NOT_FOUND, FW_IO, FW_INVALID. */
fw_status fw_door_folder_make(const char *asked, gid_t group, char *path, int *fd_p);

/* Open it for a receiver, who need not be able to list it: it has to be there. Errors as above. */
fw_status fw_door_folder_open(const char *asked, char *path, int *fd_p);

/* Letters, digits, '.', '_' and '-', and ".door" at the end: nothing that leads out of the folder. */
bool fw_door_name_valid(const char *name);

/* A path of at most 107 bytes to a file of the open folder, however long the folder's own is. */
void fw_door_path(char path[FW_DOOR_PATH_MAX], int folder_fd, const char *name);

#endif
