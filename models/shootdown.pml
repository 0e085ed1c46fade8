/* SPDX-License-Identifier: 0BSD */
/* shootdown.pml - the protocol of src/space/shootdown.c, for SPIN.
 *
 * Three CPUs. Shooters 0 and 1 each own a page of one half, take it away, make
 * the others forget it, and use its frame again. CPU 2 comes and goes: it
 * switches to the space and away (user half), or joins and leaves (-DKERNEL).
 * Each CPU's MMU may cache a page whenever its entry is present in memory and
 * the CPU translates that half; stores of entries wait in a store buffer, which
 * empties at any time, and before whatever serialises.
 *
 * Claims: nobody can use a page whose frame is used again; no deadlock.
 * Each -DBREAK_... takes away one order of steps, and must be found.
 */
#define CPUS 3
#define PAGES 2

bit entry[PAGES];       /* present, in memory */
bit buffered[CPUS];     /* the shooter's store that hides its page, not yet in memory */
byte tlb[CPUS];         /* bit p: a translation of page p is cached */
bit translates[CPUS];   /* its MMU may walk the half's tables */
bit uses[CPUS];         /* it may access the half's pages */
bit reused[PAGES];      /* the frame has a new owner */

byte mask;              /* space->cpus or half.online */
bit locked[CPUS];       /* the box's lock */
bit online[CPUS];
byte pending[CPUS];     /* pages to be flushed */
byte asked[CPUS];
byte answered[CPUS];
bit kicked[CPUS];

#define DRAIN(c) if :: buffered[c] -> entry[c] = 0; buffered[c] = 0 :: else fi
#define HAS(set, i) (((set) >> (i)) & 1)

inline take(c) { atomic { !locked[c] -> locked[c] = 1 } }
inline give(c) { locked[c] = 0 }

/* ashlar_space_answer, on its own CPU */
inline answer(c) {
    if
    :: asked[c] == answered[c] -> skip
    :: else ->
        take(c);
        n = asked[c];
        runs = pending[c];
#ifndef BREAK_CLEAR_LATE
        pending[c] = 0;
#endif
        give(c);
#ifdef BREAK_ANSWER_BEFORE_FLUSH
        answered[c] = n;
#endif
        d_step { DRAIN(c); tlb[c] = tlb[c] & ~runs };
#ifdef BREAK_CLEAR_LATE
        pending[c] = 0;
#endif
#ifdef BREAK_ANSWER_REREAD
        answered[c] = asked[c];
#else
        answered[c] = n;
#endif
    fi;
    n = 0; runs = 0
}

inline interrupt(c) {
    if
    :: kicked[c] -> kicked[c] = 0; answer(c)
    :: skip
    fi
}

inline read_mask(c) {
#ifdef BREAK_PLAIN_MASK
    to = mask & ~(1 << c);
#else
    d_step { DRAIN(c); to = mask & ~(1 << c) };
#endif
}

inline local_flush(c) {
#ifdef BREAK_NO_LOCAL_FLUSH
    d_step { DRAIN(c) };
#else
    d_step { DRAIN(c); tlb[c] = tlb[c] & ~(1 << c) };
#endif
}

inline kick_all(c) {
    d_step { i = 0; do :: i < CPUS -> if :: HAS(to, i) -> kicked[i] = 1 :: else fi; i++ :: else -> break od; i = 0 }
}

inline ask_all(c) {
    i = 0;
    do
    :: i < CPUS && HAS(to, i) ->
        take(i);
        if
        :: online[i] -> d_step { pending[i] = pending[i] | (1 << c); asked[i] = asked[i] + 1; wanted[i] = asked[i] }
        :: else -> to = to & ~(1 << i)
        fi;
#ifndef BREAK_WAIT_LOCKED
        give(i);
#endif
        i++
    :: i < CPUS && !HAS(to, i) -> i++
    :: else -> break
    od;
    i = 0
}

inline wait_all(c) {
    i = 0;
    do
    :: i < CPUS && HAS(to, i) ->
        do
        :: answered[i] >= wanted[i] -> break
#ifndef BREAK_WAIT_IRQS_OFF
        :: kicked[c] -> kicked[c] = 0; answer(c)
#endif
        od;
#ifdef BREAK_WAIT_LOCKED
        give(i);
#endif
        i++
    :: i < CPUS && !HAS(to, i) -> i++
    :: else -> break
    od;
    i = 0
}

