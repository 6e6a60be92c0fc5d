#include "delivery/results.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/status.h"
#include "base/text.h"
#include "delivery/arrays.h"
#include "delivery/known.h"
#include "wire/json.h"

struct fw_results {
    fw_results_options options; /* path and arrays are our own copies */
    int fd;                     /* -1: lines go nowhere */
    bool regular;               /* a file that can be synced, and cut after a failed write */
    off_t size;                 /* of whole lines */
    int arrays_fd;
    bool arrays_said;
    uint64_t nulls, arrays_not_kept;
    atomic_bool dirty; /* lines are written under the sender's lock, and forced to disk without it */
    fw_time synced;
    fw_known known;
    fw_text text;
};

/* Keep whole lines only: a line that was being written when the machine stopped has no newline. */
static fw_status cut_torn_line(fw_results *self) {
    char block[4096];
    off_t end = self->size;
    while (end > 0) {
        off_t start = end > (off_t)sizeof block ? end - (off_t)sizeof block : 0;
        ssize_t got = pread(self->fd, block, (size_t)(end - start), start);
        if (got != end - start)
            return fw_fail_errno(got < 0 ? errno : EIO, "%s", self->options.path);
        const char *newline = memrchr(block, '\n', (size_t)got);
        if (newline != NULL) {
            end = start + (newline - block) + 1;
            break;
        }
        end = start;
    }
    if (end == self->size)
        return FW_OK;
    fw_warn("%s: its last line was torn (%lld bytes) and is cut", self->options.path, (long long)(self->size - end));
    if (ftruncate(self->fd, end) != 0)
        return fw_fail_errno(errno, "%s", self->options.path);
    self->size = end;
    return FW_OK;
}

static fw_status open_file(fw_results *self) {
    const char *path = self->options.path;
    self->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0644);
    if (self->fd < 0)
        return fw_fail_errno(errno, "%s", path);
    struct stat info;
    if (fstat(self->fd, &info) != 0)
        return fw_fail_errno(errno, "%s", path);
    self->regular = S_ISREG(info.st_mode);
    if (!self->regular)
        return FW_OK;
    if (flock(self->fd, LOCK_EX | LOCK_NB) != 0)
        return fw_fail(FW_IN_USE, "%s: another sender writes its results there; choose another file", path);
    self->size = info.st_size;
    if (self->size > 0 && !self->options.resume)
        return fw_fail(FW_IN_USE, "%s: is not empty; say --resume to go on with it, or choose another file", path);
    fw_status status = cut_torn_line(self);
    if (status == FW_OK && self->size > 0)
        status = fw_known_read(&self->known, self->fd, path, self->options.retry_errors);
    return status;
}

static fw_status open_arrays(fw_results *self) {
    const char *folder = self->options.arrays;
    if (mkdir(folder, 0755) != 0 && errno != EEXIST)
        return fw_fail_errno(errno, "%s", folder);
    self->arrays_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (self->arrays_fd < 0)
        return fw_fail_errno(errno, "%s", folder);
    return FW_OK;
}

fw_status fw_results_open(const fw_results_options *options, fw_results **self_p) {
    *self_p = NULL;
    fw_results *self = calloc(1, sizeof *self);
    if (self == NULL)
        return fw_fail(FW_NO_MEMORY, "no memory for results");
    self->options = *options;
    self->fd = self->arrays_fd = -1;
    self->synced = fw_now();
    self->options.path = options->path != NULL ? strdup(options->path) : NULL;
    self->options.arrays = options->arrays != NULL ? strdup(options->arrays) : NULL;

    fw_status status = FW_OK;
    if (self->options.path != NULL && strcmp(self->options.path, "-") == 0)
        self->fd = STDOUT_FILENO;
    else if (self->options.path != NULL)
        status = open_file(self);
    if (status == FW_OK && self->options.arrays != NULL)
        status = open_arrays(self);
    if (status != FW_OK) {
        (void)fw_results_close(&self);
        return status;
    }
    *self_p = self;
    return FW_OK;
}

bool fw_results_knows(const fw_results *self, const char *item, fw_known_file *file_p) {
    return fw_known_has(&self->known, item, file_p);
}

bool fw_results_wants_lines(const fw_results *self) {
    return self->fd >= 0 || self->options.on_result != NULL;
}

char *fw_line_about(const fw_header *header) {
    fw_text text = { 0 };
    const fw_format *format = &header->format;
    uint64_t nulls = 0;
    fw_text_format(&text, "\"time\":%" PRId64 ",\"shape\":[", header->time);
    for (uint32_t i = 0; i < format->ndim; i++)
        fw_text_format(&text, "%s%" PRIu64, i > 0 ? "," : "", format->shape[i]);
    fw_text_format(&text, "],\"dtype\":\"%s\",\"format\":\"%s\",\"meta\":", fw_dtype_name(format->dtype),
                   fw_pixels_name(format->pixels));
    fw_status status = fw_json_meta(&text, header->meta, header->meta_count, &nulls);
    if (status != FW_OK || text.failed) {
        free(text.data);
        return NULL;
    }
    return text.data;
}

