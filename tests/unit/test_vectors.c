/* The golden messages of proto/vectors: each means what its JSON says, or is refused for the reason that it says. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../interop/describe.h"

static uint8_t *read_file(const char *path, size_t *size_p) {
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    size_t size = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(size + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, size, file), size);
    bytes[size] = '\0';
    fclose(file);
    *size_p = size;
    return bytes;
}

/* The value of a key that has a line of its own. */
static char *line_of(const char *json, const char *key) {
    char start[32];
    snprintf(start, sizeof start, "\n\"%s\": ", key);
    const char *value = strstr(json, start);
    assert_non_null(value);
    value += strlen(start);
    return strndup(value, strcspn(value, "\n"));
}

/* A copy of the part that is exactly as long, so that a sanitizer sees reads beyond it. */
static fw_part own(fw_part part) {
    void *data = malloc(part.size ? part.size : 1);
    assert_non_null(data);
    memcpy(data, part.data, part.size);
    return (fw_part){ data, part.size };
}

static void check_vector(const char *folder, const char *name, bool good) {
    char path[1024];
    size_t size, json_size;
    snprintf(path, sizeof path, "%s/%s.bin", folder, name);
    uint8_t *message = read_file(path, &size);
    snprintf(path, sizeof path, "%s/%s.json", folder, name);
    char *json = (char *)read_file(path, &json_size);
    char *expected = line_of(json, good ? "means" : "reason");

    fw_part parts[MESSAGE_PARTS_MAX];
    int count = message_split(message, size, parts);
    assert_true(count >= 0);
    for (int i = 0; i < count; i++)
        parts[i] = own(parts[i]);
    fw_header header;
    fw_reason reason;
    fw_text found = { 0 };
    if (fw_message_check(parts, (size_t)count, &header, &reason) == FW_OK)
        message_describe(&found, parts, &header);
    else
        fw_text_format(&found, "\"%s\"", fw_reason_text(reason));
    if (strcmp(found.data, expected) != 0)
        fail_msg("%s: %s, not %s", name, found.data, expected);

    for (int i = 0; i < count; i++)
        free((void *)parts[i].data);
    free(found.data);
    free(expected);
    free(json);
    free(message);
}

static int check_folder(const char *folder, bool good) {
    DIR *entries = opendir(folder);
    assert_non_null(entries);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(entries));) {
        char *end = strstr(entry->d_name, ".bin");
        if (!end)
            continue;
        *end = '\0';
        check_vector(folder, entry->d_name, good);
        count++;
    }
    closedir(entries);
    return count;
}

static void good_messages_mean_what_they_say(void **state) {
    (void)state;
    assert_in_range(check_folder(VECTORS "/good", true), 25, 10000);
}

static void bad_messages_are_refused_for_their_reason(void **state) {
    (void)state;
    assert_in_range(check_folder(VECTORS "/bad", false), 40, 10000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_messages_mean_what_they_say),
        cmocka_unit_test(bad_messages_are_refused_for_their_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
