/* What a call came to: one enum, one text a value, and a longer cause to read. */
#ifndef FRAMEWIRE_STATUS_H
#define FRAMEWIRE_STATUS_H

#include <framewire/export.h>

FW_BEGIN_DECLS

typedef enum fw_status {
    FW_OK = 0,
    FW_END,         /* a source has no more frames */
    FW_INVALID,     /* an argument or option makes no sense */
    FW_UNSUPPORTED, /* understood, but not something this build or version does */
    FW_NO_MEMORY,   /* the system gave no memory */
    FW_FULL,        /* the memory budget is used up, and the options say not to wait */
    FW_TOO_LARGE,   /* beyond a limit: the largest block of the budget, or a decoding limit */
    FW_TIMEOUT,     /* nothing happened in the time allowed */
    FW_CLOSED,      /* stopped or closed, here or by another thread */
    FW_IN_USE,      /* an address or a file is taken by another program */
    FW_NOT_FOUND,   /* no such file, host or device */
    FW_DENIED,      /* not permitted */
    FW_IO,          /* the operating system reported an error */
    FW_BAD_INPUT,   /* an image that cannot be decoded */
    FW_BAD_MESSAGE, /* a message that breaks the wire format */
    FW_STATUS_COUNT /* how many there are; never returned */
} fw_status;

/* A short text for a status, in lower case, without a full stop. Never NULL. Any thread. */
FW_API const char *fw_status_text(fw_status status);

/* The sentence that belongs to the last failure of a Framewire call in this thread: what was
 * wrong, where, and what would work. Owned by the library, valid until this thread's next
 * failing call; "" before the first. */
FW_API const char *fw_cause(void);

FW_END_DECLS

#endif
