#include "memory/region.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include <linux/memfd.h>

#include "base/status.h"
#include "memory/huge.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

static bool fill(const fw_region *self, size_t offset, size_t end) {
    int result;
    do
        result = fallocate(self->fd, 0, (off_t)offset, (off_t)(end - offset));
    while (result && errno == EINTR);
    return !result;
}

/* Collapse a chunk into a huge page, which the kernel does on demand whatever its settings are (madvise(2); since Linux 6.1).
 * One small page must be there; the others come with it. Where huge pages have run out, to look for more takes long. */
static bool collapse(fw_region *self, size_t offset, size_t end) {
    if (self->paging == FW_PAGES_RESERVED || self->small_only || end - offset < FW_HUGE_PAGE ||
        !fill(self, offset, offset + 1))
        return false;
    if (madvise(self->base + offset, end - offset, MADV_COLLAPSE) == 0) {
        self->huge += end - offset;
        return true;
    }
    self->small_only = errno == EINVAL || errno == ENOMEM;
    return false;
}

static fw_status allocate(fw_region *self, size_t offset, size_t end) {
    /* Pages that fallocate() finds are small, whatever was advised. */
    if (self->paging == FW_PAGES_TRANSPARENT && madvise(self->base + offset, end - offset, MADV_POPULATE_WRITE) == 0)
        return FW_OK;
    return !collapse(self, offset, end) && !fill(self, offset, end)
               ? fw_fail(FW_NO_MEMORY,
                         "the system gave no memory for %zu bytes of frames; a smaller --memory keeps within what "
                         "there is",
                         end - offset)
               : FW_OK;
}

/* As mmap(), at a multiple of a huge page, without which there are none. */
static void *map_at_huge_page(int fd, size_t size) {
    size_t room = size + FW_HUGE_PAGE;
    uint8_t *base = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return MAP_FAILED;
    size_t before = -(uintptr_t)base % FW_HUGE_PAGE;
    if (before > 0)
        munmap(base, before);
    munmap(base + before + size, FW_HUGE_PAGE - before);
    void *mapped = mmap(base + before, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
    if (mapped == MAP_FAILED)
        munmap(base + before, size);
    return mapped;
}

static fw_status map(fw_region *self) {
    unsigned flags =
        MFD_CLOEXEC | MFD_ALLOW_SEALING | (self->paging == FW_PAGES_RESERVED ? MFD_HUGETLB | MFD_HUGE_2MB : 0);
    self->fd = memfd_create("framewire", flags);
    if (self->fd < 0)
        return fw_fail_errno(errno, "no memory can be shared (memfd_create)");
    if (ftruncate(self->fd, (off_t)self->size))
        return fw_fail(FW_NO_MEMORY, "the system has no room for %zu bytes of frames; ask for less memory", self->size);
    void *base = map_at_huge_page(self->fd, self->size);
    if (base == MAP_FAILED)
        return fw_fail(FW_NO_MEMORY, "%zu bytes of frames cannot be mapped; ask for less memory", self->size);
    self->base = base;
    return self->paging == FW_PAGES_TRANSPARENT && madvise(base, self->size, MADV_HUGEPAGE)
               ? fw_fail_errno(errno, "no huge pages")
               : FW_OK;
}

static fw_status set_up(fw_region *self) {
    if (getrandom(&self->number, sizeof self->number, 0) != (ssize_t)sizeof self->number)
        return fw_fail_errno(errno, "no random number for the memory of frames");
    fw_status status = map(self);
    if (status != FW_OK)
        return status;
    self->taken = calloc((self->size + FW_REGION_CHUNK - 1) / FW_REGION_CHUNK, 1);
    if (!self->taken)
        return fw_fail(FW_NO_MEMORY, "out of memory");
    if (fcntl(self->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL))
        return fw_fail(FW_UNSUPPORTED, "this kernel cannot seal shared memory against writing; Linux 5.1 or newer can");
    /* Who counts on them shall not find out in the middle that a cgroup has fewer. */
    return self->paging == FW_PAGES_RESERVED ? fw_region_take(self, 0, self->size) : FW_OK;
}

fw_status fw_region_open(fw_region *self, size_t size, fw_paging paging) {
    size_t page = paging == FW_PAGES_RESERVED ? FW_HUGE_PAGE : (size_t)sysconf(_SC_PAGESIZE);
    *self = (fw_region){ .fd = -1, .paging = paging };
    if (!size || size > PTRDIFF_MAX - page)
        return fw_fail(FW_NO_MEMORY, "%zu bytes cannot be had", size);
    self->size = (size + page - 1) / page * page;
    fw_status status = set_up(self);
    if (status != FW_OK)
        fw_region_close(self);
    return status;
}

fw_status fw_region_take(fw_region *self, size_t offset, size_t size) {
    size_t end = offset + size;
    for (size_t chunk = offset / FW_REGION_CHUNK; chunk * FW_REGION_CHUNK < end; chunk++) {
        if (self->taken[chunk])
            continue;
        size_t from = chunk * FW_REGION_CHUNK, to = from + FW_REGION_CHUNK;
        if (to > self->size)
            to = self->size;
        fw_status status = allocate(self, from, to);
        if (status != FW_OK)
            return status;
        self->taken[chunk] = 1;
        self->pages += to - from;
    }
    return FW_OK;
}

void fw_region_close(fw_region *self) {
    if (self->base)
        munmap(self->base, self->size);
    if (self->fd >= 0)
        close(self->fd);
    free(self->taken);
    *self = (fw_region){ .fd = -1 };
}
