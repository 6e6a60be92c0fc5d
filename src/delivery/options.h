/* A sender's options: our own copy, with defaults filled in and checked against each other. */
#ifndef FW_DELIVERY_OPTIONS_H
#define FW_DELIVERY_OPTIONS_H

#include <framewire/sender.h>

/* own must be given to fw_options_free(), after a failure too. */
fw_status fw_options_copy(const fw_sender_options *options, fw_sender_options *own);
void fw_options_free(fw_sender_options *own);

#endif
