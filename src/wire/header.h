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
#define FW_CAUSE_MAX         256
#define FW_HOST_MAX          64
#define FW_DOOR_MAX          63
#define FW_FORMAT_NAME_MAX   64
#define FW_TOKEN_SIZE        16
#define FW_WORKERS_SIZE_MAX  ((size_t)24 << 10)
#define FW_RESULT_ARRAYS_MAX 64 /* elements, as the next ones */
#define FW_STREAMS_MAX       256
#define FW_HELD_MAX          256
#define FW_SLOTS_MAX         1024
#define FW_WORKERS_MAX       256

/* Limits of a result. */
#define FW_VALUE_MAX        ((size_t)16 << 20)
#define FW_VALUE_NESTING    64
#define FW_RESULT_ARRAY_MAX ((size_t)64 << 20)
#define FW_RESULT_MAX       ((size_t)256 << 20)

typedef enum fw_kind {
    FW_KIND_UNKNOWN = 0,
    FW_KIND_FRAME,
    FW_KIND_END,
    FW_KIND_RESULT,
    /* leased delivery: about a frame */
    FW_KIND_START,
    FW_KIND_GO,
    FW_KIND_PROGRESS,
    FW_KIND_RETURN,
    FW_KIND_RECALL,
    /* and about a connection: part 0 is empty */
    FW_KIND_HELLO,
    FW_KIND_WELCOME,
    FW_KIND_WHO,
    FW_KIND_CREDIT,
    FW_KIND_RELEASE,
    FW_KIND_DIED,
    FW_KIND_STATS,
    FW_KIND_BYE,
    FW_KIND_COUNT
} fw_kind;

typedef enum fw_verdict { FW_VERDICT_NONE = 0, FW_DONE, FW_ERROR, FW_DEAD, FW_VERDICT_COUNT } fw_verdict;

typedef enum fw_role { FW_ROLE_NONE = 0, FW_ROLE_WORKER, FW_ROLE_OBSERVER, FW_ROLE_SUPERVISOR, FW_ROLE_COUNT } fw_role;

/* Text or packed bytes inside a message: not NUL-terminated. */
typedef struct fw_span {
    const char *data;
    size_t size;
} fw_span;

/* Where a frame lies in shared memory: what travels in the payload's place. */
typedef struct fw_place {
    uint64_t region, gen, offset, length;
    uint32_t slot;
    bool said;
    bool copy; /* to be copied and released before `start` */
} fw_place;

/* What a kind has, and what of it is required: proto/framewire-1.md. */
typedef struct fw_header {
    fw_kind kind;
    fw_span kind_text;   /* as it came, for kinds that are unknown */
    uint64_t epoch, seq; /* `end` has no seq, kinds about a connection neither */
    fw_span item;        /* empty: none */
    int64_t time;        /* ns since the Unix epoch; 0: not said */
    int64_t monotonic;   /* CLOCK_MONOTONIC ns; 0: not said */

    /* frame; a result repeats the frame's, so that its line can be written from it alone */
    fw_format format; /* a result that does not say it: dtype FW_DTYPE_NONE. Unpacked: size is that of the raw pixels,
                            or 0 for other encodings until fw_message_check() has seen the payload */
    fw_span format_name; /* a pixel format that this version does not know: the frame is a plain array then */
    fw_span meta;        /* packed pairs, without the map's head; `end` may have some, too; of stats: `counts` */
    uint32_t meta_count;

    uint32_t attempt;      /* frame, result: from 1; 0 packs as 1 */
    uint32_t stream_count; /* end, hello, welcome */
    fw_span streams;       /* packed, without the list's head: fw_stream_pack(), fw_stream_next() */
    fw_span worker;        /* result, hello */
    fw_span host;          /* hello, welcome: the kernel's boot id */
    uint64_t instance;     /* result (0: not said), hello, welcome, died */
    uint64_t lost;         /* frame, end, result to an observer: how many were dropped for it so far */

    union {
        struct { /* frame */
            fw_place place;
            bool guarded; /* the handler waits for `go` */
        };
        struct { /* result */
            fw_verdict verdict;
            fw_span error;
            uint32_t array_count;
            fw_span arrays; /* packed, without the list's head: fw_array_pack(), fw_array_next() */
        };
        struct { /* end: the account; `streams` are those that are still open */
            uint64_t captured, sent, done, dead, dropped;
        };
        struct { /* what receivers say: hello, credit, start, release, died */
            fw_role role;
            uint32_t credit;     /* as asked for, even above the hub's limit */
            uint32_t queue;      /* of an observer; 0 packs as 1 */
            bool results;        /* an observer that wants results, too */
            uint64_t supervisor; /* its instance; 0: none */
            uint32_t held_count;
            uint32_t slot_count;
            fw_span held;  /* packed, without the list's head: fw_held_pack(), fw_held_next() */
            fw_span slots; /* `reads` or `releases`, the same: fw_filling_pack(), fw_filling_next() */
            fw_span cause; /* died: `reason` */
        };
        struct {                                       /* welcome */
            uint64_t sender;                           /* random: one run of the hub */
            uint64_t deadline, grace;                  /* ns; 0 packs as the default, as do the limits */
            uint64_t value_max, array_max, result_max; /* bytes; unpacked: filled in */
            fw_span door;                              /* a file's name in the door's folder; empty: none */
            const uint8_t *token;                      /* FW_TOKEN_SIZE bytes; NULL without a door */
        };
        struct { /* stats */
            uint32_t worker_count;
            fw_span workers; /* packed, without the list's head: fw_worker_pack(), fw_worker_next() */
        };
    };
} fw_header;

