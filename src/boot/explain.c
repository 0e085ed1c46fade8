/* SPDX-License-Identifier: 0BSD */
/* explain.c - what an address is, in the words of the floor that knows it.
 *
 * Asked in the order of what is cheapest to tell apart: ranges and stacks have
 * two arenas, all else is in the layout. In the heap's range the heap knows more
 * than the name of the range.
 *
 * No lock is taken and nothing is waited for: whoever asks has just faulted.
 */
#include <ashlar/boot.h>

#include "base/check.h"
#include "base/contexts.h"
#include "base/format.h"
#include "boot/up.h"
#include <ashlar/port.h>
#include <stdbool.h>

/* A fault may come before the floors are up: one that is not cannot be asked. */
COLD void ashlar_explain(uintptr_t address, struct ashlar_place *place)
{
    CONTEXTS(yes, yes, yes, yes, yes);
    static const struct ashlar_place unknown = {.kind = ASHLAR_PLACE_FREE,
                                                .name = "an address before boot has laid out any"};
    if (ashlar_space_layout()->kernel_pages == 0) {
        *place = unknown;
    } else if (ashlar_kva_layout()->kernel_pages == 0 || !ashlar_kva_explain(address, place)) {
        (void)ashlar_space_explain(address, place);
    }
}

COLD static void guard_to_text(const struct ashlar_place *place, uintptr_t address, char *text, size_t bytes)
{
    const struct ashlar_kva_layout *layout = ashlar_kva_layout();
    bool is_stack = place->first - layout->stacks_first < layout->stacks_pages;
    bool below = address < ashlar_space_address(place->first);
    (void)ashlar_format(text, bytes, "guard page of %s %s, %zu bytes %s", is_stack ? "stack" : "range", place->name,
                        place->offset, below ? "below it" : "past its end");
}

/* What the heap says of it; false if it is not in the heap's range. */
COLD static bool heap_to_text(uintptr_t address, char *text, size_t bytes)
{
    static const char prefix[] = "heap: ";
    const size_t length = sizeof prefix - 1u;
    struct ashlar_heap *heap = ashlar_boot_heap_at(address);
    if (heap == NULL || bytes <= length) {
        return false;
    }
    (void)ashlar_format(text, bytes, "%s", prefix);
    ashlar_heap_explain_text(heap, ashlar_port_pointer(address), text + length, bytes - length);
    return true;
}

COLD static void range_to_text(const struct ashlar_place *place, uintptr_t address, char *text, size_t bytes)
{
    if (!heap_to_text(address, text, bytes)) {
        (void)ashlar_format(text, bytes, "%s + 0x%zx%s", place->name, place->offset,
                            place->mapped ? "" : ", not mapped");
    }
}

COLD void ashlar_explain_text(uintptr_t address, char *text, size_t bytes)
{
    CONTEXTS(yes, yes, yes, yes, yes);
    struct ashlar_place place;
    ashlar_explain(address, &place);
    switch (place.kind) {
    case ASHLAR_PLACE_NULL:
        (void)ashlar_format(text, bytes, "null pointer, offset %zu", place.offset);
        break;
    case ASHLAR_PLACE_USER:
        (void)ashlar_format(text, bytes, "user half");
        break;
    case ASHLAR_PLACE_GUARD:
        guard_to_text(&place, address, text, bytes);
        break;
    case ASHLAR_PLACE_STACK:
        (void)ashlar_format(text, bytes, "stack %s, %zu bytes from its low end", place.name, place.offset);
        break;
    case ASHLAR_PLACE_FREE:
        (void)ashlar_format(text, bytes, "%s%s", place.name, place.mapped ? ", but mapped" : "");
        break;
    case ASHLAR_PLACE_NOWHERE:
        (void)ashlar_format(text, bytes, "%s", place.name);
        break;
    case ASHLAR_PLACE_RANGE:
    case ASHLAR_PLACE_FIXED:
    case ASHLAR_PLACE_IMAGE:
    default:
        range_to_text(&place, address, text, bytes);
        break;
    }
}
