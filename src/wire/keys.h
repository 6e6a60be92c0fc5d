/* The keys of a header, in the order in which they are written. */
#ifndef FW_WIRE_KEYS_H
#define FW_WIRE_KEYS_H

#include "wire/header.h"

typedef enum fw_header_key {
    FW_KEY_V,
    FW_KEY_KIND,
    FW_KEY_EPOCH,
    FW_KEY_SEQ,
    FW_KEY_STATUS,
    FW_KEY_ERROR,
    FW_KEY_WORKER,
    FW_KEY_ATTEMPT,
    FW_KEY_ITEM,
    FW_KEY_SHAPE,
    FW_KEY_DTYPE,
    FW_KEY_FORMAT,
    FW_KEY_ENCODING,
    FW_KEY_TIME,
    FW_KEY_MONOTONIC,
    FW_KEY_META,
    FW_KEY_ARRAYS,
    FW_KEY_CAPTURED,
    FW_KEY_SENT,
    FW_KEY_DONE,
    FW_KEY_DEAD,
    FW_KEY_DROPPED,
    FW_KEY_STREAMS,
    FW_KEY_NAME, /* within an element of arrays, with shape and dtype */
    FW_KEY_GUARDED,
    FW_KEY_LOST,
    FW_KEY_REGION,
    FW_KEY_SLOT,
    FW_KEY_GEN,
    FW_KEY_OFFSET,
    FW_KEY_LENGTH,
    FW_KEY_COPY,
    FW_KEY_RELEASES,
    FW_KEY_INSTANCE,
    FW_KEY_ROLE,
    FW_KEY_HOST,
    FW_KEY_CREDIT,
    FW_KEY_QUEUE,
    FW_KEY_RESULTS,
    FW_KEY_SUPERVISOR,
    FW_KEY_HELD,
    FW_KEY_READS,
    FW_KEY_SENDER,
    FW_KEY_DEADLINE,
    FW_KEY_GRACE,
    FW_KEY_VALUE_MAX,
    FW_KEY_ARRAY_MAX,
    FW_KEY_RESULT_MAX,
    FW_KEY_DOOR,
    FW_KEY_TOKEN,
    FW_KEY_REASON,
    FW_KEY_COUNTS,
    FW_KEY_WORKERS,
    FW_KEY_UNFINISHED, /* within an element of workers, with worker, role, credit, done and lost, as the next */
    FW_KEY_STARTED,
    FW_KEY_COUNT
} fw_header_key;

#define FW_WIRE_VERSION 1

extern const fw_span fw_key_names[FW_KEY_COUNT];
extern const fw_span fw_kind_names[FW_KIND_COUNT];
extern const fw_span fw_verdict_names[FW_VERDICT_COUNT];
extern const fw_span fw_role_names[FW_ROLE_COUNT];

#endif
