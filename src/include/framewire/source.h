/* A source: where frames come from. Image files and folders, test patterns, later cameras. */
#ifndef FRAMEWIRE_SOURCE_H
#define FRAMEWIRE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <framewire/export.h>
#include <framewire/frame.h>
#include <framewire/status.h>
#include <framewire/units.h>

FW_BEGIN_DECLS

typedef struct fw_source fw_source;

typedef enum fw_param_kind {
    FW_PARAM_TEXT,
    FW_PARAM_COUNT,
    FW_PARAM_SIZE, /* 640x480 */
    FW_PARAM_RATE,
    FW_PARAM_TIME,
    FW_PARAM_PIXELS
} fw_param_kind;

/* A parameter of a source: SCHEME:...?name=value. */
typedef struct fw_param {
    const char *name; /* NULL ends a table */
    fw_param_kind kind;
    const char *initial; /* the default, as text */
    const char *help;
} fw_param;

/* What a kind of source is, for help texts. */
typedef struct fw_source_info {
    const char *scheme; /* "test"; "files" is also taken for arguments without a scheme */
    const char *usage;  /* "test:PATTERN" */
    const char *help;
    const fw_param *params;
    bool live; /* does not wait for its readers */
} fw_source_info;

/* The kinds of source in this build; NULL beyond the last. Owned by the library. Any thread. */
FW_API const fw_source_info *fw_source_kind(size_t index);

/* Limits of decoding, checked against an image's header before memory is taken. */
typedef struct fw_limits {
    uint64_t pixels; /* default 268 435 456 (2^28) */
    unsigned scans;  /* of a progressive JPEG; default 500 */
    uint64_t bytes;  /* decoded; default 4 GiB */
} fw_limits;

typedef struct fw_source_options {
    const char *list; /* a file of names, one a line, or "-" for stdin; after the arguments; NULL: none */
    uint64_t loop;    /* how often the whole is gone through; 0: once */
    bool keep;        /* JPEG files travel as they are */
    fw_limits limits; /* zeros: the defaults */
} fw_source_options;

#define FW_LOOP_FOREVER UINT64_MAX

#define FW_SOURCE_OPTIONS(...) (&(fw_source_options){ __VA_ARGS__ })

/* Open the source that arguments name, as `framewire send` takes them: files, folders, globs, or
 * SCHEME:...?key=value. Several files, folders and globs make one source.
 *
 * Strings are copied. *self_p is the caller's, NULL on failure. Errors: FW_INVALID (unknown scheme or
 * parameter, a bad value, a mixture), FW_NOT_FOUND (an argument names nothing), FW_DENIED, FW_IO. Any thread.
 */
FW_API fw_status fw_source_open(const char *const *arguments, size_t count, const fw_source_options *options,
                                fw_source **self_p);

/* The next frame, decoded into memory of its own: the caller's, to be given to fw_frame_free().
 *
 * Errors: FW_END after the last; FW_BAD_INPUT, FW_TOO_LARGE, FW_DENIED, FW_IO, FW_UNSUPPORTED for one
 * input that gives no frame (fw_cause() names it; the next call goes on); FW_CLOSED after
 * fw_source_stop(). *frame_p is NULL unless FW_OK. One thread at a time.
 */
FW_API fw_status fw_source_read(fw_source *self, fw_frame **frame_p);

/* Wake a read that waits. Any thread, and signal handlers. */
FW_API void fw_source_stop(fw_source *self);

/* NULL is fine; clears *self_p. */
FW_API void fw_source_close(fw_source **self_p);

FW_END_DECLS

#endif
