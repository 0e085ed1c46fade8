/* SPDX-License-Identifier: 0BSD */
/* token.pml - a token and those who sleep for it, in src/base/token.c, for SPIN.
 *
 * Each thread takes the token, works, and gives it; the one that is last to have
 * wanted it destroys what it lies in. The kernel's block compares and queues in one
 * step, and may return for no reason; its wake takes all off the queue by name.
 *
 * Claims: never two have it; all come to an end (nobody sleeps for ever: SPIN's
 * invalid end state); nobody reads the word once it is destroyed.
 * A plain store waits in the giver's buffer, and drains when it likes; a locked
 * instruction of the same thread drains it first.
 * Each -DBREAK_... takes away one order of steps, and must be found.
 */
#define THREADS 3
#define FREE 0
#define TAKEN 1
#define WAITED 2

byte word;
bit asleep[THREADS];
byte holders;
byte wanting = THREADS;
bit destroyed;
bit buffered; /* a store of FREE that others do not see */
byte storer;

inline look() { assert(!destroyed) }

inline drain() { if :: buffered && storer == me -> word = FREE; buffered = 0 :: else fi }

inline try() {
    atomic {
        look();
        drain();
        if
        :: word == FREE -> word = TAKEN; got = 1
        :: else -> got = 0
        fi
    }
}

/* The mark: somebody waits. */
inline mark() {
#ifdef BREAK_NO_MARK
    marked = 1
#else
    atomic {
        look();
        drain();
        if
        :: word == WAITED -> marked = 1
        :: word == TAKEN -> word = WAITED; marked = 1
        :: else -> marked = 0
        fi
    }
#endif
}

#ifdef BREAK_NO_MARK
#define SEEN TAKEN
#else
#define SEEN WAITED
#endif

inline block() {
#ifdef BREAK_TWO_STEPS
    atomic { look(); same = (word == SEEN) };
    if
    :: same -> asleep[me] = 1; !asleep[me]
    :: else
    fi
#else
#ifdef BREAK_NO_COMPARE
    asleep[me] = 1; !asleep[me]
#else
    atomic {
        look();
        if
        :: word == SEEN -> asleep[me] = 1
        :: true /* for no reason */
        fi
    };
    !asleep[me]
#endif
#endif
}

inline wake() {
    d_step {
        i = 0;
        do
        :: i < THREADS -> asleep[i] = 0; i++
        :: else -> break
        od;
        i = 0
    }
}

/* One of them alone. */
inline wake_one() {
    atomic {
        if
        :: asleep[0] -> asleep[0] = 0
        :: asleep[1] -> asleep[1] = 0
        :: asleep[2] -> asleep[2] = 0
        :: else
        fi
    }
}

inline give() {
#ifdef BREAK_WAKE_FIRST
    atomic { look(); was = word };
    if :: was == WAITED -> wake() :: else fi;
    atomic { look(); word = FREE }
#else
#ifdef BREAK_LOOK_THEN_STORE
    atomic { look(); was = word };
    atomic { look(); word = FREE };
    if :: was == WAITED -> wake() :: else fi
#else
#ifdef BREAK_PLAIN_STORE
    /* the exchange in two: the mark is read, and the store is seen late */
    atomic { look(); was = word; buffered = 1; storer = me };
    if :: was == WAITED -> wake() :: else fi
#else
#ifdef BREAK_LOOK_AFTER
    atomic { look(); was = word; word = FREE };
    atomic { look(); if :: word != TAKEN -> wake() :: else fi }
#else
    atomic { look(); was = word; word = FREE };
#ifdef BREAK_WAKE_ONE
    if :: was == WAITED -> wake_one() :: else fi
#else
    if :: was == WAITED -> wake() :: else fi
#endif
#endif
#endif
#endif
#endif
}

proctype thread(byte me) {
    byte was, i;
    bit got, marked, same, last;
    do
    :: try();
       if
       :: got -> break
       :: else
       fi;
       mark();
       if
       :: marked -> block()
       :: else
       fi
    od;
    holders++;
    assert(holders == 1);
    wanting--;
    last = (wanting == 0);
    holders--;
    give();
    if
    :: last ->
#ifdef BREAK_PLAIN_STORE
       !buffered;
#endif
       destroyed = 1
    :: else
    fi
}

/* The store buffer drains when it likes. */
active proctype memory() {
end:
    do
    :: atomic { buffered -> word = FREE; buffered = 0 }
    od
}

init {
    atomic {
        run thread(0);
        run thread(1);
        run thread(2)
    }
}
