#include "source/blob.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <framewire/units.h>

#include "base/status.h"

/* What is larger goes back to the system, so that one huge file does not stay. */
#define KEPT_MAX ((size_t)32 << 20)

static fw_status check_type(mode_t mode) {
    const char *what = S_ISFIFO(mode)   ? "a FIFO"
                       : S_ISSOCK(mode) ? "a socket"
                       : S_ISDIR(mode)  ? "a folder"
                       : S_ISREG(mode)  ? NULL
                                        : "a device";
    return what == NULL ? FW_OK : fw_fail(FW_UNSUPPORTED, "it is %s, and only regular files are read", what);
}

fw_status fw_input_open(fw_input *self, const char *path) {
    struct stat info;
    self->fd = -1;
    if (stat(path, &info) != 0)
        return fw_fail_errno(errno, "it cannot be opened");
    fw_status status = check_type(info.st_mode);
    if (status != FW_OK)
        return status;
    /* Between the two calls it may have become a FIFO. */
    self->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (self->fd < 0 || fstat(self->fd, &info) != 0)
        status = fw_fail_errno(errno, "it cannot be opened");
    else
        status = check_type(info.st_mode);
    if (status == FW_OK && info.st_size == 0)
        status = fw_fail(FW_BAD_INPUT, "the file is empty");
    if (status != FW_OK) {
        fw_input_close(self);
        return status;
    }
    self->size = (uint64_t)info.st_size;
    self->mtime = (int64_t)info.st_mtim.tv_sec * FW_SECOND + info.st_mtim.tv_nsec;
    return FW_OK;
}

void fw_input_close(fw_input *self) {
    if (self->fd >= 0)
        close(self->fd);
    self->fd = -1;
}

fw_status fw_input_share(const fw_input *self, fw_input *other) {
    *other = *self;
    other->fd = fcntl(self->fd, F_DUPFD_CLOEXEC, 0);
    return other->fd < 0 ? fw_fail_errno(errno, "it cannot be opened for one more page") : FW_OK;
}

/* Like pread(), but whole unless the file ends; -1 with errno. */
static ssize_t read_whole(int fd, uint8_t *out, size_t size, uint64_t at) {
    size_t done = 0;
    while (done < size) {
        ssize_t got = pread(fd, out + done, size - done, (off_t)(at + done));
        if (got == 0)
            break;
        if (got < 0 && errno != EINTR)
            return -1;
        done += got > 0 ? (size_t)got : 0;
    }
    return (ssize_t)done;
}

fw_status fw_input_read(const fw_input *self, uint64_t from, uint64_t to, uint8_t *out) {
    ssize_t got = from < to ? read_whole(self->fd, out, to - from, from) : 0;
    if (got < 0)
        return fw_fail_errno(errno, "it cannot be read");
    return from < to && (uint64_t)got < to - from ? fw_fail(FW_BAD_INPUT, "the file became shorter while it was read")
                                                  : FW_OK;
}

size_t fw_input_read_at(const void *input, uint64_t at, void *out, size_t size) {
    ssize_t got = at <= INT64_MAX ? read_whole(((const fw_input *)input)->fd, out, size, at) : 0;
    return got > 0 ? (size_t)got : 0;
}

void fw_blobs_open(fw_blobs *self) {
    pthread_mutex_init(&self->lock, NULL);
    self->free = NULL;
}

static fw_status make_room(fw_blob *blob, size_t size) {
    if (blob->room >= size)
        return FW_OK;
    if (blob->size == 0) { /* nothing worth copying */
        free(blob->bytes);
        blob->bytes = NULL;
        blob->room = 0;
    }
    uint8_t *bytes = realloc(blob->bytes, size);
    if (bytes == NULL)
        return fw_fail(FW_NO_MEMORY, "no memory for a file of %zu MiB", size >> 20);
    blob->bytes = bytes;
    blob->room = size;
    return FW_OK;
}

fw_status fw_blobs_read(fw_blobs *self, const fw_input *input, size_t size, fw_blob **blob_p) {
    *blob_p = NULL;
    pthread_mutex_lock(&self->lock);
    fw_blob *blob = self->free;
    if (blob != NULL)
        self->free = blob->next;
    pthread_mutex_unlock(&self->lock);
    if (blob == NULL)
        blob = calloc(1, sizeof *blob);
    if (blob == NULL)
        return fw_fail(FW_NO_MEMORY, "no memory for a file");
    blob->size = 0;
    blob->references = 1;
    fw_status status = fw_blob_extend(blob, input, size);
    if (status != FW_OK)
        fw_blobs_release(self, &blob);
    *blob_p = blob;
    return status;
}

fw_status fw_blob_extend(fw_blob *blob, const fw_input *input, size_t size) {
    if (blob->size >= size)
        return FW_OK;
    fw_status status = make_room(blob, size);
    if (status == FW_OK)
        status = fw_input_read(input, blob->size, size, blob->bytes + blob->size);
    if (status == FW_OK)
        blob->size = size;
    return status;
}

void fw_blobs_retain(fw_blobs *self, fw_blob *blob) {
    pthread_mutex_lock(&self->lock);
    blob->references++;
    pthread_mutex_unlock(&self->lock);
}

void fw_blobs_release(fw_blobs *self, fw_blob **blob_p) {
    fw_blob *blob = *blob_p;
    if (blob == NULL)
        return;
    *blob_p = NULL;
    pthread_mutex_lock(&self->lock);
    bool last = --blob->references == 0, keep = blob->room <= KEPT_MAX;
    if (last && keep) {
        blob->next = self->free;
        self->free = blob;
    }
    pthread_mutex_unlock(&self->lock);
    if (last && !keep) {
        free(blob->bytes);
        free(blob);
    }
}

void fw_blobs_close(fw_blobs *self) {
    while (self->free != NULL) {
        fw_blob *blob = self->free;
        self->free = blob->next;
        free(blob->bytes);
        free(blob);
    }
    pthread_mutex_destroy(&self->lock);
}
