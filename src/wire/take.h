/* Values of a header's keys, on their way into the struct: each of the type and range that the key has.
 *
 * All give FW_BAD_MESSAGE with cause and reason. A key that is not required and not said leaves its value as it was.
 */
#ifndef FW_WIRE_TAKE_H
#define FW_WIRE_TAKE_H

#include "base/status.h"
#include "wire/fields.h"

#define FW_HEADER_NESTING 16

/* A header, or a map in it, on its way into the struct. */
typedef struct fw_unpacking {
    fw_fields fields;
    fw_header *header;
    fw_reason *reason_p;
} fw_unpacking;

#define FW_REFUSE(self, reason, ...) (*(self)->reason_p = (reason), fw_fail(FW_BAD_MESSAGE, __VA_ARGS__))

fw_status fw_take_uint(fw_unpacking *self, fw_header_key key, bool required, uint64_t least, uint64_t most,
                       uint64_t *value_p);
fw_status fw_take_int(fw_unpacking *self, fw_header_key key, int64_t *value_p);
fw_status fw_take_bool(fw_unpacking *self, fw_header_key key, bool *value_p);
fw_status fw_take_text(fw_unpacking *self, fw_header_key key, bool required, size_t most, fw_span *text_p);

/* One of names[1] to names[count - 1]. */
fw_status fw_take_choice(fw_unpacking *self, fw_header_key key, bool required, const fw_span *names, int count,
                         int *choice_p);

/* An array or a map, without its head. */
fw_status fw_take_container(fw_unpacking *self, fw_header_key key, bool required, fw_token_kind kind, uint32_t most,
                            uint32_t *count_p, fw_span *packed_p);

/* The list of streams, each with a stream's name. */
fw_status fw_take_streams(fw_unpacking *self, bool required);

/* The keys of the kinds of leased delivery other than frame, result and end (leased_unpack.c). */
fw_status fw_take_leased(fw_unpacking *self);

/* What a leased frame says beyond a plain one. */
fw_status fw_take_lease(fw_unpacking *self);

#endif
