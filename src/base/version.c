#include "base/version.h"

const char *fw_version(void) {
    return FW_VERSION;
}
