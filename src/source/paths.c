#include "source/paths.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/status.h"
#include "base/text.h"

static int warn_of_folder(const char *path, int error) {
    fw_fail_errno(error, "%s: its names are not matched", path);
    fw_warn("%s", fw_cause());
    return 0;
}

static fw_status add_glob(fw_paths *self, const char *pattern) {
    glob_t found = { 0 };
    size_t first = self->roots.count;
    fw_status status = FW_OK;
    int result = glob(pattern, GLOB_NOSORT, warn_of_folder, &found);
    if (result == GLOB_NOMATCH)
        status = fw_fail(FW_NOT_FOUND, "%s: no file matches", pattern);
    else if (result != 0)
        status = fw_fail(FW_NO_MEMORY, "%s: no memory to match it", pattern);
    for (size_t i = 0; status == FW_OK && i < found.gl_pathc; i++)
        status = fw_listing_add(&self->roots, FW_ENTRY_UNKNOWN, found.gl_pathv[i]);
    globfree(&found);
    fw_listing_sort(&self->roots, first);
    return status;
}

static fw_status add_argument(fw_paths *self, const char *path) {
    struct stat info;
    if (*path == '\0')
        return fw_fail(FW_INVALID, "a source is the empty text; name a file, a folder or a glob");
    if (stat(path, &info) == 0)
        return fw_listing_add(&self->roots, FW_ENTRY_UNKNOWN, path);
    if ((errno == ENOENT || errno == ENAMETOOLONG) && strpbrk(path, "*?[") != NULL) {
        self->relative = false;
        return add_glob(self, path);
    }
    if (errno == ENOENT && lstat(path, &info) == 0)
        return fw_fail(FW_NOT_FOUND, "%s: a link to a file that does not exist", path);
    return fw_fail_errno(errno, "%s", path);
}

static bool is_folder(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static fw_status no_images(const char *folder) {
    fw_text known = { 0 };
    for (const fw_codec *const *codec = fw_codecs; *codec != NULL; codec++)
        for (const char *const *extension = (*codec)->extensions; *extension != NULL; extension++)
            fw_text_format(&known, "%s.%s", known.size == 0 ? "" : " ", *extension);
    fw_status status = fw_fail(FW_NOT_FOUND, "%s: no images in it (known: %s)", folder, known.failed ? "" : known.data);
    free(known.data);
    return status;
}

static void begin_again(fw_paths *self) {
    if (self->walking)
        fw_walk_close(&self->walk);
    self->walking = self->list_used = false;
    self->next_root = 0;
}

/* One folder alone: its first step is taken now, so that a folder without images fails at once. */
static fw_status look_ahead(fw_paths *self) {
    const char *path, *item;
    self->ahead = fw_paths_next(self, &path, &item);
    if (self->ahead != FW_OK && !self->walking)
        return self->ahead;
    self->peeked = true;
    if (self->ahead != FW_OK)
        snprintf(self->ahead_cause, sizeof self->ahead_cause, "%s", fw_cause());
    return FW_OK;
}

fw_status fw_paths_open(fw_paths *self, const char *const *arguments, size_t count, const fw_source_options *options) {
    memset(self, 0, sizeof *self);
    self->relative = count == 1 && options->list == NULL;
    fw_status status = FW_OK;
    for (size_t i = 0; i < count && status == FW_OK; i++)
        status = add_argument(self, arguments[i]);
    if (status == FW_OK && options->list != NULL) {
        status = fw_lines_open(&self->lines, options->list);
        self->listed = status == FW_OK;
        if (status == FW_OK && options->loop > 1)
            status = fw_lines_rewind(&self->lines);
    }
    if (status == FW_OK && self->relative && is_folder(fw_listing_name(&self->roots, 0)))
        status = look_ahead(self);
    if (status != FW_OK)
        fw_paths_close(self);
    return status;
}

static fw_status next_in_folder(fw_paths *self, const char **path_p, const char **item_p) {
    fw_status status = fw_walk_next(&self->walk);
    if (status == FW_OK) {
        *path_p = self->walk.path.data;
        *item_p = self->walk.path.data + self->item_at;
    } else if (status != FW_END) {
        self->walk_failed = true;
        fw_fail(status, "%s: not taken: %s", self->walk.path.data, fw_cause());
    }
    return status;
}

/* FW_OK: on to the next root. */
static fw_status end_folder(fw_paths *self) {
    fw_walk *walk = &self->walk;
    walk->path.data[walk->root_size] = '\0';
    fw_status status = walk->found == 0 && !self->walk_failed ? no_images(walk->path.data) : FW_OK;
    fw_walk_close(walk);
    self->walking = false;
    return status;
}

/* The argument or line whose turn it is; valid until the next call. */
static fw_status next_root(fw_paths *self, const char **root_p) {
    if (self->next_root < self->roots.count) {
        *root_p = fw_listing_name(&self->roots, self->next_root++);
        return FW_OK;
    }
    if (!self->listed)
        return FW_END;
    fw_status status = fw_lines_next(&self->lines, root_p);
    if (status == FW_END && !self->list_used)
        status = fw_fail(FW_NOT_FOUND, "the list names no file");
    self->list_used = true;
    return status;
}

fw_status fw_paths_next(fw_paths *self, const char **path_p, const char **item_p) {
    if (self->peeked) {
        self->peeked = false;
        *path_p = self->walk.path.data;
        *item_p = self->walk.path.data + self->item_at;
        return self->ahead == FW_OK ? FW_OK : fw_fail(self->ahead, "%s", self->ahead_cause);
    }
    for (;;) {
        fw_status status;
        if (self->walking) {
            status = next_in_folder(self, path_p, item_p);
            if (status != FW_END)
                return status;
            status = end_folder(self);
            if (status != FW_OK)
                return status;
            continue;
        }
        const char *root = NULL;
        status = next_root(self, &root);
        if (status != FW_OK)
            return status;
        if (!is_folder(root)) {
            *path_p = *item_p = root;
            return FW_OK;
        }
        status = fw_walk_open(&self->walk, root);
        if (status != FW_OK)
            return fw_fail(status, "%s: not taken: %s", root, fw_cause());
        self->walking = true;
        self->walk_failed = false;
        size_t size = strlen(root);
        self->item_at = self->relative ? size + (root[size - 1] != '/') : 0;
    }
}

fw_status fw_paths_rewind(fw_paths *self) {
    begin_again(self);
    return self->listed ? fw_lines_rewind(&self->lines) : FW_OK;
}

void fw_paths_stop(fw_paths *self) {
    if (self->listed)
        fw_lines_stop(&self->lines);
}

void fw_paths_close(fw_paths *self) {
    begin_again(self);
    if (self->listed)
        fw_lines_close(&self->lines);
    self->listed = false;
    fw_listing_free(&self->roots);
}
