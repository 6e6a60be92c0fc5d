#include "source/source.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "base/text.h"
#include "source/registry.h"

/* One of the sources that were named. All paths together are one of fw_source_files. */
typedef struct source_part {
    const fw_source_class *kind;
    void *state;
    fw_spec spec;
} source_part;

struct fw_source {
    source_part *parts;
    size_t count;
    size_t current;
    uint64_t loops;  /* to go through; FW_LOOP_FOREVER */
    uint64_t loop;   /* of these are done */
    uint64_t number; /* of the next item */
    bool useful;     /* this loop gave an item that is no failure */
    bool ended;
    atomic_bool stopped;
    char stream[129];
};

/* "photos/2024/" -> "2024", "a/b.jpg" -> "b", "photos/x*.png" -> "photos", "test:bars" -> "test". */
static void name_stream(char *out, const char *argument, const fw_source_class *kind) {
    char *cwd = NULL;
    const char *text = kind == &fw_source_files ? fw_source_path(argument) : kind->info.scheme;
    size_t size = strlen(text);
    if (kind == &fw_source_files) {
        if (strcmp(text, ".") == 0 || strcmp(text, "./") == 0) {
            cwd = realpath(".", NULL);
            text = cwd != NULL ? cwd : "files";
            size = strlen(text);
        }
        size_t wild = strcspn(text, "*?["); /* of a glob, the folder before its first wild part */
        while (wild < size && wild > 0 && text[wild - 1] != '/')
            wild--;
        size = wild < size ? wild : size;
        while (size > 0 && text[size - 1] == '/')
            size--;
        size_t begin = size, dot = 0;
        while (begin > 0 && text[begin - 1] != '/')
            begin--;
        text += begin;
        size -= begin;
        for (size_t i = 1; i < size; i++)
            dot = text[i] == '.' ? i : dot;
        size = dot > 0 && fw_codec_has_extension(text) ? dot : size;
    }
    size_t used = 0;
    for (size_t i = 0; i < size && used < 128; i++)
        out[used++] = (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? '_' : text[i];
    while (used > 0 && !fw_stream_name_valid(out, used))
        used--;
    strcpy(out + used, used > 0 ? "" : "files");
    free(cwd);
}

static source_part *find_part(fw_source *self, const fw_source_class *kind) {
    for (size_t i = 0; i < self->count; i++)
        if (self->parts[i].kind == kind)
            return &self->parts[i];
    return NULL;
}

/* The parts in the order of their first arguments; paths[] gets what the files part will be given. */
static fw_status gather(fw_source *self, const char *const *arguments, size_t count, const fw_source_options *options,
                        const char **paths, size_t *path_count_p) {
    for (size_t i = 0; i < count; i++) {
        source_part part = { 0 };
        fw_status status = fw_source_resolve(arguments[i], &part.kind, &part.spec);
        if (status != FW_OK)
            return status;
        if (i == 0)
            name_stream(self->stream, arguments[0], part.kind);
        if (part.kind == &fw_source_files)
            paths[(*path_count_p)++] = fw_source_path(arguments[i]);
        if (part.kind != &fw_source_files || find_part(self, part.kind) == NULL)
            self->parts[self->count++] = part;
    }
    if (count == 0)
        name_stream(self->stream, strcmp(options->list, "-") == 0 ? "list" : options->list, &fw_source_files);
    if (options->list != NULL && find_part(self, &fw_source_files) == NULL)
        self->parts[self->count++].kind = &fw_source_files;
    return FW_OK;
}

static fw_status open_parts(fw_source *self, const char *const *arguments, size_t count,
                            const fw_source_options *options) {
    const char **paths = calloc(count + 1, sizeof *paths);
    size_t path_count = 0;
    self->parts = calloc(count + 1, sizeof *self->parts);
    fw_status status = paths == NULL || self->parts == NULL
                           ? fw_fail(FW_NO_MEMORY, "no memory for %zu sources", count)
                           : gather(self, arguments, count, options, paths, &path_count);
    for (size_t i = 0; i < self->count && status == FW_OK; i++) {
        source_part *part = &self->parts[i];
        fw_source_request request = { .options = options };
        if (part->kind == &fw_source_files) {
            request.arguments = paths;
            request.count = path_count;
        } else {
            request.spec = &part->spec;
        }
        status = part->kind->open(&request, &part->state);
    }
    free(paths);
    return status;
}

fw_status fw_source_open(const char *const *arguments, size_t count, const fw_source_options *options,
                         fw_source **self_p) {
    static const fw_source_options defaults = { 0 };
    *self_p = NULL;
    if (options == NULL)
        options = &defaults;
    if (count == 0 && options->list == NULL)
        return fw_fail(FW_INVALID, "no source: name a file, a folder, a glob, or a pattern such as test:bars");
    fw_source *self = calloc(1, sizeof *self);
    if (self == NULL)
        return fw_fail(FW_NO_MEMORY, "no memory for a source");
    self->loops = options->loop == 0 ? 1 : options->loop;
    fw_status status = open_parts(self, arguments, count, options);
    if (status != FW_OK)
        fw_source_close(&self);
    *self_p = self;
    return status;
}

/* After the last part: FW_OK to go on with the first. A loop that gave nothing but failures is the last. */
static fw_status begin_loop(fw_source *self) {
    self->loop++;
    if (self->loop == self->loops || !self->useful)
        return FW_END;
    self->useful = false;
    self->current = 0;
    for (size_t i = 0; i < self->count; i++) {
        fw_status status = self->parts[i].kind->rewind(self->parts[i].state);
        if (status != FW_OK)
            return status;
    }
    return FW_OK;
}

fw_status fw_source_next_item(fw_source *self, fw_item *item) {
    *item = (fw_item){ .number = self->number };
    while (!self->ended) {
        if (atomic_load(&self->stopped))
            return fw_fail(FW_CLOSED, "the source was stopped");
        item->part = self->current;
        const source_part *part = &self->parts[self->current];
        fw_status status = part->kind->next(part->state, item);
        if (status != FW_END) {
            self->number += status != FW_CLOSED;
            self->useful |= status == FW_OK;
            return status;
        }
        if (++self->current < self->count)
            continue;
        status = begin_loop(self);
        self->ended = status != FW_OK;
        if (status != FW_OK && status != FW_END)
            return status;
    }
    return FW_END;
}

fw_status fw_source_measure(fw_source *self, fw_item *item) {
    const source_part *part = &self->parts[item->part];
    return part->kind->measure(part->state, item);
}

fw_status fw_source_fill(fw_source *self, fw_item *item, fw_frame *frame) {
    const source_part *part = &self->parts[item->part];
    fw_status status = part->kind->fill(part->state, item, frame);
    if (status == FW_OK && item->name != NULL)
        status = fw_frame_set_item(frame, item->name);
    if (status == FW_OK)
        status = fw_meta_join(&frame->meta, &item->meta);
    fw_meta_free(&item->meta);
    if (item->time != 0)
        fw_frame_set_time(frame, item->time);
    return status;
}

bool fw_source_file(fw_source *self, const fw_item *item, int64_t *size_p, int64_t *mtime_p) {
    const source_part *part = &self->parts[item->part];
    return part->kind->file != NULL && part->kind->file(part->state, item, size_p, mtime_p);
}

void fw_source_free_item(fw_source *self, fw_item *item) {
    const source_part *part = &self->parts[item->part];
    if (item->state != NULL)
        part->kind->free_item(part->state, item);
    item->state = NULL;
    free(item->name);
    item->name = NULL;
    fw_meta_free(&item->meta);
}

bool fw_source_parallel(const fw_source *self) {
    for (size_t i = 0; i < self->count; i++)
        if (self->parts[i].kind->parallel)
            return true;
    return false;
}

bool fw_source_quick(const fw_source *self) {
    for (size_t i = 0; i < self->count; i++)
        if (!self->parts[i].kind->quick)
            return false;
    return true;
}

bool fw_source_alike(const fw_source *self, const fw_item *item) {
    return self->parts[item->part].kind->alike;
}

bool fw_source_live(const fw_source *self) {
    for (size_t i = 0; i < self->count; i++)
        if (self->parts[i].kind->info.live)
            return true;
    return false;
}

bool fw_source_has_items(const fw_source *self) {
    for (size_t i = 0; i < self->count; i++)
        if (!self->parts[i].kind->has_items)
            return false;
    return true;
}

const char *fw_source_default_stream(const fw_source *self) {
    return self->stream;
}

fw_status fw_source_read(fw_source *self, fw_frame **frame_p) {
    *frame_p = NULL;
    fw_item item;
    fw_frame *frame = NULL;
    fw_status status = fw_source_next_item(self, &item);
    if (status == FW_OK)
        status = fw_source_measure(self, &item);
    if (status == FW_OK)
        status = fw_frame_new(&item.format, NULL, &frame);
    if (status == FW_OK)
        status = fw_source_fill(self, &item, frame);
    if (status != FW_OK)
        fw_frame_drop(&frame);
    fw_source_free_item(self, &item);
    *frame_p = frame;
    return status;
}

void fw_source_stop(fw_source *self) {
    atomic_store(&self->stopped, true);
    for (size_t i = 0; i < self->count; i++)
        self->parts[i].kind->stop(self->parts[i].state);
}

void fw_source_close(fw_source **self_p) {
    fw_source *self = *self_p;
    if (self == NULL)
        return;
    *self_p = NULL;
    for (size_t i = 0; i < self->count; i++) {
        if (self->parts[i].state != NULL)
            self->parts[i].kind->close(self->parts[i].state);
        fw_spec_free(&self->parts[i].spec);
    }
    free(self->parts);
    free(self);
}
