/* Frames that nobody could answer, kept for people to look into. */
#ifndef FW_DELIVERY_DEADLETTER_H
#define FW_DELIVERY_DEADLETTER_H

#include <framewire/status.h>

#include "memory/frame.h"

/* Save a frame in a folder, made if missing: raw pixels as .npy, an encoded one as the file it is (.jpg, .png, .tiff), and
 * beside it .json: which frame it is, and why it is here. Never over an existing file; nothing partial is left.
 * Errors: FW_IO, FW_DENIED, FW_NOT_FOUND, with the path in the cause. */
fw_status fw_dead_letter_save(const char *folder, const char *stream, const fw_frame *frame, const char *why,
                              uint32_t attempts, const char *worker);

#endif
