/* SPDX-License-Identifier: 0BSD */
/* status.c - a status in words. */
#include <ashlar/status.h>

const char *ashlar_status_text(ashlar_status status)
{
    switch (status) {
    case ASHLAR_OK:
        return "ok";
    case ASHLAR_NO_FRAMES:
        return "no free frames";
    case ASHLAR_NO_ADDRESSES:
        return "no free addresses";
    case ASHLAR_NO_STORAGE:
        return "storage too small";
    case ASHLAR_BAD_ARGUMENT:
        return "bad argument";
    case ASHLAR_BAD_MAP:
        return "unusable memory map";
    case ASHLAR_REFUSED:
        return "refused";
    case ASHLAR_EXISTS:
        return "already mapped";
    case ASHLAR_ABSENT:
        return "not mapped";
    case ASHLAR_MAY_NOT_WAIT:
        return "may not wait here";
    }
    return "unknown status";
}
