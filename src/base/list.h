/* SPDX-License-Identifier: 0BSD */
/* list.h - a circular, doubly linked list whose links lie in the members. The head is a link, too. */
#ifndef ASHLAR_BASE_LIST_H
#define ASHLAR_BASE_LIST_H

#include <ashlar/private.h>
#include <stdbool.h>
#include <stddef.h>

static inline void list_init(struct ashlar_link *head)
{
    head->next = head;
    head->previous = head;
}

static inline bool list_is_empty(const struct ashlar_link *head)
{
    return head->next == head;
}

/* Before head: at the list's end. */
static inline void list_append(struct ashlar_link *head, struct ashlar_link *link)
{
    link->next = head;
    link->previous = head->previous;
    head->previous->next = link;
    head->previous = link;
}

/* The link points nowhere afterwards, so that a second removal faults instead of corrupting. */
static inline void list_remove(struct ashlar_link *link)
{
    link->previous->next = link->next;
    link->next->previous = link->previous;
    link->next = NULL;
    link->previous = NULL;
}

/* The structure of this type whose member is this link. */
#define list_member(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

#endif
