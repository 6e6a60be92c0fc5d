#include "memory/view.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/status.h"

#define ALIGNMENT 64

static fw_status check(int fd, uint64_t size) {
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0)
        return fw_fail(FW_BAD_MESSAGE, "the sender gave a file that is no memfd");
    int needed = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    if ((seals & needed) != needed || (seals & (F_SEAL_FUTURE_WRITE | F_SEAL_WRITE)) == 0)
        return fw_fail(FW_BAD_MESSAGE, "the sender's memory is not sealed as it must be (seals %#x)", seals);
    struct stat file;
    if (fstat(fd, &file) != 0 || size == 0 || size > PTRDIFF_MAX || (uint64_t)file.st_size < size)
        return fw_fail(FW_BAD_MESSAGE, "the sender's memory has not the %llu bytes that were said",
                       (unsigned long long)size);
    return FW_OK;
}

fw_status fw_view_open(fw_view *self, int fd, uint64_t size) {
    *self = (fw_view){ 0 };
    fw_status status = check(fd, size);
    if (status != FW_OK)
        return status;
    void *base = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED)
        return fw_fail(FW_NO_MEMORY, "the sender's memory cannot be mapped: %s", strerror(errno));
    *self = (fw_view){ base, (size_t)size };
    return FW_OK;
}

const void *fw_view_at(const fw_view *self, uint64_t offset, uint64_t size) {
    if (offset % ALIGNMENT != 0 || offset > self->size || size > self->size - offset)
        return NULL;
    return self->base + offset;
}

void fw_view_close(fw_view *self) {
    if (self->base)
        munmap((void *)self->base, self->size);
    *self = (fw_view){ 0 };
}
