/* Reading msgpack in place, token by token.
 *
 * Own, since msgpack-c's unpacker takes memory by the counts that a message declares (155 bytes reserve 16 GB):
 * here a count is checked against the bytes left, nothing is allocated, and text points into the message.
 */
#ifndef FW_WIRE_READER_H
#define FW_WIRE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct fw_reader {
    const uint8_t *at, *end;
} fw_reader;

/* Over so many bytes; data may be NULL where there are none. */
static inline fw_reader fw_reader_of(const void *data, size_t size) {
    const uint8_t *bytes = data;
    return size > 0 ? (fw_reader){ bytes, bytes + size } : (fw_reader){ 0 };
}

typedef enum fw_token_kind {
    FW_TOKEN_NIL,
    FW_TOKEN_BOOL,
    FW_TOKEN_UINT, /* any integer >= 0, however it is packed */
    FW_TOKEN_INT,  /* any integer < 0 */
    FW_TOKEN_FLOAT,
    FW_TOKEN_TEXT,
    FW_TOKEN_BYTES,
    FW_TOKEN_ARRAY,
    FW_TOKEN_MAP,
    FW_TOKEN_EXT
} fw_token_kind;

typedef struct fw_token {
    fw_token_kind kind;
    int8_t ext_type;
    uint32_t size; /* bytes of text, bytes and ext; elements of an array; pairs of a map */
    union {
        bool boolean;
        uint64_t uint;
        int64_t sint;
        double real;
        const uint8_t *data; /* text, bytes, ext */
    };
} fw_token;

/* The next token; the elements of an array or map follow as tokens of their own. False: the bytes end too early, a
 * count is larger than the bytes left, or a byte that msgpack never uses. */
bool fw_read(fw_reader *self, fw_token *token);

/* Which values fw_skip() lets pass. */
typedef enum fw_rules {
    FW_HEADER_RULES, /* text is UTF-8, keys are text or bytes, no ext */
    FW_VALUE_RULES   /* keys are no arrays, maps or ext; ext types are the applications' own, 0 to 127 */
} fw_rules;

/* Step over one whole value that nests arrays and maps at most depth deep. False where it breaks a rule. */
bool fw_skip(fw_reader *self, unsigned depth, fw_rules rules);

/* The same for a value whose first token has been read already. */
bool fw_skip_rest(fw_reader *self, const fw_token *token, unsigned depth, fw_rules rules);

#endif
