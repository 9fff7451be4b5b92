/* epoll, the eventfd that wakes it, and the timer it ticks by. */
#include "CLinux.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

int notiflux_epoll_open(void) {
  int fd = epoll_create1(EPOLL_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

static int control(int epoll, int operation, int fd, uint32_t events, uint64_t data) {
  struct epoll_event event = {.events = events, .data = {.u64 = data}};
  return epoll_ctl(epoll, operation, fd, &event) < 0 ? -errno : 0;
}

int notiflux_epoll_add(int epoll, int fd, uint32_t events, uint64_t data) {
  return control(epoll, EPOLL_CTL_ADD, fd, events, data);
}

int notiflux_epoll_change(int epoll, int fd, uint32_t events, uint64_t data) {
  return control(epoll, EPOLL_CTL_MOD, fd, events, data);
}

int notiflux_epoll_remove(int epoll, int fd) { return control(epoll, EPOLL_CTL_DEL, fd, 0, 0); }

int notiflux_epoll_wait(int epoll, struct epoll_event *events, int capacity, int milliseconds) {
  int count = epoll_wait(epoll, events, capacity, milliseconds);
  return count < 0 ? -errno : count;
}

int notiflux_eventfd_open(void) {
  int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

void notiflux_eventfd_signal(int fd) {
  /* It fails with EAGAIN where the counter is at its highest, and readable all the same. */
  eventfd_write(fd, 1);
}

void notiflux_eventfd_clear(int fd) {
  eventfd_t count;
  /* It fails with EAGAIN where it was not readable. */
  eventfd_read(fd, &count);
}

int notiflux_timer_open(void) {
  int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

void notiflux_timer_set(int fd, int64_t interval) {
  struct timespec every = {.tv_sec = interval / 1000000000, .tv_nsec = interval % 1000000000};
  struct itimerspec timer = {.it_interval = every, .it_value = every};
  timerfd_settime(fd, 0, &timer, NULL);
}

uint64_t notiflux_timer_take(int fd) {
  uint64_t count = 0;
  return read(fd, &count, sizeof count) == sizeof count ? count : 0;
}
