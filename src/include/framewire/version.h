/* The version of this header, and of the library that runs. */
#ifndef FRAMEWIRE_VERSION_H
#define FRAMEWIRE_VERSION_H

#include <framewire/export.h>

FW_BEGIN_DECLS

#define FW_VERSION_MAJOR 0
#define FW_VERSION_MINOR 1
#define FW_VERSION_PATCH 0
#define FW_VERSION       "0.1.0"

/* The running library's version, like "0.1.0". */
FW_API const char *fw_version(void);

/* The libraries in use, with the versions that run: "libzmq 4.3.4, CZMQ 4.2.1, ...". */
FW_API const char *fw_versions(void);

FW_END_DECLS

#endif
