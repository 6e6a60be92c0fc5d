/* The least that sharing memory takes: bare_descriptor SOCKET SIZE COUNT RATE.
 *
 * Frames lie in a memfd of AHEAD slots; for each, its offset goes over a Unix socket, and a byte comes back once it was read.
 * The time is written into a frame's first bytes. Prints the path of the memfd, waits for a reader at SOCKET, and prints the
 * frames a second as JSON. RATE 0: as fast as they are read.
 */
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "least.h"

#define AHEAD 16

int main(int argc, char **argv) {
    if (argc != 5) {
        fprintf(stderr, "usage: bare_descriptor SOCKET SIZE COUNT RATE\n");
        return 2;
    }
    size_t size = strtoul(argv[2], NULL, 10);
    uint64_t count = strtoul(argv[3], NULL, 10), answered = 0;
    int64_t period = strtol(argv[4], NULL, 10) > 0 ? 1000000000 / strtol(argv[4], NULL, 10) : 0;
    int memory = memfd_create("bare", MFD_CLOEXEC);
    check(memory < 0 || ftruncate(memory, (off_t)(size * AHEAD)) != 0, "memfd");
    char *slots = mmap(NULL, size * AHEAD, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    check(slots == MAP_FAILED, "mmap");
    memset(slots, 1, size * AHEAD);
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    snprintf(name.sun_path, sizeof name.sun_path, "%s", argv[1]);
    int door = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    check(door < 0 || bind(door, (struct sockaddr *)&name, sizeof name) != 0 || listen(door, 1) != 0, "socket");
    printf("/proc/%d/fd/%d\n", (int)getpid(), memory);
    fflush(stdout);
    int reader = accept4(door, NULL, NULL, SOCK_CLOEXEC);
    check(reader < 0, "accept");
    int64_t began = now_ns(), due = began;
    char answer;
    for (uint64_t number = 0; number < count; number++) {
        while (answered + AHEAD <= number) {
            check(recv(reader, &answer, 1, 0) != 1, "reader");
            answered++;
        }
        if (period > 0) {
            due += period;
            struct timespec at = { .tv_sec = due / 1000000000, .tv_nsec = due % 1000000000 };
            clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
        }
        uint64_t place[2] = { number % AHEAD * size, size };
        int64_t now = now_ns();
        memcpy(slots + place[0], &now, sizeof now);
        check(send(reader, place, sizeof place, MSG_NOSIGNAL) != (ssize_t)sizeof place, "send");
    }
    for (; answered < count; answered++)
        check(recv(reader, &answer, 1, 0) != 1, "reader");
    printf("{\"fps\": %.1f}\n", (double)count * 1e9 / (double)(now_ns() - began));
    return 0;
}
