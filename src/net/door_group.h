/* The group whose members a door lets in, beside its own user (--door-group). */
#ifndef FW_NET_DOOR_GROUP_H
#define FW_NET_DOOR_GROUP_H

#include <stdbool.h>
#include <sys/types.h>

#include <framewire/status.h>

/* The user and group as which the kernel shows those that this user namespace does not know. */
#define FW_NOBODY 65534

/* By name or number. FW_INVALID: there is no such group, or anybody may seem to be in it. */
fw_status fw_door_group_find(const char *asked, gid_t *group_p);

/* Was who connected this Unix socket in the group, as the kernel knows it: as its first or as a further one? */
bool fw_door_group_has(gid_t group, int socket);

#endif
