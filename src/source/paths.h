/* Which files: arguments, globs, folders and lists become one run of paths. */
#ifndef FW_SOURCE_PATHS_H
#define FW_SOURCE_PATHS_H

#include <stdbool.h>
#include <stddef.h>

#include "source/lines.h"
#include "source/listing.h"
#include "source/source.h"
#include "source/walk.h"

typedef struct fw_paths {
    fw_listing roots; /* arguments, globs expanded */
    size_t next_root;
    bool relative; /* one folder is all: items are relative to it */
    bool listed;   /* lines are open */
    bool list_used;
    fw_lines lines; /* after the roots */
    bool walking, walk_failed;
    fw_walk walk;   /* of the root or line whose turn it is */
    size_t item_at; /* where an item begins in the walk's paths */
    bool peeked;    /* a step was taken ahead: its status and cause */
    fw_status ahead;
    char ahead_cause[1024];
} fw_paths;

/* Arguments must exist and globs match something; a folder that is all there is must have an image. Errors:
 * FW_NOT_FOUND, FW_DENIED, FW_IO, FW_UNSUPPORTED (a loop over a list in a pipe); nothing is to be closed then. */
fw_status fw_paths_open(fw_paths *self, const char *const *arguments, size_t count, const fw_source_options *options);

/* The next file to try, and its identity before it is made UTF-8; both valid until the next call. FW_END, FW_CLOSED
 * after stop; any other failure is of one input (named in the cause), and the next call goes on. */
fw_status fw_paths_next(fw_paths *self, const char **path_p, const char **item_p);

fw_status fw_paths_rewind(fw_paths *self);

/* Any thread, and signal handlers. */
void fw_paths_stop(fw_paths *self);

void fw_paths_close(fw_paths *self);

#endif
