/* SPDX-License-Identifier: 0BSD */
/* list.c - a list read in both directions after each change; a link that was removed points nowhere. */
#include "base/list.h"

#include "tap.h"

struct stone {
    unsigned padding; /* so that the link is not where the structure begins */
    char name;
    struct ashlar_link link;
};

static struct ashlar_link course;
static struct stone stones[] = {{1, 'a', {NULL, NULL}}, {2, 'b', {NULL, NULL}}, {3, 'c', {NULL, NULL}}};

/* The names from first to last; NULL if the way back differs. */
static const char *names(void)
{
    static char text[sizeof stones / sizeof stones[0] + 1];
    size_t length = 0;
    struct ashlar_link *link;
    for (link = course.next; link != &course; link = link->next) {
        text[length++] = list_member(link, struct stone, link)->name;
    }
    text[length] = '\0';
    for (link = course.previous; link != &course; link = link->previous) {
        if (length == 0 || text[--length] != list_member(link, struct stone, link)->name) {
            return NULL;
        }
    }
    return length == 0 ? text : NULL;
}

int main(void)
{
    list_init(&course);
    ok(list_is_empty(&course), "a new list is empty");
    is_str(names(), "", "  in both directions");
    for (size_t i = 0; i < 3; i++) {
        list_append(&course, &stones[i].link);
        ok(!list_is_empty(&course), "not any more");
    }
    is_str(names(), "abc", "appended at the end");
    ok(list_member(course.next, struct stone, link) == &stones[0], "a link leads to its structure");
    list_remove(&stones[1].link);
    is_str(names(), "ac", "removed from the middle");
    ok(stones[1].link.next == NULL && stones[1].link.previous == NULL, "what was removed points nowhere");
    list_append(&course, &stones[1].link);
    is_str(names(), "acb", "and can come back");
    list_remove(&stones[0].link);
    is_str(names(), "cb", "removed at the front");
    list_remove(&stones[1].link);
    is_str(names(), "c", "removed at the end");
    list_remove(&stones[2].link);
    ok(list_is_empty(&course), "empty again");
    is_str(names(), "", "  in both directions");
    return done_testing();
}
