/* The bare sender of files as they are: bare_files COUNT FILE... sends COUNT files, in turn, and ends when its stdin
 * is closed.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bare.h"

static void send_file(void *socket, const char *path) {
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) != 0) {
        perror(path);
        exit(1);
    }
    size_t size = (size_t)info.st_size;
    char *data = bare_take(size);
    if (read(fd, data, size) != (ssize_t)size) {
        perror(path);
        exit(1);
    }
    close(fd);
    bare_send(socket, data, size);
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: bare_files COUNT FILE...\n");
        return 2;
    }
    unsigned long count = strtoul(argv[1], NULL, 10), files = (unsigned long)argc - 2;
    void *socket = bare_open();
    for (unsigned long i = 0; i < count; i++)
        send_file(socket, argv[2 + i % files]);
    getchar();
    return 0;
}
