/* Any bytes as a result's value: refused, or one line of JSON in UTF-8. */
#include "fuzz.h"

#include <string.h>

#include "wire/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint64_t nulls = 0;
    fw_text json = { 0 };
    if (fw_json_value(&json, data, size, &nulls) == FW_OK) {
        MUST(json.size > 0 && fw_utf8_valid(json.data, json.size));
        MUST(!memchr(json.data, '\n', json.size) && !memchr(json.data, '\0', json.size));
    } else {
        MUST(json.size == 0);
    }
    free(json.data);
    return 0;
}