/* Arrays go to their files before the line that names them. */
static fw_status add_arrays(fw_results *self, const fw_line *line, const fw_header *answer, const fw_part *parts) {
    if (answer->array_count == 0)
        return FW_OK;
    if (self->arrays_fd < 0) {
        self->arrays_not_kept += answer->array_count;
        if (!self->arrays_said)
            fw_warn("results carry arrays, which are not kept; say --result-arrays DIR to keep them");
        self->arrays_said = true;
        return FW_OK;
    }
    char stream[201], stem[160];
    fw_file_name(stream, line->stream, strlen(line->stream));
    snprintf(stem, sizeof stem, "%.100s-%016" PRIx64 "-%" PRIu64, stream, line->epoch, line->seq);
    fw_text_format(&self->text, ",\"arrays\":{");
    fw_span left = answer->arrays;
    fw_array array;
    for (size_t i = 0; fw_array_next(&left, &array); i++) {
        const fw_part *payload = &parts[FW_PARTS_BEFORE_PAYLOAD + 1 + i];
        fw_text path = { 0 };
        char name[201], file[256];
        fw_file_name(name, array.name.data, array.name.size);
        snprintf(file, sizeof file, "%.150s-%.79s", stem, name);
        fw_status status = fw_array_write(self->arrays_fd, self->options.arrays, file, &array.format, payload, &path);
        if (status == FW_OK) {
            fw_text_format(&self->text, "%s", i > 0 ? "," : "");
            fw_text_json(&self->text, array.name.data, array.name.size);
            fw_text_format(&self->text, ":");
            fw_text_json(&self->text, path.data, path.size);
        }
        free(path.data);
        if (status != FW_OK)
            return status;
    }
    fw_text_format(&self->text, "}");
    return FW_OK;
}

static fw_status write_line(fw_results *self) {
    size_t left = self->text.size;
    const char *at = self->text.data;
    while (left > 0) {
        ssize_t wrote = write(self->fd, at, left);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0) {
            int error = errno;
            if (self->regular && ftruncate(self->fd, self->size) != 0)
                fw_warn("%s: its last line may be torn", self->options.path);
            return fw_fail_errno(error, "%s: a result could not be written",
                                 self->fd == STDOUT_FILENO ? "stdout" : self->options.path);
        }
        at += wrote;
        left -= (size_t)wrote;
    }
    self->size += (off_t)self->text.size;
    self->dirty = self->regular;
    return FW_OK;
}

/* The result whose line is in self->text, to the callback. */
static void tell(fw_results *self, const fw_line *line, const fw_header *answer, const fw_part *parts) {
    char worker[256], error[4096];
    fw_escape(worker, sizeof worker, answer->worker.data, answer->worker.size);
    fw_escape(error, sizeof error, answer->error.data, answer->error.size);
    self->text.data[self->text.size - 1] = '\0';
    const fw_result result = {
        .stream = line->stream,
        .epoch = line->epoch,
        .seq = line->seq,
        .item = line->item != NULL ? line->item : "",
        .status = fw_verdict_text(answer->verdict),
        .error = answer->verdict == FW_DONE ? NULL : error,
        .worker = worker,
        .value = parts[FW_PARTS_BEFORE_PAYLOAD].data,
        .value_size = parts[FW_PARTS_BEFORE_PAYLOAD].size,
        .json = self->text.data,
    };
    self->options.on_result(self->options.arg, &result);
}

fw_status fw_results_add(fw_results *self, const fw_line *line, const fw_header *answer, const fw_part *parts) {
    fw_text *text = &self->text;
    text->size = 0;
    if (!fw_results_wants_lines(self))
        return add_arrays(self, line, answer, parts);
    fw_text_format(text, "{\"stream\":");
    fw_text_json(text, line->stream, strlen(line->stream));
    fw_text_format(text, ",\"epoch\":\"%016" PRIx64 "\",\"seq\":%" PRIu64, line->epoch, line->seq);
    if (line->item != NULL) {
        fw_text_format(text, ",\"item\":");
        fw_text_json(text, line->item, strlen(line->item));
    }
    fw_text_format(text, ",\"status\":\"%s\",\"attempts\":%" PRIu32 ",\"worker\":", fw_verdict_text(answer->verdict),
                   answer->attempt > 0 ? answer->attempt : 1);
    fw_text_json(text, answer->worker.data, answer->worker.size);
    if (answer->verdict != FW_DONE) {
        fw_text_format(text, ",\"error\":");
        fw_text_json(text, answer->error.data, answer->error.size);
    }
    fw_text_format(text, ",\"value\":");
    fw_status status =
        fw_json_value(text, parts[FW_PARTS_BEFORE_PAYLOAD].data, parts[FW_PARTS_BEFORE_PAYLOAD].size, &self->nulls);
    if (status == FW_OK)
        status = add_arrays(self, line, answer, parts);
    if (status != FW_OK)
        return status;
    fw_text_format(text, ",%s}\n", line->about);
    if (text->failed)
        return fw_fail(FW_NO_MEMORY, "no memory for a result line");
    if (self->fd >= 0)
        status = write_line(self);
    if (status == FW_OK && self->options.on_result != NULL)
        tell(self, line, answer, parts);
    return status;
}

fw_status fw_results_tick(fw_results *self, fw_time now) {
    if (!self->dirty || now < fw_after(self->synced, self->options.sync))
        return FW_OK;
    self->synced = now;
    self->dirty = false;
    if (fdatasync(self->fd) != 0)
        return fw_fail_errno(errno, "%s: results could not be forced to disk", self->options.path);
    return FW_OK;
}

uint64_t fw_results_nulls(const fw_results *self) {
    return self->nulls;
}

uint64_t fw_results_arrays_not_kept(const fw_results *self) {
    return self->arrays_not_kept;
}

fw_status fw_results_close(fw_results **self_p) {
    fw_results *self = *self_p;
    if (self == NULL)
        return FW_OK;
    *self_p = NULL;
    fw_status status = fw_results_tick(self, FW_FOREVER);
    if (self->fd >= 0 && self->fd != STDOUT_FILENO)
        close(self->fd);
    if (self->arrays_fd >= 0)
        close(self->arrays_fd);
    fw_known_free(&self->known);
    free(self->text.data);
    free((char *)self->options.path);
    free((char *)self->options.arrays);
    free(self);
    return status;
}
