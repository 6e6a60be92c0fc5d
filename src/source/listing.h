/* Names of files, packed: a million cost their own bytes and ten more each. */
#ifndef FW_SOURCE_LISTING_H
#define FW_SOURCE_LISTING_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <framewire/status.h>

/* What is known of a name without asking the file system. */
typedef enum fw_entry_kind { FW_ENTRY_FILE, FW_ENTRY_FOLDER, FW_ENTRY_UNKNOWN } fw_entry_kind;

/* Zero-initialise; fw_listing_free() at the end. */
typedef struct fw_listing {
    char *text; /* an entry: its kind as one byte, the name, NUL */
    size_t size, room;
    size_t *places; /* where the entries begin */
    size_t count, places_room;
} fw_listing;

fw_status fw_listing_add(fw_listing *self, fw_entry_kind kind, const char *name);

/* Natural order: img2 before img10, and a folder's names right behind it ('/' before all else). */
void fw_listing_sort(fw_listing *self, size_t first);
int fw_natural_compare(const char *a, const char *b);

const char *fw_listing_name(const fw_listing *self, size_t index);
fw_entry_kind fw_listing_kind(const fw_listing *self, size_t index);

/* Read a folder, in natural order: its folders, and what has an image's extension. Names that begin with a dot are
 * left out, as shells do. *info gets the folder's own stat. Failures have the reason alone as their cause. */
fw_status fw_listing_read(fw_listing *self, const char *folder, struct stat *info);

void fw_listing_free(fw_listing *self);

#endif
