#include "base/map.h"

#include <stdlib.h>

#include "base/status.h"

#define FIRST_ROOM ((size_t)64)

/* The finalizer of splitmix64 (Steele, Lea, Flood 2014): neighbouring keys land far apart. */
static size_t home(const fw_map *self, uint64_t key) {
    key = (key ^ (key >> 30)) * 0xbf58476d1ce4e5b9U;
    key = (key ^ (key >> 27)) * 0x94d049bb133111ebU;
    return (size_t)(key ^ (key >> 31)) & (self->room - 1);
}

static struct fw_map_entry *find(const fw_map *self, uint64_t key) {
    if (self->room == 0)
        return NULL;
    size_t at = home(self, key);
    while (self->entries[at].value != NULL && self->entries[at].key != key)
        at = (at + 1) & (self->room - 1);
    return &self->entries[at];
}

static fw_status grow(fw_map *self) {
    fw_map larger = { .room = self->room != 0 ? self->room * 2 : FIRST_ROOM };
    larger.entries = calloc(larger.room, sizeof *larger.entries);
    if (larger.entries == NULL)
        return fw_fail(FW_NO_MEMORY, "no memory for a table of %zu entries", larger.room);
    for (size_t i = 0; i < self->room; i++)
        if (self->entries[i].value != NULL)
            *find(&larger, self->entries[i].key) = self->entries[i];
    larger.count = self->count;
    free(self->entries);
    *self = larger;
    return FW_OK;
}

fw_status fw_map_put(fw_map *self, uint64_t key, void *value) {
    if (self->count >= self->room / 2) {
        fw_status status = grow(self);
        if (status != FW_OK)
            return status;
    }
    struct fw_map_entry *entry = find(self, key);
    self->count += entry->value == NULL;
    *entry = (struct fw_map_entry){ key, value };
    return FW_OK;
}

void *fw_map_get(const fw_map *self, uint64_t key) {
    const struct fw_map_entry *entry = find(self, key);
    return entry != NULL ? entry->value : NULL;
}

/* Empty a place, and move back what stood behind it only because it was taken. */
static void *clear(fw_map *self, size_t hole) {
    void *value = self->entries[hole].value;
    const size_t mask = self->room - 1;
    for (size_t at = (hole + 1) & mask; self->entries[at].value != NULL; at = (at + 1) & mask) {
        size_t wants = home(self, self->entries[at].key);
        if (((at - wants) & mask) >= ((at - hole) & mask)) {
            self->entries[hole] = self->entries[at];
            hole = at;
        }
    }
    self->entries[hole].value = NULL;
    self->count--;
    return value;
}

void *fw_map_take(fw_map *self, uint64_t key) {
    struct fw_map_entry *entry = find(self, key);
    if (entry == NULL || entry->value == NULL)
        return NULL;
    return clear(self, (size_t)(entry - self->entries));
}

void fw_map_free(fw_map *self, void (*drop)(void *value)) {
    for (size_t i = 0; drop != NULL && i < self->room; i++)
        if (self->entries[i].value != NULL)
            drop(self->entries[i].value);
    free(self->entries);
    *self = (fw_map){ 0 };
}
