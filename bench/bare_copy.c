/* The least that copying in takes: bare_copy SIZE COUNT.
 *
 * As leased_send with `copy` and a worker that checks stamps, and nothing else: COUNT frames of SIZE bytes are copied from one
 * picture into slots of a memfd, the number of each goes over a Unix socket to a process that checks what is stamped each
 * 64 KiB, and its slot comes back. The slot that came back last is filled first. Prints the frames a second as JSON.
 */
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "least.h"

#define SLOTS      4
#define STAMP_STEP ((size_t)64 << 10)

typedef struct frame {
    uint32_t slot;
    uint64_t number;
} frame;

static char *slots;
static size_t size, room;

static void fill(char *slot, const char *picture, uint64_t number) {
    memcpy(slot, picture, size);
    for (size_t at = 0; at + sizeof number <= size; at += STAMP_STEP)
        memcpy(slot + at, &number, sizeof number);
}

static void read_all(int sender) {
    frame came;
    while (recv(sender, &came, sizeof came, 0) == (ssize_t)sizeof came) {
        for (size_t at = 0; at + sizeof came.number <= size; at += STAMP_STEP)
            check(memcmp(slots + came.slot * room + at, &came.number, sizeof came.number) != 0, "a frame is torn");
        check(send(sender, &came.slot, sizeof came.slot, MSG_NOSIGNAL) < 0, "send");
    }
    exit(0);
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: bare_copy SIZE COUNT\n");
        return 2;
    }
    size = strtoul(argv[1], NULL, 10);
    uint64_t count = strtoul(argv[2], NULL, 10), warm = count / 10;
    room = (size + 4095) & ~(size_t)4095;
    int memory = memfd_create("bare", MFD_CLOEXEC), ends[2];
    check(memory < 0 || ftruncate(memory, (off_t)(SLOTS * room)) != 0, "memfd");
    slots = mmap(NULL, SLOTS * room, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    char *picture = malloc(size);
    check(slots == MAP_FAILED || picture == NULL, "memory");
    memset(slots, 1, SLOTS * room);
    memset(picture, 1, size);
    check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0, "socket");
    pid_t reader = fork();
    check(reader < 0, "fork");
    if (reader == 0) {
        close(ends[0]);
        read_all(ends[1]);
    }
    close(ends[1]);
    uint32_t unused[SLOTS] = { 0, 1, 2, 3 }, back;
    int there = SLOTS;
    int64_t began = 0;
    for (uint64_t number = 0; number < count; number++) {
        if (number == warm)
            began = now_ns();
        while (recv(ends[0], &back, sizeof back, there > 0 ? MSG_DONTWAIT : 0) == (ssize_t)sizeof back)
            unused[there++] = back;
        check(there == 0, "reader");
        const frame next = { unused[--there], number };
        fill(slots + next.slot * room, picture, number);
        check(send(ends[0], &next, sizeof next, MSG_NOSIGNAL) != (ssize_t)sizeof next, "send");
    }
    for (; there < SLOTS; there++)
        check(recv(ends[0], &back, sizeof back, 0) != (ssize_t)sizeof back, "reader");
    printf("{\"fps\": %.1f}\n", (double)(count - warm) * 1e9 / (double)(now_ns() - began));
    close(ends[0]);
    int status;
    waitpid(reader, &status, 0);
    free(picture);
    return status != 0;
}
