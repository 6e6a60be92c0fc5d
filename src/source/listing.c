#include "source/listing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/status.h"
#include "image/codec.h"

/* Have room for `more` elements beyond count; doubles. */
static bool grow(void **data_p, size_t *room_p, size_t count, size_t more, size_t element) {
    if (*room_p - count >= more)
        return true;
    size_t room = *room_p < 64 ? 64 : *room_p * 2;
    room = room - count < more ? count + more : room;
    void *data = reallocarray(*data_p, room, element);
    if (data == NULL)
        return false;
    *data_p = data;
    *room_p = room;
    return true;
}

fw_status fw_listing_add(fw_listing *self, fw_entry_kind kind, const char *name) {
    size_t size = strlen(name) + 2;
    if (!grow((void **)&self->text, &self->room, self->size, size, 1) ||
        !grow((void **)&self->places, &self->places_room, self->count, 1, sizeof *self->places))
        return fw_fail(FW_NO_MEMORY, "no memory for the names of %zu files", self->count + 1);
    self->places[self->count++] = self->size;
    self->text[self->size] = (char)kind;
    memcpy(self->text + self->size + 1, name, size - 1);
    self->size += size;
    return FW_OK;
}

const char *fw_listing_name(const fw_listing *self, size_t index) {
    return self->text + self->places[index] + 1;
}

fw_entry_kind fw_listing_kind(const fw_listing *self, size_t index) {
    return (fw_entry_kind)self->text[self->places[index]];
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Numbers by value; moves both behind them. */
static int compare_numbers(const char **a_p, const char **b_p) {
    const char *a = *a_p, *b = *b_p;
    while (*a == '0')
        a++;
    while (*b == '0')
        b++;
    size_t a_size = strspn(a, "0123456789"), b_size = strspn(b, "0123456789");
    *a_p = a + a_size;
    *b_p = b + b_size;
    if (a_size != b_size)
        return a_size < b_size ? -1 : 1;
    return memcmp(a, b, a_size);
}

int fw_natural_compare(const char *first, const char *second) {
    const char *a = first, *b = second;
    while (*a != '\0' && *b != '\0') {
        if (is_digit(*a) && is_digit(*b)) {
            int order = compare_numbers(&a, &b);
            if (order != 0)
                return order;
            continue;
        }
        unsigned char x = *a == '/' ? 1 : (unsigned char)*a, y = *b == '/' ? 1 : (unsigned char)*b;
        if (x != y)
            return x < y ? -1 : 1;
        a++;
        b++;
    }
    if (*a != *b)
        return *a == '\0' ? -1 : 1;
    return strcmp(first, second); /* a1 and a01 */
}

static int compare_places(const void *a, const void *b, void *text) {
    return fw_natural_compare((const char *)text + *(const size_t *)a + 1, (const char *)text + *(const size_t *)b + 1);
}

void fw_listing_sort(fw_listing *self, size_t first) {
    if (self->count - first > 1)
        qsort_r(self->places + first, self->count - first, sizeof *self->places, compare_places, self->text);
}

static fw_status add_entry(fw_listing *self, const struct dirent *entry) {
    fw_entry_kind kind = entry->d_type == DT_DIR                                  ? FW_ENTRY_FOLDER
                         : entry->d_type == DT_LNK || entry->d_type == DT_UNKNOWN ? FW_ENTRY_UNKNOWN
                                                                                  : FW_ENTRY_FILE;
    if (entry->d_name[0] == '.' || (kind == FW_ENTRY_FILE && !fw_codec_has_extension(entry->d_name)))
        return FW_OK;
    return fw_listing_add(self, kind, entry->d_name);
}

fw_status fw_listing_read(fw_listing *self, const char *folder, struct stat *info) {
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = fd >= 0 && fstat(fd, info) == 0 ? fdopendir(fd) : NULL;
    if (stream == NULL) {
        int error = errno;
        if (fd >= 0)
            close(fd);
        return fw_fail_errno(error, "the folder cannot be read");
    }
    fw_status status = FW_OK;
    const struct dirent *entry;
    while (status == FW_OK && (errno = 0, entry = readdir(stream)) != NULL)
        status = add_entry(self, entry);
    if (status == FW_OK && errno != 0)
        status = fw_fail_errno(errno, "the folder cannot be read to its end");
    closedir(stream);
    fw_listing_sort(self, 0);
    return status;
}

void fw_listing_free(fw_listing *self) {
    free(self->text);
    free(self->places);
    *self = (fw_listing){ 0 };
}
