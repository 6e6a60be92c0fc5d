/* The header of every message: one msgpack map <-> a struct. proto/framewire-1.md is its specification.
 *
 * No I/O and, in packing, no allocation. Unpacking points into the bytes it is given: they must outlive the struct.
 */
#ifndef FW_WIRE_HEADER_H
#define FW_WIRE_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <framewire/frame.h>

#include "wire/meta.h"

typedef enum fw_kind { FW_KIND_UNKNOWN = 0, FW_KIND_FRAME, FW_KIND_END, FW_KIND_RESULT, FW_KIND_COUNT } fw_kind;

typedef enum fw_verdict { FW_VERDICT_NONE = 0, FW_DONE, FW_ERROR, FW_DEAD } fw_verdict;

/* Text or packed bytes inside a message: not NUL-terminated. */
typedef struct fw_span {
    const char *data;
    size_t size;
} fw_span;

#define FW_RESULT_ARRAYS_MAX 64

/* An array of a result: its payload part is 3 + its place in the list. */
typedef struct fw_array {
    fw_span name;
    fw_format format; /* plain */
} fw_array;

typedef struct fw_header {
    fw_kind kind;
    fw_span kind_text;   /* as it came, for kinds that are unknown */
    uint64_t epoch, seq;
    fw_span item;        /* empty: none */
    int64_t time;        /* ns since the Unix epoch; 0: not said */
    int64_t monotonic;   /* CLOCK_MONOTONIC ns; 0: not said */

    /* frame; a result repeats the frame's, so that its line can be written from it alone */
    fw_format format;
    fw_span meta;        /* packed pairs, without the map's head */
    uint32_t meta_count;

    /* result */
    fw_verdict verdict;
    fw_span error;
    fw_span worker;
    uint32_t attempt;
    uint32_t array_count;
    fw_array arrays[FW_RESULT_ARRAYS_MAX]; /* last, and only the first array_count are written: a header costs no more than it says */

    /* end: the account, and the sender's streams that are still open: packed array of text */
    uint64_t captured, sent, done, dead, dropped;
    fw_span streams;
    uint32_t stream_count;
} fw_header;

/* Why a message was refused: what receivers count by. fw_reason_text() names them for /metrics and the log. */
typedef enum fw_reason {
    FW_REASON_NONE = 0,
    FW_REASON_PARTS,     /* wrong number of parts */
    FW_REASON_STREAM,    /* the stream's name */
    FW_REASON_HEADER_SIZE,
    FW_REASON_MSGPACK,   /* not one whole msgpack map; nesting over 16; counts beyond the bytes left */
    FW_REASON_VERSION,
    FW_REASON_FIELD,     /* a required key is missing, or has the wrong type or range */
    FW_REASON_DTYPE,
    FW_REASON_ENCODING,
    FW_REASON_SHAPE,     /* shape x dtype overflows, or does not fit the format */
    FW_REASON_PAYLOAD,   /* the payload's length differs */
    FW_REASON_COUNT
} fw_reason;

const char *fw_reason_text(fw_reason reason);

/* Pack into out of room bytes: FW_TOO_LARGE if it does not fit or passes FW_HEADER_MAX; *size_p gets the length. */
fw_status fw_header_pack(const fw_header *header, uint8_t *out, size_t room, size_t *size_p);

/* Unpack and check one header. FW_BAD_MESSAGE with the cause, and *reason_p says the kind of fault. Unknown keys are
 * skipped; an unknown kind is FW_OK with kind FW_KIND_UNKNOWN (the caller counts and skips it). */
fw_status fw_header_unpack(const uint8_t *bytes, size_t size, fw_header *header, fw_reason *reason_p);

#endif
