#include "delivery/known.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jsonline.h"
#include "base/status.h"

typedef struct known_item {
    struct known_item *next; /* same hash */
    bool known;              /* false: its last line is to be retried */
    fw_known_file file;
    char name[];
} known_item;

/* FNV-1a, 64 bit (Fowler, Noll, Vo). */
static uint64_t hash(const char *text) {
    uint64_t value = 0xcbf29ce484222325U;
    for (; *text != '\0'; text++)
        value = (value ^ (uint8_t)*text) * 0x100000001b3U;
    return value;
}

static known_item *find(const fw_known *self, const char *name) {
    known_item *item = fw_map_get(&self->items, hash(name));
    while (item != NULL && strcmp(item->name, name) != 0)
        item = item->next;
    return item;
}

static fw_status learn(fw_known *self, const char *name, bool known, const fw_known_file *file) {
    known_item *item = find(self, name);
    if (item != NULL) {
        item->known = known;
        item->file = *file;
        return FW_OK;
    }
    size_t size = strlen(name) + 1;
    item = malloc(sizeof *item + size);
    if (item == NULL)
        return fw_fail(FW_NO_MEMORY, "no memory for the items of a results file");
    memcpy(item->name, name, size);
    item->known = known;
    item->file = *file;
    item->next = fw_map_get(&self->items, hash(name));
    fw_status status = fw_map_put(&self->items, hash(name), item);
    if (status != FW_OK)
        free(item);
    return status;
}

static fw_status learn_line(fw_known *self, const char *line, bool retry_errors) {
    char *item = NULL, *verdict = NULL;
    fw_status status = fw_json_text_field(line, "status", &verdict);
    if (status == FW_OK)
        status = fw_json_text_field(line, "item", &item);
    fw_known_file file = { -1, -1 };
    (void)fw_json_int_field(line, "meta", "size", &file.size);
    (void)fw_json_int_field(line, "meta", "mtime", &file.mtime);
    if (status == FW_OK && item != NULL)
        status = learn(self, item, !(retry_errors && verdict != NULL && strcmp(verdict, "error") == 0), &file);
    free(item);
    free(verdict);
    return status;
}

fw_status fw_known_read(fw_known *self, int fd, const char *path, bool retry_errors) {
    int copy = dup(fd);
    FILE *file = copy >= 0 ? fdopen(copy, "r") : NULL;
    if (file == NULL) {
        if (copy >= 0)
            close(copy);
        return fw_fail_errno(errno, "%s", path);
    }
    rewind(file);
    char *line = NULL;
    size_t room = 0;
    uint64_t number = 0;
    fw_status status = FW_OK;
    while (status == FW_OK && getline(&line, &room, file) > 0) {
        number++;
        status = learn_line(self, line, retry_errors);
        if (status == FW_BAD_INPUT)
            status = fw_fail(FW_BAD_INPUT, "%s: line %llu is not a result line; choose another file", path,
                             (unsigned long long)number);
    }
    if (status == FW_OK && ferror(file))
        status = fw_fail_errno(errno, "%s", path);
    free(line);
    fclose(file);
    return status;
}

bool fw_known_has(const fw_known *self, const char *item, fw_known_file *file_p) {
    const known_item *found = find(self, item);
    if (found == NULL || !found->known)
        return false;
    if (file_p != NULL)
        *file_p = found->file;
    return true;
}

static void drop_chain(void *value) {
    for (known_item *item = value; item != NULL;) {
        known_item *next = item->next;
        free(item);
        item = next;
    }
}

void fw_known_free(fw_known *self) {
    fw_map_free(&self->items, drop_chain);
}
