/* SPDX-License-Identifier: 0BSD */
/* status.c - each status has a text of its own, and no number is without one. */
#include <ashlar/status.h>

#include "tap.h"

#define LAST ASHLAR_MAY_NOT_WAIT

int main(void)
{
    const char *unknown = ashlar_status_text((ashlar_status)(LAST + 1));
    is_u(ASHLAR_OK, 0, "all is well is zero");
    is_str(ashlar_status_text(ASHLAR_OK), "ok", "in words");
    is_str(ashlar_status_text(ASHLAR_NO_FRAMES), "no free frames", "as is an error");
    is_str(unknown, "unknown status", "one behind the last");
    for (unsigned status = 0; status <= LAST; status++) {
        const char *text = ashlar_status_text((ashlar_status)status);
        bool alone = text != NULL && text[0] != '\0' && strcmp(text, unknown) != 0;
        for (unsigned other = 0; alone && other < status; other++) {
            alone = strcmp(text, ashlar_status_text((ashlar_status)other)) != 0;
        }
        ok(alone, "status %u has a text that no other has: %s", status, text);
    }
    return done_testing();
}
