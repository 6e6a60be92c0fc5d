/* A result's msgpack value as JSON, for result lines. */
#ifndef FW_WIRE_JSON_H
#define FW_WIRE_JSON_H

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "wire/header.h"

/* Append one msgpack value as JSON: bytes become {"$base64": ...}, NaN and infinities null (counted in *nulls_p),
 * keys text, extension types {"$ext": type, "$base64": ...}. Numbers do not follow the locale.
 * FW_BAD_MESSAGE if it is not one whole value, or nested over FW_VALUE_NESTING: nothing is appended then. */
fw_status fw_json_value(fw_text *out, const uint8_t *value, size_t size, uint64_t *nulls_p);

/* Append packed pairs (a header's meta) as a JSON object. */
fw_status fw_json_meta(fw_text *out, fw_span meta, uint32_t count, uint64_t *nulls_p);

#endif
