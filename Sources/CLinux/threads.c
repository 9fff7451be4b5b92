/* Naming threads, for those who look at them with ps or gdb. */
#define _GNU_SOURCE
#include "CLinux.h"

#include <pthread.h>

void notiflux_name_thread(pthread_t thread, const char *name) { pthread_setname_np(thread, name); }
