/* Naming threads, for those who look at them with ps or gdb, and what they allocate from. */
#define _GNU_SOURCE
#include "CLinux.h"

#include <malloc.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

void notiflux_name_thread(pthread_t thread, const char *name) { pthread_setname_np(thread, name); }

void notiflux_yield_to_others(int niceness) {
  /* A nice value belongs to the thread that sets it. */
  int nice = getpriority(PRIO_PROCESS, 0) + niceness;
  setpriority(PRIO_PROCESS, 0, nice);
#ifdef SYS_sched_setattr
  /* struct sched_attr of sched_setattr(2), as it was first; before Linux 6.12 the slice means nothing here. */
  struct {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
  } attributes = {.size = sizeof attributes, .nice = nice > 19 ? 19 : nice, .runtime = 100 * 1000 * 1000};
  syscall(SYS_sched_setattr, 0, &attributes, 0);
#endif
}

void notiflux_share_heaps(int count) {
#ifdef M_ARENA_MAX /* glibc has it, musl has one heap anyway. */
  mallopt(M_ARENA_MAX, count);
#endif
}

void notiflux_keep_freed_memory(int bytes) {
#ifdef M_TRIM_THRESHOLD
  mallopt(M_TRIM_THRESHOLD, bytes);
  mallopt(M_MMAP_THRESHOLD, bytes);
#endif
}
