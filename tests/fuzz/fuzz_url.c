/* Any text as a URL of an output, and as a source with its parameters. */
#include "fuzz.h"

#include <string.h>

#include "base/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';

    fw_url url, again;
    if (fw_url_parse(text, &url) == FW_OK) {
        char formatted[FW_ENDPOINT_MAX];
        fw_url_format(formatted, url.pattern, url.endpoint);
        MUST(fw_url_parse(formatted, &again) == FW_OK);
        MUST(again.pattern == url.pattern && strcmp(again.endpoint, url.endpoint) == 0);
        fw_url_is_open(&url);
    }
    fw_spec spec;
    if (fw_spec_parse(text, &spec) == FW_OK)
        fw_spec_free(&spec);
    free(text);
    return 0;
}
