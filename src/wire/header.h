/* The header of every message: one msgpack map <-> a struct. proto/framewire-1.md is its specification.
 *
 * No I/O and no allocation. Unpacking points into the bytes it is given: they must outlive the struct.
 * Zero-initialise a header to pack: what stays zero is not said.
 */
#ifndef FW_WIRE_HEADER_H
#define FW_WIRE_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <framewire/frame.h>

#include "wire/meta.h"

#define FW_HEADER_MAX        ((size_t)64 << 10)
#define FW_ITEM_MAX          4096 /* bytes, as the next ones */
#define FW_ERROR_MAX         4096
#define FW_WORKER_MAX        256
#define FW_FORMAT_NAME_MAX   64
#define FW_RESULT_ARRAYS_MAX 64
#define FW_STREAMS_MAX       256

typedef enum fw_kind { FW_KIND_UNKNOWN = 0, FW_KIND_FRAME, FW_KIND_END, FW_KIND_RESULT, FW_KIND_COUNT } fw_kind;

typedef enum fw_verdict { FW_VERDICT_NONE = 0, FW_DONE, FW_ERROR, FW_DEAD, FW_VERDICT_COUNT } fw_verdict;

/* Text or packed bytes inside a message: not NUL-terminated. */
typedef struct fw_span {
    const char *data;
    size_t size;
} fw_span;

typedef struct fw_header {
    fw_kind kind;
    fw_span kind_text;   /* as it came, for kinds that are unknown */
    uint64_t epoch, seq; /* `end` has no seq */
    fw_span item;        /* empty: none */
    int64_t time;        /* ns since the Unix epoch; 0: not said */
    int64_t monotonic;   /* CLOCK_MONOTONIC ns; 0: not said */

    /* frame; a result repeats the frame's, so that its line can be written from it alone */
    fw_format format; /* a result that does not say it: dtype FW_DTYPE_NONE. Unpacked: size is that of the raw pixels,
                            or 0 for other encodings until fw_message_check() has seen the payload */
    fw_span format_name; /* a pixel format that this version does not know: the frame is a plain array then */
    fw_span meta;        /* packed pairs, without the map's head; `end` may have some, too */
    uint32_t meta_count;

    /* result */
    fw_verdict verdict;
    fw_span error;
    fw_span worker;
    uint32_t attempt; /* from 1; 0 packs as 1 */
    uint32_t array_count;
    fw_span arrays; /* packed, without the list's head: fw_array_pack(), fw_array_next() */

    /* end: the account, and the sender's streams that are still open */
    uint64_t captured, sent, done, dead, dropped;
    uint32_t stream_count;
    fw_span streams; /* packed, without the list's head: fw_stream_pack(), fw_stream_next() */
} fw_header;

/* Why a message was refused: what receivers count by. */
typedef enum fw_reason {
    FW_REASON_NONE = 0,
    FW_REASON_PARTS,       /* wrong number of parts */
    FW_REASON_STREAM,      /* the stream's name */
    FW_REASON_HEADER_SIZE, /* over FW_HEADER_MAX */
    FW_REASON_MSGPACK,     /* not one whole map; nesting over 16; counts beyond the bytes left; bad UTF-8; ext */
    FW_REASON_VERSION,     /* another v */
    FW_REASON_FIELD,       /* a required key is missing, or has the wrong type or range */
    FW_REASON_DTYPE,
    FW_REASON_ENCODING,
    FW_REASON_SHAPE,   /* shape x dtype overflows, or does not fit the format */
    FW_REASON_PAYLOAD, /* a payload's length, or a result's value */
    FW_REASON_COUNT
} fw_reason;

/* "header_size": as it stands in metrics, and in Python. */
const char *fw_reason_text(fw_reason reason);

/* "done", "error", "dead". */
const char *fw_verdict_text(fw_verdict verdict);

/* Pack into out of room bytes; *size_p gets the length. FW_TOO_LARGE if it does not fit or a field is beyond its
 * limit; a header whose fields keep their limits always fits FW_HEADER_MAX. FW_INVALID without kind, or a verdict. */
fw_status fw_header_pack(const fw_header *header, uint8_t *out, size_t room, size_t *size_p);

/* Unpack and check one header. FW_BAD_MESSAGE with the cause, and *reason_p says the kind of fault. Unknown keys are
 * skipped; an unknown kind is FW_OK with kind FW_KIND_UNKNOWN (the caller counts and skips it). */
fw_status fw_header_unpack(const uint8_t *bytes, size_t size, fw_header *header, fw_reason *reason_p);

/* An array of a result: its payload part is 3 + its place in the list. */
typedef struct fw_array {
    fw_span name;     /* 1-128 bytes of UTF-8, no control characters */
    fw_format format; /* plain; ndim may be 0, and extents too; size is filled in */
} fw_array;

/* Pack one element of header.arrays, or of header.streams. FW_TOO_LARGE if it does not fit, FW_INVALID (name, shape). */
fw_status fw_array_pack(const fw_array *array, uint8_t *out, size_t room, size_t *size_p);
fw_status fw_stream_pack(const char *name, uint8_t *out, size_t room, size_t *size_p);

/* Take the first element off a list that fw_header_unpack() has checked. False: the list is empty. */
bool fw_array_next(fw_span *arrays, fw_array *array);
bool fw_stream_next(fw_span *streams, fw_span *name);

#endif
