/* Which machine this is. */
#ifndef FW_BASE_HOST_H
#define FW_BASE_HOST_H

#include <stddef.h>

/* The same for all processes of a running machine, and for no other: random at boot (Linux, random(4)). "": not known. */
void fw_boot_id(char *out, size_t room);

/* "host/4242": this process, for people. */
void fw_process_name(char *out, size_t room);

#endif
