/* What every unit test includes: cmocka, and checks of a status that show its cause. */
#ifndef FW_TESTS_CHECK_H
#define FW_TESTS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <framewire/status.h>

/* The call succeeds; else its cause is shown. */
#define assert_ok(call)                                                      \
    do {                                                                     \
        fw_status got = (call);                                              \
        if (got != FW_OK)                                                    \
            fail_msg("%s: %s (%s)", #call, fw_status_text(got), fw_cause()); \
    } while (0)

/* The call fails like this, and its cause contains text. */
#define assert_fails(call, wanted, text)                                                    \
    do {                                                                                    \
        fw_status got = (call);                                                             \
        if (got != (wanted))                                                                \
            fail_msg("%s: %s, not %s", #call, fw_status_text(got), fw_status_text(wanted)); \
        if (!strstr(fw_cause(), (text)))                                                    \
            fail_msg("%s: the cause \"%s\" lacks \"%s\"", #call, fw_cause(), (text));       \
    } while (0)

#endif
