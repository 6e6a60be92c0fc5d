/* The fields of a map in a header, before they are understood: one walk that checks the rules of headers and notes the
 * values of known keys.
 */
#ifndef FW_WIRE_FIELDS_H
#define FW_WIRE_FIELDS_H

#include "wire/keys.h"
#include "wire/reader.h"

typedef struct fw_field {
    fw_token token;
    fw_reader inner; /* of an array or a map: its elements */
} fw_field;

typedef struct fw_fields {
    uint64_t said; /* a bit a key; the values of the others are not written */
    fw_field values[FW_KEY_COUNT];
} fw_fields;

/* Step over one map that nests at most depth deep. Of a key that comes twice the last value counts. False: no map, or
 * one that breaks a rule. */
bool fw_fields_read(fw_reader *reader, unsigned depth, fw_fields *fields);

/* NULL: not said. */
static inline const fw_field *fw_fields_get(const fw_fields *fields, fw_header_key key) {
    return fields->said & UINT64_C(1) << key ? &fields->values[key] : NULL;
}

#endif