#define FW_DEADLINE_DEFAULT (UINT64_C(30) * 1000000000)
#define FW_GRACE_DEFAULT    (UINT64_C(5) * 1000000000)

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

/* Is a message of this kind about a connection, with an empty part 0, not about a stream? */
static inline bool fw_kind_is_streamless(fw_kind kind) {
    return kind >= FW_KIND_HELLO;
}

/* "done", "error", "dead". */
const char *fw_verdict_text(fw_verdict verdict);

/* "worker", "observer", "supervisor". */
const char *fw_role_text(fw_role role);

/* Pack into out of room bytes; *size_p gets the length. FW_TOO_LARGE if it does not fit or a field is beyond its
 * limit; a header whose fields keep their limits always fits FW_HEADER_MAX. FW_INVALID without kind, or without what a
 * kind cannot be without (a verdict, a role, an instance, a token for a door). */
fw_status fw_header_pack(const fw_header *header, uint8_t *out, size_t room, size_t *size_p);

/* Unpack and check one header. FW_BAD_MESSAGE with the cause, and *reason_p says the kind of fault. Unknown keys are
 * skipped; an unknown kind is FW_OK with kind FW_KIND_UNKNOWN (the caller counts and skips it). */
fw_status fw_header_unpack(const uint8_t *bytes, size_t size, fw_header *header, fw_reason *reason_p);

/* An array of a result: its payload part is 3 + its place in the list. */
typedef struct fw_array {
    fw_span name;     /* 1-128 bytes of UTF-8, no control characters */
    fw_format format; /* plain; ndim may be 0, and extents too; size is filled in */
} fw_array;

/* A frame that a receiver has and has not answered. */
typedef struct fw_held_frame {
    uint64_t epoch, seq;
    bool started;
} fw_held_frame;

/* A filling of a slot. */
typedef struct fw_filling {
    uint64_t region, gen;
    uint32_t slot;
} fw_filling;

/* A receiver, in the counts that `stats` gives. */
typedef struct fw_receiver_stats {
    fw_span worker;
    fw_role role; /* FW_ROLE_NONE packs as FW_ROLE_WORKER */
    uint64_t credit, unfinished, started, done, lost;
} fw_receiver_stats;

/* Pack one element of a header's list. FW_TOO_LARGE if it does not fit, FW_INVALID (name, shape). Lists whose elements
 * are packed one after the other are lists of all of them. */
fw_status fw_array_pack(const fw_array *array, uint8_t *out, size_t room, size_t *size_p);
fw_status fw_stream_pack(const char *name, uint8_t *out, size_t room, size_t *size_p);
fw_status fw_held_pack(const fw_held_frame *held, uint8_t *out, size_t room, size_t *size_p);
fw_status fw_filling_pack(const fw_filling *filling, uint8_t *out, size_t room, size_t *size_p);
fw_status fw_worker_pack(const fw_receiver_stats *worker, uint8_t *out, size_t room, size_t *size_p);

/* Take the first element off a list that fw_header_unpack() has checked. False: the list is empty. */
bool fw_array_next(fw_span *arrays, fw_array *array);
bool fw_stream_next(fw_span *streams, fw_span *name);
bool fw_held_next(fw_span *held, fw_held_frame *frame);
bool fw_filling_next(fw_span *slots, fw_filling *filling);
bool fw_worker_next(fw_span *workers, fw_receiver_stats *worker);

#endif
