/* Image files: named one by one, by globs, in folders, in lists. A file of several pages gives a frame a page. */
#include "source/source.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <strings.h>

#include "base/status.h"
#include "base/text.h"
#include "source/blob.h"
#include "source/paths.h"

#define HEAD_SIZE ((size_t)64 << 10) /* of a file, read first: a JPEG's header is nearly always in it */

/* A file whose pages are being given. */
typedef struct page_run {
    char *path, *name;
    const fw_codec *codec;
    fw_input input;
    fw_blob *blob; /* of a codec that does not seek */
    uint64_t *offsets;
    size_t count, next; /* count 0: none */
} page_run;

typedef struct files_source {
    fw_paths paths;
    fw_blobs blobs;
    fw_limits limits;
    uint64_t size_limit;
    bool keep;
    page_run run;
} files_source;

/* fw_item.state */
typedef struct file_item {
    char *path;
    const fw_codec *codec; /* NULL: not known yet */
    fw_input input;
    fw_blob *blob; /* all of the file; its head alone where it is kept as it is; none for a codec that seeks */
    bool looked;   /* its pages were counted */
    bool paged;    /* it is one of several */
    bool kept;     /* travels as it is */
    bool decoding; /* image is open */
    fw_image image;
    uint64_t page, page_offset;
} file_item;

static fw_status files_open(const fw_source_request *request, void **state_p) {
    files_source *self = calloc(1, sizeof *self);
    if (self == NULL)
        return fw_fail(FW_NO_MEMORY, "no memory for a source");
    fw_status status = fw_paths_open(&self->paths, request->arguments, request->count, request->options);
    if (status != FW_OK) {
        free(self);
        return status;
    }
    fw_blobs_open(&self->blobs);
    self->limits = request->options->limits;
    fw_limits_default(&self->limits);
    if (__builtin_add_overflow(self->limits.bytes, (uint64_t)64 << 20, &self->size_limit))
        self->size_limit = UINT64_MAX;
    self->keep = request->options->keep;
    self->run.input.fd = -1;
    *state_p = self;
    return FW_OK;
}

/* A failure of this file, from its bare reason. */
static fw_status not_taken(fw_status status, const file_item *file) {
    char page[32] = "";
    if (file->paged)
        snprintf(page, sizeof page, "#%" PRIu64, file->page);
    return fw_fail(status, "%s%s: not taken: %s", file->path, page, fw_cause());
}

static void end_run(files_source *self) {
    free(self->run.path);
    free(self->run.name);
    free(self->run.offsets);
    fw_blobs_release(&self->blobs, &self->run.blob);
    fw_input_close(&self->run.input);
    self->run = (page_run){ .input.fd = -1 };
}

static file_item *new_item(fw_item *item, const char *path) {
    file_item *file = calloc(1, sizeof *file);
    if (file != NULL) {
        file->input.fd = -1;
        file->path = strdup(path);
        item->state = file;
    }
    return file == NULL || file->path == NULL ? NULL : file;
}

static fw_status no_memory(void) {
    return fw_fail(FW_NO_MEMORY, "no memory for a file's name");
}

static fw_status next_page(files_source *self, fw_item *item) {
    page_run *run = &self->run;
    uint64_t page = run->next++;
    fw_status status = FW_OK;
    file_item *file = new_item(item, run->path);
    if (file == NULL || asprintf(&item->name, "%s#%" PRIu64, run->name, page) < 0) {
        item->name = NULL;
        status = no_memory();
    } else {
        file->codec = run->codec;
        file->looked = file->paged = true;
        file->page = page;
        file->page_offset = run->offsets[page];
        file->input = (fw_input){ .fd = -1, .size = run->input.size, .mtime = run->input.mtime };
        file->blob = run->blob;
        if (run->blob != NULL)
            fw_blobs_retain(&self->blobs, run->blob);
        else if ((status = fw_input_share(&run->input, &file->input)) != FW_OK)
            status = not_taken(status, file);
    }
    if (run->next == run->count)
        end_run(self);
    return status;
}

/* Can a file of this name have pages? By its extension: others are not opened before measure(), which refuses what
 * has pages all the same. */
static bool may_have_pages(const char *path) {
    const char *slash = strrchr(path, '/'), *dot = strrchr(slash != NULL ? slash : path, '.');
    for (const fw_codec *const *codec = fw_codecs; dot != NULL && *codec != NULL; codec++)
        for (const char *const *extension = (*codec)->extensions; *extension != NULL; extension++)
            if (strcasecmp(dot + 1, *extension) == 0)
                return (*codec)->pages != NULL;
    return true;
}