proctype shooter(byte c) {
    byte to, i, n, runs;
    byte wanted[CPUS];
    interrupt(c);
#ifdef BREAK_MASK_BEFORE_HIDE
    read_mask(c);
#endif
    buffered[c] = 1; /* hide */
#ifdef BREAK_PLAIN_MASK
    read_mask(c);
    local_flush(c);
#else
    local_flush(c);
#ifndef BREAK_MASK_BEFORE_HIDE
    read_mask(c);
#endif
#endif
#ifdef BREAK_KICK_BEFORE_ASK
    kick_all(c);
    ask_all(c);
#else
    ask_all(c);
    kick_all(c);
#endif
#ifndef BREAK_NO_WAIT
    wait_all(c);
#endif
    reused[c] = 1;
end:
    do
    :: kicked[c] -> kicked[c] = 0; answer(c)
    od
}

#ifdef KERNEL
/* ashlar_space_cpu_join and _leave, interrupts off; its tables are the reference's all the time */
inline come(c) {
#ifdef BREAK_JOIN_FLUSH_EARLY
    tlb[c] = 0;
#endif
    online[c] = 1; /* no lock */
    d_step { mask = mask | (1 << c) };
#ifndef BREAK_JOIN_FLUSH_EARLY
    tlb[c] = 0;
#endif
    uses[c] = 1
}

inline go(c) {
    uses[c] = 0;
    d_step { mask = mask & ~(1 << c) };
    take(c); online[c] = 0; give(c);
#ifndef BREAK_LEAVE_NO_ANSWER
    answer(c);
#endif
    kicked[c] = 0 /* it is stopped */
}
#else
/* ashlar_space_switch to the space and away */
inline come(c) {
#ifdef BREAK_BIT_AFTER_ROOT
    d_step { tlb[c] = 0; translates[c] = 1; uses[c] = 1 };
    d_step { mask = mask | (1 << c) };
#else
    d_step { mask = mask | (1 << c) };
    d_step { tlb[c] = 0; translates[c] = 1; uses[c] = 1 };
#endif
    skip
}

inline go(c) {
#ifdef BREAK_BIT_CLEARED_EARLY
    d_step { mask = mask & ~(1 << c) };
    d_step { uses[c] = 0; translates[c] = 0; tlb[c] = 0 };
#else
    d_step { uses[c] = 0; translates[c] = 0; tlb[c] = 0 };
    d_step { mask = mask & ~(1 << c) };
#endif
    skip
}
#endif

proctype traveller(byte c) {
    byte n, runs;
    come(c);
    interrupt(c);
    go(c);
#ifndef KERNEL
    interrupt(c);
#endif
    come(c);
end:
    do
    :: kicked[c] -> kicked[c] = 0; answer(c)
    od
}

/* The MMU of a CPU, and its store buffer. */
proctype machine(byte c) {
end_machine:
    do
    :: atomic { translates[c] && entry[0] && !HAS(tlb[c], 0) -> tlb[c] = tlb[c] | 1 }
    :: atomic { translates[c] && entry[1] && !HAS(tlb[c], 1) -> tlb[c] = tlb[c] | 2 }
    :: atomic { buffered[c] -> DRAIN(c) }
    od
}

#define STALE(c) (uses[c] && ((reused[0] && HAS(tlb[c], 0)) || (reused[1] && HAS(tlb[c], 1))))

proctype witness() {
end_witness:
    do
    :: atomic { STALE(0) || STALE(1) || STALE(2) -> assert(false) }
    od
}

init {
    byte k;
    atomic {
        entry[0] = 1; entry[1] = 1;
        online[0] = 1; online[1] = 1;
        mask = 3;
        k = 0; do :: k < 2 -> translates[k] = 1; uses[k] = 1; k++ :: else -> break od;
#ifdef KERNEL
        translates[2] = 1;
#else
        online[2] = 1;
#endif
        run shooter(0); run shooter(1); run traveller(2);
        run machine(0); run machine(1); run machine(2);
        run witness()
    }
}
