/* A ZAP handler (RFC 27): a thread that answers libzmq's question whether a CURVE key may come in. One a context. */
#ifndef FW_NET_ZAP_H
#define FW_NET_ZAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <framewire/status.h>

typedef struct fw_zap fw_zap;

enum { FW_KEY_SIZE = 32 };

/* Let these public keys in, count times FW_KEY_SIZE bytes (copied), and nobody else. FW_IN_USE: the context has one. */
fw_status fw_zap_open(void *context, const uint8_t *keys, size_t count, fw_zap **self_p);
uint64_t fw_zap_refused(const fw_zap *self);
void fw_zap_close(fw_zap **self_p);

#endif
