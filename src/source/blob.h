/* Whole files in memory, by read(): a file that shrinks under a mapping would end the process by SIGBUS.
 * Memory is reused, so that a stream of files allocates nothing. */
#ifndef FW_SOURCE_BLOB_H
#define FW_SOURCE_BLOB_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include <framewire/status.h>

/* A file, or its beginning. */
typedef struct fw_blob {
    uint8_t *bytes;
    size_t size, room;
    unsigned references;
    struct fw_blob *next;
} fw_blob;

/* Those that are free. */
typedef struct fw_blobs {
    pthread_mutex_t lock;
    fw_blob *free;
} fw_blobs;

/* A file that is open for reading. */
typedef struct fw_input {
    int fd;
    uint64_t size;
    int64_t mtime; /* ns since the Unix epoch */
} fw_input;

/* Opens regular files alone: nothing else is opened, so no FIFO can block and no device wakes. Causes are the reason
 * alone. Any thread; so are the rest. */
fw_status fw_input_open(fw_input *self, const char *path);
void fw_input_close(fw_input *self);

/* A second descriptor of the same file. */
fw_status fw_input_share(const fw_input *self, fw_input *other);

/* Read bytes [from, to) of the file into out. FW_BAD_INPUT if it has become shorter. */
fw_status fw_input_read(const fw_input *self, uint64_t from, uint64_t to, uint8_t *out);

/* A fw_read_at() of a fw_input. */
size_t fw_input_read_at(const void *input, uint64_t at, void *out, size_t size);

void fw_blobs_open(fw_blobs *self);

/* The file's first `size` bytes, with one reference. */
fw_status fw_blobs_read(fw_blobs *self, const fw_input *input, size_t size, fw_blob **blob_p);

/* Read on until the blob has `size` bytes of the file. */
fw_status fw_blob_extend(fw_blob *blob, const fw_input *input, size_t size);

void fw_blobs_retain(fw_blobs *self, fw_blob *blob);
void fw_blobs_release(fw_blobs *self, fw_blob **blob_p); /* NULL is fine; clears *blob_p */

/* All blobs must have been released. */
void fw_blobs_close(fw_blobs *self);

#endif
