/* Naming threads, for those who look at them with ps or gdb, and what they allocate from. */
#define _GNU_SOURCE
#include "CLinux.h"

#include <malloc.h>
#include <pthread.h>

void notiflux_name_thread(pthread_t thread, const char *name) { pthread_setname_np(thread, name); }

void notiflux_share_heaps(int count) {
#ifdef M_ARENA_MAX /* glibc has it, musl has one heap anyway. */
  mallopt(M_ARENA_MAX, count);
#endif
}
