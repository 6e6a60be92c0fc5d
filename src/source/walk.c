#include "source/walk.h"

#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "image/codec.h"

/* Go down into the folder that self->path names. */
static fw_status enter(fw_walk *self) {
    if (self->depth == self->room) {
        size_t room = self->room == 0 ? 8 : self->room * 2;
        fw_walk_level *levels = reallocarray(self->levels, room, sizeof *levels);
        if (levels == NULL)
            return fw_fail(FW_NO_MEMORY, "no memory for a folder");
        self->levels = levels;
        self->room = room;
    }
    struct stat info;
    fw_walk_level level = { .path_size = self->path.size };
    fw_status status = fw_listing_read(&level.names, self->path.data, &info);
    for (size_t i = 0; i < self->depth && status == FW_OK; i++)
        if (self->levels[i].device == info.st_dev && self->levels[i].inode == info.st_ino)
            status = fw_fail(FW_BAD_INPUT, "a loop of links: it is the folder %.*s again",
                             (int)self->levels[i].path_size, self->path.data);
    if (status != FW_OK) {
        fw_listing_free(&level.names);
        return status;
    }
    level.device = info.st_dev;
    level.inode = info.st_ino;
    self->levels[self->depth++] = level;
    return FW_OK;
}

fw_status fw_walk_open(fw_walk *self, const char *folder) {
    *self = (fw_walk){ 0 };
    fw_text_add(&self->path, folder, strlen(folder));
    self->root_size = self->path.size;
    fw_status status = self->path.failed ? fw_fail(FW_NO_MEMORY, "no memory for a path") : enter(self);
    if (status != FW_OK)
        fw_walk_close(self);
    return status;
}

static fw_entry_kind look(const fw_walk *self) {
    struct stat info;
    if (stat(self->path.data, &info) == 0 && S_ISDIR(info.st_mode))
        return FW_ENTRY_FOLDER;
    return fw_codec_has_extension(self->path.data) ? FW_ENTRY_FILE : FW_ENTRY_UNKNOWN;
}

fw_status fw_walk_next(fw_walk *self) {
    while (self->depth > 0) {
        fw_walk_level *level = &self->levels[self->depth - 1];
        if (level->next == level->names.count) {
            fw_listing_free(&level->names);
            self->depth--;
            continue;
        }
        const char *name = fw_listing_name(&level->names, level->next);
        fw_entry_kind kind = fw_listing_kind(&level->names, level->next++);
        self->path.size = level->path_size;
        if (self->path.data[self->path.size - 1] != '/')
            fw_text_add(&self->path, "/", 1);
        fw_text_add(&self->path, name, strlen(name));
        if (self->path.failed) {
            self->path.failed = false;
            self->path.data[level->path_size] = '\0';
            return fw_fail(FW_NO_MEMORY, "no memory for a path");
        }
        if (kind == FW_ENTRY_UNKNOWN)
            kind = look(self);
        if (kind == FW_ENTRY_FILE) {
            self->found++;
            return FW_OK;
        }
        fw_status status = kind == FW_ENTRY_FOLDER ? enter(self) : FW_OK;
        if (status != FW_OK)
            return status;
    }
    return FW_END;
}

void fw_walk_close(fw_walk *self) {
    while (self->depth > 0)
        fw_listing_free(&self->levels[--self->depth].names);
    free(self->levels);
    free(self->path.data);
    *self = (fw_walk){ 0 };
}
