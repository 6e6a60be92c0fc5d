/* The bare sender of raw frames: bare_send SIZE COUNT sends COUNT frames of SIZE bytes, each with its number stamped in
 * as Framewire's test source does, and ends when its stdin is closed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bare.h"

#define STAMP_STEP ((size_t)64 << 10)

static void stamp(char *data, size_t size, uint64_t number) {
    const uint64_t both[2] = { number, ~number };
    for (size_t at = 0; at + sizeof both <= size; at += STAMP_STEP)
        memcpy(data + at, both, sizeof both);
    memcpy(data + size - sizeof both, both, sizeof both);
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: bare_send SIZE COUNT\n");
        return 2;
    }
    size_t size = strtoul(argv[1], NULL, 10);
    uint64_t count = strtoul(argv[2], NULL, 10);
    void *socket = bare_open();
    for (uint64_t number = 0; number < count; number++) {
        char *data = bare_take(size);
        stamp(data, size, number);
        bare_send(socket, data, size);
    }
    getchar();
    return 0;
}
