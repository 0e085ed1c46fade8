/* SPDX-License-Identifier: 0BSD */
/* asid.pml - the protocol of src/tables/asid.c, for SPIN.
 *
 * Three CPUs. Shooters 0 and 1 each take a page of one user half away, in which
 * they do not run, and use its frame again. CPU 2 visits the half and leaves it,
 * and keeps what it knows of it under an ASID. How requests get to a CPU and
 * back is verified in shootdown.pml; here an answer is a few steps.
 *
 * Stores wait in a store buffer, which empties in order, at any time, and before
 * whatever serialises: read-modify-writes. The MMU of CPU 2 caches a page
 * whenever its entry is present in memory and the half is in use.
 *
 * Claim: what CPU 2 knows while it uses the half is no page whose frame is used
 * again; no deadlock. Each -DBREAK_... must be found.
 */
#define PAGES 2
#define VISITS 3

bit entry[PAGES];     /* present, in memory */
bit hiding[PAGES];    /* the shooter's buffer: first the entry ... */
byte renewing[PAGES]; /* ... then the epoch; 0: none */
bit reused[PAGES];    /* the frame has a new owner */

byte epoch;           /* of the space */
byte epochs;          /* given out so far */
bit mask;             /* does CPU 2 run in it? */

byte tlb;             /* of CPU 2, under the space's ASID: bit p: page p */
byte kept;            /* the epoch for which it was kept */
bit used;           /* the ASID is in use */

byte pending, asked, answered;
bit kicked;

#define HAS(set, i) (((set) >> (i)) & 1)
#define DRAIN(p) if :: hiding[p] -> entry[p] = 0; hiding[p] = 0 :: else fi; if :: renewing[p] != 0 -> epoch = renewing[p]; renewing[p] = 0 :: else fi

inline answer() {
    d_step { n = asked; runs = pending; pending = 0 };
    d_step { if :: used -> tlb = tlb & ~runs :: else fi };
    answered = n;
    n = 0; runs = 0
}

inline interrupt() {
    if
    :: kicked -> kicked = 0; answer()
    :: skip
    fi
}

inline renew(p) {
#ifdef BREAK_EPOCH_REUSED
    e = epoch;
    e = e + 1;
#else
    d_step { DRAIN(p); epochs++; e = epochs };
#endif
    renewing[p] = e;
    e = 0
}

proctype shooter(byte p) {
    byte e, want;
    bit runs_there;
    hiding[p] = 1;
#if !defined(BREAK_NO_RENEW) && !defined(BREAK_RENEW_LATE)
    renew(p);
#endif
#ifdef BREAK_PLAIN_MASK
    runs_there = mask;
#else
    d_step { DRAIN(p); runs_there = mask };
#endif
    if
    :: runs_there ->
        d_step { pending = pending | (1 << p); asked++; want = asked };
        kicked = 1;
        answered >= want
    :: else -> skip
    fi;
#ifdef BREAK_RENEW_LATE
    renew(p);
    d_step { DRAIN(p) };
#endif
    reused[p] = 1
}

/* ashlar_space_switch to the space */
inline come() {
#ifdef BREAK_EPOCH_BEFORE_BIT
    e = epoch;
    d_step { mask = 1 };
#else
    d_step { mask = 1 };
    e = epoch;
#endif
#ifdef BREAK_INTERRUPTS_ON
    interrupt();
#endif
    d_step {
#ifdef BREAK_KEEP_ALWAYS
        skip;
#else
        if :: kept != e -> tlb = 0; kept = e :: else fi;
#endif
        used = 1
    };
    e = 0
}

inline go() {
#ifdef BREAK_BIT_CLEARED_EARLY
    d_step { mask = 0 };
    used = 0
#else
    used = 0;
    d_step { mask = 0 }
#endif
}

proctype traveller() {
    byte e, n, runs, visits;
    do
    :: visits < VISITS ->
        come();
        interrupt();
        go();
        interrupt();
        visits++
    :: else -> break
    od;
end:
    do
    :: kicked -> kicked = 0; answer()
    od
}

proctype machine() {
end_machine:
    do
    :: atomic { used && entry[0] && !HAS(tlb, 0) -> tlb = tlb | 1 }
    :: atomic { used && entry[1] && !HAS(tlb, 1) -> tlb = tlb | 2 }
    :: atomic { hiding[0] -> entry[0] = 0; hiding[0] = 0 }
    :: atomic { hiding[1] -> entry[1] = 0; hiding[1] = 0 }
    :: atomic { !hiding[0] && renewing[0] != 0 -> epoch = renewing[0]; renewing[0] = 0 }
    :: atomic { !hiding[1] && renewing[1] != 0 -> epoch = renewing[1]; renewing[1] = 0 }
    od
}

proctype witness() {
end_witness:
    do
    :: atomic { used && ((reused[0] && HAS(tlb, 0)) || (reused[1] && HAS(tlb, 1))) -> assert(false) }
    od
}

init {
    atomic {
        entry[0] = 1; entry[1] = 1;
        epoch = 1; epochs = 1;
        run shooter(0); run shooter(1); run traveller(); run machine(); run witness()
    }
}
