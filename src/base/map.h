/* A table from 64-bit numbers to pointers: open addressing, linear probing, deletion without tombstones. */
#ifndef FW_BASE_MAP_H
#define FW_BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

#include <framewire/status.h>

/* Zero-initialise; fw_map_free() at the end. One thread. */
typedef struct fw_map {
    struct fw_map_entry {
        uint64_t key;
        void *value; /* NULL: free */
    } * entries;
    size_t count, room; /* room is a power of two, or 0 */
} fw_map;

/* value must not be NULL; a key that is there gets the new value. Errors: FW_NO_MEMORY. */
fw_status fw_map_put(fw_map *self, uint64_t key, void *value);

/* NULL if it is not there. */
void *fw_map_get(const fw_map *self, uint64_t key);

/* Remove and return; NULL if it is not there. */
void *fw_map_take(fw_map *self, uint64_t key);

/* drop (or NULL) is called for every value that is left. */
void fw_map_free(fw_map *self, void (*drop)(void *value));

#endif
