/* The libraries in use, for fw_versions(): each is named, with the version that runs, by a file that talks to it. */
#ifndef FW_BASE_VERSION_H
#define FW_BASE_VERSION_H

#include <framewire/version.h>

#include "base/text.h"

/* Append "libzmq 4.3.4". */
void fw_zmq_version(fw_text *text);
void fw_czmq_version(fw_text *text);
void fw_msgpack_version(fw_text *text);
void fw_jpeg_version(fw_text *text);
void fw_png_version(fw_text *text);
void fw_tiff_version(fw_text *text);
void fw_http_version(fw_text *text);

#endif
