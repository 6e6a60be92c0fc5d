/* CURVE keys: who may connect, and to whom one speaks. */
#ifndef FRAMEWIRE_KEYS_H
#define FRAMEWIRE_KEYS_H

#include <framewire/export.h>
#include <framewire/status.h>

FW_BEGIN_DECLS

/* Make a key pair in a folder: `framewire.key` (public) and `framewire.key_secret` (mode 0600),
 * in CZMQ's certificate format. The folder is made (0700) if missing. public_text gets the public
 * key in Z85 (40 characters and a NUL).
 * Never overwrites: FW_IN_USE if a pair is there. FW_UNSUPPORTED if libzmq has no CURVE. Any thread. */
FW_API fw_status fw_keys_make(const char *folder, char public_text[41]);

FW_END_DECLS

#endif
