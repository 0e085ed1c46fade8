/* SPDX-License-Identifier: 0BSD */
/* thread-safety.c - a lock is given that was not taken. Only: clang Says: thread-safety-analysis */
struct __attribute__((capability("mutex"))) lock {
    int held;
};
void give(struct lock *lock) __attribute__((release_capability(*lock)));
void must_fail(struct lock *lock);
void must_fail(struct lock *lock)
{
    give(lock);
}
