#include "base/version.h"

#include <stdio.h>
#include <stdlib.h>

const char *fw_versions(void) {
    static void (*const libraries[])(fw_text *) = {
        fw_zmq_version, fw_czmq_version, fw_msgpack_version, fw_jpeg_version,
        fw_png_version, fw_tiff_version, fw_http_version,
    };
    static _Thread_local char versions[512];
    fw_text text = { 0 };
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        if (i)
            fw_text_add(&text, ", ", 2);
        libraries[i](&text);
    }
    snprintf(versions, sizeof versions, "%s", text.data ? text.data : "");
    free(text.data);
    return versions;
}