/* Read the beginning and know the codec. */
static fw_status sniff(files_source *self, file_item *file) {
    fw_status status = fw_input_open(&file->input, file->path);
    if (status != FW_OK)
        return status;
    size_t size = file->input.size < HEAD_SIZE ? (size_t)file->input.size : HEAD_SIZE;
    status = fw_blobs_read(&self->blobs, &file->input, size, &file->blob);
    if (status != FW_OK)
        return status;
    file->codec = fw_codec_for(file->blob->bytes, file->blob->size);
    return file->codec != NULL ? FW_OK : FW_BAD_INPUT;
}

static fw_status check_size(const files_source *self, const file_item *file) {
    return file->input.size <= self->size_limit
               ? FW_OK
               : fw_fail(FW_TOO_LARGE, "the file has %" PRIu64 " MiB (limit %" PRIu64 " MiB)", file->input.size >> 20,
                         self->size_limit >> 20);
}

/* Have what the codec reads from: all of the file in memory, or only the open file. */
static fw_status load(files_source *self, file_item *file) {
    if (file->codec->seeks) {
        fw_blobs_release(&self->blobs, &file->blob);
        return FW_OK;
    }
    fw_status status = check_size(self, file);
    if (status == FW_OK)
        status = fw_blob_extend(file->blob, &file->input, (size_t)file->input.size);
    fw_input_close(&file->input);
    return status;
}

/* What is there of the file, for the codec. */
static fw_image view(const files_source *self, const file_item *file) {
    fw_image image = {
        .codec = file->codec, .limits = self->limits, .page = file->page, .page_offset = file->page_offset
    };
    if (file->blob != NULL) {
        image.bytes = file->blob->bytes;
        image.size = file->blob->size;
    } else {
        image.size = (size_t)file->input.size;
        image.read_at = fw_input_read_at;
        image.read_arg = &file->input;
    }
    return image;
}

static fw_status count_pages(const files_source *self, const file_item *file, uint64_t **offsets_p, size_t *count_p) {
    fw_image image = view(self, file);
    *offsets_p = NULL;
    *count_p = 0;
    return file->codec->pages(&image, offsets_p, count_p);
}

/* Count the pages; where there are several, self->run has them. */
static fw_status look_for_pages(files_source *self, fw_item *item, file_item *file) {
    fw_status status = sniff(self, file);
    if (status != FW_OK || file->codec->pages == NULL)
        return status;
    uint64_t *offsets = NULL;
    size_t count = 0;
    file->looked = true;
    status = load(self, file);
    if (status == FW_OK)
        status = count_pages(self, file, &offsets, &count);
    if (status == FW_OK && count > 1) {
        self->run = (page_run){ .path = file->path,
                                .name = item->name,
                                .codec = file->codec,
                                .input = file->input,
                                .blob = file->blob,
                                .offsets = offsets,
                                .count = count };
        *file = (file_item){ .input.fd = -1 };
        item->name = NULL;
        return FW_OK;
    }
    if (status == FW_OK)
        file->page_offset = offsets[0];
    free(offsets);
    return status;
}

static void files_free_item(void *state, fw_item *item) {
    files_source *self = state;
    file_item *file = item->state;
    if (file->decoding)
        file->image.codec->close(&file->image);
    fw_input_close(&file->input);
    fw_blobs_release(&self->blobs, &file->blob);
    free(file->path);
    free(file);
    item->state = NULL;
}

static bool files_file(void *state, const fw_item *item, int64_t *size_p, int64_t *mtime_p) {
    (void)state;
    const file_item *file = item->state;
    struct stat info;
    if (file == NULL || stat(file->path, &info) != 0)
        return false;
    *size_p = info.st_size;
    *mtime_p = (int64_t)info.st_mtim.tv_sec * FW_SECOND + info.st_mtim.tv_nsec;
    return true;
}

static fw_status files_next(void *state, fw_item *item) {
    files_source *self = state;
    if (self->run.count > 0)
        return next_page(self, item);
    const char *path, *text;
    fw_status status = fw_paths_next(&self->paths, &path, &text);
    if (status != FW_OK)
        return status;
    file_item *file = new_item(item, path);
    item->name = fw_percent_utf8(text, strlen(text));
    if (file == NULL || item->name == NULL)
        return no_memory();
    if (!may_have_pages(path))
        return FW_OK;
    status = look_for_pages(self, item, file);
    if (status != FW_OK)
        return not_taken(status, file);
    if (self->run.count == 0)
        return FW_OK;
    files_free_item(self, item);
    return next_page(self, item);
}

