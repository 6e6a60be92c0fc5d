/* The sealed memfd that holds every slot of a sender, until a fresh one takes its place. */
#ifndef FW_MEMORY_REGION_H
#define FW_MEMORY_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <framewire/status.h>

typedef enum fw_paging {
    FW_PAGES_NORMAL,      /* collapsed into huge ones, chunk by chunk, where the kernel does that */
    FW_PAGES_TRANSPARENT, /* huge where the kernel finds some: see fw_huge_transparent() */
    FW_PAGES_RESERVED     /* huge, of those that the system keeps for who asks; all are taken at the start */
} fw_paging;

typedef struct fw_region {
    fw_paging paging;
    uint64_t number; /* random: what descriptors call it */
    int fd;          /* CLOEXEC; sealed: no shrink, no grow, no new writable mappings */
    uint8_t *base;   /* this process's writable mapping */
    size_t size;     /* a multiple of the page */
    uint8_t *taken;  /* one byte a chunk: its pages are there */
    size_t pages;    /* bytes of these chunks */
    size_t huge;     /* and of those that were collapsed */
    bool small_only; /* no huge pages are asked for: the kernel has no more, or never had, or little is moved here */
} fw_region;

#define FW_REGION_CHUNK ((size_t)2 << 20)

/* Make a region; no pages are taken yet, but where they are reserved. size is rounded up to the page. Seals in the order that
 * lets this process write and nobody else: ftruncate, mmap, then F_SEAL_SHRINK | GROW | FUTURE_WRITE | SEAL.
 * Errors: FW_NO_MEMORY, FW_UNSUPPORTED (a system that cannot seal), FW_IO; self is then closed. */
fw_status fw_region_open(fw_region *self, size_t size, fw_paging paging);

/* Have pages for [offset, offset + size), by fallocate, so that no write gets SIGBUS later. Pages that are there
 * already cost nothing, and none goes back before fw_region_close(). Errors: FW_NO_MEMORY. The caller locks. */
fw_status fw_region_take(fw_region *self, size_t offset, size_t size);

void fw_region_close(fw_region *self);

#endif
