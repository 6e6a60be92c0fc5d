/* Packing of what leased delivery adds. The header has kept its limits. */
#ifndef FW_WIRE_LEASED_H
#define FW_WIRE_LEASED_H

#include "wire/put.h"

/* FW_INVALID or FW_TOO_LARGE for what receivers would refuse. */
fw_status fw_leased_check(const fw_header *header);

/* Any kind of leased delivery other than frame, result and end. */
void fw_leased_write(fw_writer *writer, const fw_header *header);

/* What a leased frame says beyond a plain one: how many pairs, and the pairs. */
uint32_t fw_lease_count(const fw_header *header);
void fw_lease_write(fw_writer *writer, const fw_header *header);

#endif
