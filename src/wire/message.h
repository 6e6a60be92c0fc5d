/* A whole message, part by part: [stream][header][payload ...]. */
#ifndef FW_WIRE_MESSAGE_H
#define FW_WIRE_MESSAGE_H

#include "wire/header.h"

/* Parts before the payloads, and at most in all: a result's value and arrays. */
#define FW_PARTS_BEFORE_PAYLOAD 2
#define FW_PARTS_MAX            (FW_PARTS_BEFORE_PAYLOAD + 1 + FW_RESULT_ARRAYS_MAX)

typedef struct fw_part {
    const void *data;
    size_t size;
} fw_part;

/* Check a message's parts against each other: names, header, number of payloads, lengths, result limits, and that a
 * result's value is one whole msgpack value. A payload that is not raw gives header->format.size.
 * FW_BAD_MESSAGE with cause and reason, and *header is then not to be used. */
fw_status fw_message_check(const fw_part *parts, size_t count, fw_header *header, fw_reason *reason_p);

#endif
