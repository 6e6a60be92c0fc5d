/* A receiver's side of the door (net/door.h is the sender's).
 *
 * One thread, and nothing here waits: poll fw_visit_fd(). The answer to the knock is the first packet that comes:
 * FW_PACKET_ACCEPTED or FW_PACKET_REFUSED; until then nothing may be sent.
 */
#ifndef FW_NET_VISIT_H
#define FW_NET_VISIT_H

#include <stdbool.h>

#include "net/packet.h"

typedef struct fw_visit fw_visit;

/* Go to the door of this name and knock: show the token from `welcome`, and this process's pidfd. folder as the sender's:
 * see door_folder.h. Waits for at most a second, where many come at a time.
 * Errors: FW_NOT_FOUND (no such folder or door here), FW_DENIED, FW_INVALID (no door's name), FW_UNSUPPORTED (no pidfd),
 * FW_NO_MEMORY, FW_IO; *self_p is then NULL. */
fw_status fw_visit_open(const char *folder, const char *name, const uint8_t token[FW_TOKEN_SIZE], fw_visit **self_p);

int fw_visit_fd(const fw_visit *self);

/* Errors: those of fw_packet_send(). */
fw_status fw_visit_send(fw_visit *self, const fw_part *parts, size_t count);

/* Two messages in one packet. Errors: those of fw_packet_send_two(). */
fw_status fw_visit_send_two(fw_visit *self, const fw_part *parts, size_t count, size_t first);

/* Say it aside: it wakes nobody, and is heard before what fw_visit_send() sends next. false: there is no aside, or no room;
 * send it. */
bool fw_visit_say_aside(fw_visit *self, const fw_part *parts, size_t count);

/* The next packet; its parts are valid until the next call, and its fd is the caller's.
 * Errors: those of fw_packet_receive(). */
fw_status fw_visit_receive(fw_visit *self, fw_packet *packet);

/* Of a packet of kind FW_PACKET_MEMORY. FW_BAD_MESSAGE. */
fw_status fw_visit_memory(const fw_packet *packet, uint64_t *region_p, uint64_t *size_p);

/* Hangs up. NULL is fine; clears *self_p. */
void fw_visit_close(fw_visit **self_p);

#endif
