/* The sender's side of the door for tests: lets in who shows the token, gives it a region that is filled with a pattern,
 * and sends each message back. Says on stdout what happens, a word a line; ends when stdin does.
 *
 *     door_tool FOLDER TOKEN
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "memory/region.h"
#include "net/door.h"

enum { REGION = 7, REGION_SIZE = 1 << 20 };

static int fail(const char *what) {
    fprintf(stderr, "door_tool: %s: %s\n", what, fw_cause());
    return 1;
}

static fw_status on_event(fw_door *door, const fw_region *region, const char *token, const fw_door_event *event) {
    fw_status status = FW_OK;
    switch (event->kind) {
    case FW_DOOR_KNOCK:
        if (memcmp(event->token, token, FW_TOKEN_SIZE) != 0) {
            fw_door_refuse(door, event->visitor, "no such token");
            puts("refused");
            break;
        }
        status = fw_door_let_in(door, event->visitor);
        if (status == FW_OK)
            status = fw_door_give(door, event->visitor, REGION, region->fd, region->size);
        puts("in");
        break;
    case FW_DOOR_MESSAGE:
        status = fw_door_send(door, event->visitor, event->parts, event->count);
        if (status == FW_CLOSED) /* it left before its answer */
            status = FW_OK;
        break;
    case FW_DOOR_ROOM:
        puts("room");
        break;
    case FW_DOOR_LEFT:
        printf("left %s\n", event->why);
        break;
    case FW_DOOR_DIED:
        puts("died");
        break;
    }
    return status;
}

int main(int argc, char **argv) {
    fw_door *door;
    fw_region region;
    fw_door_event event;
    if (argc != 3 || strlen(argv[2]) != FW_TOKEN_SIZE)
        return 2;
    if (fw_door_open(&(fw_door_options){ .folder = argv[1] }, &door) != FW_OK)
        return fail("no door");
    if (fw_region_open(&region, REGION_SIZE, FW_PAGES_NORMAL) != FW_OK ||
        fw_region_take(&region, 0, REGION_SIZE) != FW_OK)
        return fail("no region");
    for (size_t i = 0; i < region.size; i++)
        region.base[i] = (uint8_t)(i * 31 >> 4);
    setvbuf(stdout, NULL, _IOLBF, 0);
    puts(fw_door_name(door));
    struct pollfd items[] = { { .fd = fw_door_fd(door), .events = POLLIN }, { .fd = STDIN_FILENO, .events = POLLIN } };
    while (poll(items, 2, fw_poll_ms(fw_door_wakes(door))) >= 0 && items[1].revents == 0)
        while (fw_door_next(door, fw_now(), &event))
            if (on_event(door, &region, argv[2], &event) != FW_OK)
                return fail("event");
    fw_door_close(&door);
    fw_region_close(&region);
    return 0;
}
