/* Frames whose every byte tells which frame it is of, and where in it it stands; and the words of the tools' command lines. */
#ifndef FW_TEST_STAMPED_H
#define FW_TEST_STAMPED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static inline uint64_t stamped_word(uint64_t epoch, uint64_t seq, size_t index) {
    return epoch ^ ((seq << 24) + index) * 0x9E3779B97F4A7C15u;
}

static inline void stamped_fill(uint8_t *bytes, size_t from, size_t to, uint64_t epoch, uint64_t seq) {
    for (size_t at = from; at < to; at += 8) {
        uint64_t word = stamped_word(epoch, seq, at / 8);
        memcpy(bytes + at, &word, to - at < 8 ? to - at : 8);
    }
}

static inline bool stamped_whole(const uint8_t *bytes, size_t size, uint64_t epoch, uint64_t seq) {
    uint64_t differs = 0;
    for (size_t at = 0; at + 8 <= size; at += 8) {
        uint64_t word;
        memcpy(&word, bytes + at, 8);
        differs |= word ^ stamped_word(epoch, seq, at / 8);
    }
    uint64_t last = stamped_word(epoch, seq, size / 8);
    return differs == 0 && memcmp(bytes + size / 8 * 8, &last, size % 8) == 0;
}

/* NAME=VALUE among a tool's words. */
static inline const char *word_of(char **argv, const char *name, const char *otherwise) {
    size_t size = strlen(name);
    for (char **word = argv + 1; *word != NULL; word++)
        if (strncmp(*word, name, size) == 0 && (*word)[size] == '=')
            return *word + size + 1;
    return otherwise;
}

static inline unsigned long long number_of(char **argv, const char *name, unsigned long long otherwise) {
    const char *word = word_of(argv, name, NULL);
    return word != NULL ? strtoull(word, NULL, 10) : otherwise;
}

#endif
