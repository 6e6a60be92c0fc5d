/* The versions of the libraries in use: each is said by the one file that talks to the library. */
#include <framewire/version.h>

#include <stdio.h>

static const char *(*const libraries[])(void) = { NULL };

const char *fw_versions(void) {
    static _Thread_local char text[512];
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; libraries[i] && used < sizeof text; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", i ? ", " : "", libraries[i]());
    return text;
}