static fw_status add_facts(fw_item *item, const file_item *file) {
    fw_meta_free(&item->meta);
    fw_status status = fw_meta_text(&item->meta, "file", file->path, strlen(file->path));
    if (status == FW_OK)
        status = fw_meta_int(&item->meta, "size", (int64_t)file->input.size);
    if (status == FW_OK)
        status = fw_meta_int(&item->meta, "mtime", file->input.mtime);
    if (status == FW_OK && file->paged)
        status = fw_meta_int(&item->meta, "page", (int64_t)file->page);
    return status;
}

static fw_status open_image(files_source *self, fw_item *item, file_item *file) {
    file->image = view(self, file);
    fw_status status = add_facts(item, file);
    if (status == FW_OK)
        status = file->codec->open(&file->image, &item->meta);
    file->decoding = status == FW_OK;
    return status;
}

/* A JPEG that travels as it is: its header is read, and fill() reads the file straight into the frame. */
static fw_status measure_kept(files_source *self, fw_item *item, file_item *file) {
    fw_status status = check_size(self, file);
    if (status == FW_OK)
        status = open_image(self, item, file);
    if (status != FW_OK && status != FW_TOO_LARGE && file->blob->size < file->input.size) {
        status = fw_blob_extend(file->blob, &file->input, (size_t)file->input.size);
        if (status == FW_OK)
            status = open_image(self, item, file);
    }
    if (status != FW_OK)
        return status;
    item->format = file->image.format;
    item->format.encoding = FW_JPEG;
    item->format.size = (size_t)file->input.size;
    file->codec->close(&file->image);
    file->decoding = false;
    file->kept = true;
    return FW_OK;
}

/* Pages are given only where the name lets them be expected; so that none is lost unseen, this is an error. */
static fw_status refuse_pages(const files_source *self, const file_item *file) {
    uint64_t *offsets;
    size_t count;
    fw_status status = count_pages(self, file, &offsets, &count);
    free(offsets);
    if (status == FW_OK && count > 1)
        status = fw_fail(FW_UNSUPPORTED,
                         "it is a file of %zu pages by its content, but not by its name; "
                         "rename it to end in .%s",
                         count, file->codec->extensions[0]);
    return status;
}

static fw_status measure(files_source *self, fw_item *item, file_item *file) {
    fw_status status = file->codec != NULL ? FW_OK : sniff(self, file);
    if (status != FW_OK)
        return status;
    if (self->keep && file->codec == &fw_codec_jpeg)
        return measure_kept(self, item, file);
    status = load(self, file);
    if (status == FW_OK && file->codec->pages != NULL && !file->looked)
        status = refuse_pages(self, file);
    if (status == FW_OK)
        status = open_image(self, item, file);
    if (status == FW_OK)
        item->format = file->image.format;
    return status;
}

static fw_status files_measure(void *state, fw_item *item) {
    file_item *file = item->state;
    fw_status status = measure(state, item, file);
    return status == FW_OK ? FW_OK : not_taken(status, file);
}

static fw_status files_fill(void *state, fw_item *item, fw_frame *frame) {
    (void)state;
    file_item *file = item->state;
    fw_status status;
    if (frame->slot != NULL)
        frame->slot->left_by = 0;
    if (file->kept) {
        memcpy(frame->data, file->blob->bytes, file->blob->size);
        status =
            fw_input_read(&file->input, file->blob->size, file->input.size, (uint8_t *)frame->data + file->blob->size);
    } else {
        status = file->image.codec->decode(&file->image, frame->data);
    }
    return status == FW_OK ? FW_OK : not_taken(status, file);
}

static fw_status files_rewind(void *state) {
    files_source *self = state;
    return fw_paths_rewind(&self->paths);
}

static void files_stop(void *state) {
    files_source *self = state;
    fw_paths_stop(&self->paths);
}

static void files_close(void *state) {
    files_source *self = state;
    end_run(self);
    fw_paths_close(&self->paths);
    fw_blobs_close(&self->blobs);
    free(self);
}

const fw_source_class fw_source_files = {
    .info = {
        .scheme = "files",
        .usage = "FILE|FOLDER|GLOB...",
        .help = "Image files, in the order of the arguments; of a folder its images and those of its subfolders, "
                "in natural order (img2 before img10). A file of several pages gives a frame a page",
        .params = (const fw_param[]){ { NULL, FW_PARAM_TEXT, NULL, NULL } },
    },
    .parallel = true,
    .has_items = true,
    .open = files_open, .next = files_next, .measure = files_measure, .fill = files_fill,
    .file = files_file,
    .free_item = files_free_item, .rewind = files_rewind, .stop = files_stop, .close = files_close,
};
