/* Any bytes as a JPEG file: refused with a cause, or decoded within its memory. */
#include "decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    return decode_all(&fw_codec_jpeg, data, size);
}
