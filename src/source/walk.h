/* A folder's images, subfolders in place, in natural order. Lazy: a folder is read when its turn comes, so memory
 * holds the names of one folder and of those above it. */
#ifndef FW_SOURCE_WALK_H
#define FW_SOURCE_WALK_H

#include <stddef.h>
#include <stdint.h>

#include <framewire/status.h>

#include "base/text.h"
#include "source/listing.h"

typedef struct fw_walk_level {
    fw_listing names;
    size_t next;
    size_t path_size; /* of this folder's own path */
    dev_t device;
    ino_t inode;
} fw_walk_level;

typedef struct fw_walk {
    fw_text path; /* of what next() gave last */
    fw_walk_level *levels;
    size_t depth, room;
    size_t root_size; /* of the path of the folder it began at */
    uint64_t found;   /* files */
} fw_walk;

/* Begin at a folder, whose names are read at once. On failure nothing is to be closed. */
fw_status fw_walk_open(fw_walk *self, const char *folder);

/* self->path is the next file, beginning with the folder as it was given to open. FW_END after the last. Any other
 * failure is of one folder (unreadable, or a link to one that it is in), which self->path names; the walk goes on.
 * Causes are the reason alone. */
fw_status fw_walk_next(fw_walk *self);

void fw_walk_close(fw_walk *self);

#endif
