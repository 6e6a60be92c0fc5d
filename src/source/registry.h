/* The kinds of source in this build, and the checks that their tables allow. */
#ifndef FW_SOURCE_REGISTRY_H
#define FW_SOURCE_REGISTRY_H

#include "source/source.h"

/* The kind that an argument names. Paths are fw_source_files, and *spec_p is then all zeros; else it is parsed, its
 * parameters checked against the kind's table, and to be freed with fw_spec_free().
 *
 * SCHEME: names a kind; what has another scheme is a path if such a file exists, else FW_INVALID. A file whose name
 * begins with the scheme of a kind is reached as ./test:x. */
fw_status fw_source_resolve(const char *argument, const fw_source_class **kind_p, fw_spec *spec_p);

/* The path within an argument of fw_source_files: without its "files:". */
const char *fw_source_path(const char *argument);

#endif
