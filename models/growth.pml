/* SPDX-License-Identifier: 0BSD */
/* growth.pml - growth of the kernel half against creation, in src/space/sharing.c, for SPIN.
 *
 * One top-level slot is missing. Two threads want an address below it: one grows,
 * the other waits for it, or finds the slot in the reference root and goes on.
 * Meanwhile a space is created and, with -DLEAVE, another destroyed. Whoever has an
 * address, that is whose grow returned, publishes it; from then on CPUs in each space use it.
 *
 *   -DPUSH          EAGER, HYBRID: into every root, the lock let go of after each; the reference last
 *   (neither)       LAZY: a page fault copies the entry
 *   -DSWITCH        SEQ: LAZY, and pulled when a CPU switches to a root that is behind
 *   -DFRONT         new roots stand before those that the push has still to visit, not behind them:
 *                   only then must a root that joins look at what is pending
 *   -DREGISTERS     PAE: the CPU translates by what the root held when it was loaded
 *
 * Claims: under PUSH nobody who was given the address finds the slot missing in
 * the root that he runs on; under SWITCH nobody does who switches after the grower
 * is done; under every policy a fault is mended by trying again once. No deadlock.
 * Each -DBREAK_... takes away one order of steps, and must be found.
 */
#define ROOTS 3
#ifdef FRONT
#define OLD 2
#define NEW 0
#else
#define OLD 0
#define NEW 2
#endif

bit root_has[ROOTS];  /* the slot, in memory */
bit reference;
bit pending;
bit listed[ROOTS];    /* in the list, in order of number */
bit created[ROOTS];
bit dying[ROOTS];
byte users[ROOTS];    /* CPUs that run on it */
byte seen[ROOTS];     /* space->generation */
byte generation;
bit locked;
bit growing;
bit published;
bit grown;            /* the grower itself is done */

inline take() { atomic { !locked -> locked = 1 } }
inline give() { locked = 0 }

inline reference_write() { reference = 1 }

/* The next root in the list from number at on. */
inline push_next() {
    d_step {
        do
        :: at < ROOTS && !listed[at] -> at++
        :: else -> break
        od;
        if
        :: at < ROOTS -> if :: pending || early -> root_has[at] = 1 :: else fi; at++; more = 1
        :: else -> more = 0
        fi
    }
}

inline publish() {
    take();
#ifdef BREAK_REFERENCE_FIRST
    reference_write();
#endif
#ifdef BREAK_PENDING_LATE
    early = 1;
#else
    pending = 1;
#endif
#ifdef PUSH
    at = 0; more = 1;
    do
    :: more ->
        push_next();
        if
        :: more ->
            give();
            take();
#ifdef BREAK_PENDING_LATE
            pending = 1
#endif
        :: else
        fi
    :: else -> break
    od;
#endif
#ifdef BREAK_PENDING_CLEARED_EARLY
    pending = 0;
    give();
    take();
#endif
#ifdef BREAK_GENERATION_FIRST
    generation = generation + 1;
    published = 1;
#endif
    reference_write();
    pending = 0;
#ifndef BREAK_GENERATION_FIRST
    generation = generation + 1;
#endif
    give()
}

/* ashlar_kernel_grow, and the address is told to everybody. */
proctype wants() {
    byte at;
    bit more, early;
    if
    :: reference -> skip
    :: else ->
        atomic { !growing -> growing = 1 };
#ifndef BREAK_NO_LOOK_AGAIN
        if
        :: reference -> skip
        :: else -> publish()
        fi;
#else
        assert(!reference); /* a second table for one slot */
        publish();
#endif
        growing = 0;
        grown = 1
    fi;
    published = 1
}

proctype creator() {
    bit got;
#ifdef BREAK_COPY_UNLOCKED
    got = reference || pending;
    take();
    root_has[NEW] = got;
#else
#ifdef BREAK_COPY_FIRST
    if :: reference -> root_has[NEW] = 1 :: else fi;
#endif
    take();
    seen[NEW] = generation;
#ifndef BREAK_JOIN_IGNORES_PENDING
    if :: pending -> root_has[NEW] = 1 :: else fi;
#endif
#ifdef BREAK_JOIN_TWO_SECTIONS
    give();
    take();
#endif
#endif
    listed[NEW] = 1;
    give();
#if !defined(BREAK_COPY_UNLOCKED) && !defined(BREAK_COPY_FIRST)
    if :: reference -> root_has[NEW] = 1 :: else fi; /* what comes from here on is pushed, or pulled */
#endif
    created[NEW] = 1
}

proctype destroyer() {
    atomic { dying[1] = 1 };
    atomic { users[1] == 0 -> skip };
    take();
    listed[1] = 0;
    give()
}

/* --- a CPU in a space ------------------------------------------------------------------- */

#ifdef REGISTERS
#define KNOWS(r) known
#else
#define KNOWS(r) root_has[r]
#endif

inline load_root(r) { known = root_has[r] }

/* ashlar_space_switch */
inline switch_to(r) {
#if defined(SWITCH) && !defined(BREAK_NO_SWITCH_PULL)
    if
    :: seen[r] != generation ->
#ifdef BREAK_GENERATION_LATE
        if :: reference -> root_has[r] = 1 :: else fi;
        seen[r] = generation
#else
        now = generation;
        if :: reference -> root_has[r] = 1 :: else fi;
        seen[r] = now
#endif
    :: else
    fi;
#endif
    load_root(r)
}

/* ashlar_space_fault: sets known again if it says "try again"; else that access is fatal. */
inline fault(r) {
    again = 0;
#ifndef PUSH
#ifdef BREAK_SPURIOUS_FIRST
    if :: reference -> again = 1 :: else fi; /* a walk of the kernel's own root */
#endif
#ifndef BREAK_NO_PULL
    if
    :: !again && !root_has[r] && reference -> root_has[r] = 1; again = 1
    :: else
    fi;
#endif
#endif
    if :: !again && root_has[r] -> again = 1 :: else fi;
#ifndef BREAK_NO_RELOAD
    if :: again -> load_root(r) :: else fi;
#endif
    assert(again)
}

inline use(r) {
    if
    :: KNOWS(r) -> skip
    :: else ->
#ifdef PUSH
        assert(root_has[r]);
#endif
        fault(r);
        assert(KNOWS(r))
    fi
}

/* Runs on from before the growth; switches after it; another time after it. */
proctype cpu(byte r) {
    bit known, again, late;
    byte now;
    if
    :: atomic { created[r] && !dying[r] -> users[r] = users[r] + 1 }
    :: dying[r] -> goto gone
    fi;
    switch_to(r);
    if
    :: published -> use(r)
    :: skip
    fi;
    atomic { users[r] = users[r] - 1 };
    if
    :: atomic { !dying[r] -> users[r] = users[r] + 1 };
       if
       :: published ->
          late = grown;
          switch_to(r);
#ifdef SWITCH
          assert(root_has[r] || !late);
#endif
          use(r)
       :: !published -> switch_to(r); published; use(r)
       fi;
       atomic { users[r] = users[r] - 1 }
    :: dying[r] -> skip
    fi;
gone:
    skip
}

init {
    atomic {
        listed[OLD] = 1; created[OLD] = 1;
        listed[1] = 1; created[1] = 1;
        generation = 1; /* of a growth before, of which no root but the new one's knows */
        run wants(); run wants(); run creator();
#ifdef LEAVE
        run destroyer();
        run cpu(1);
#endif
        run cpu(OLD); run cpu(NEW)
    }
}
