/* Accepting connections and sending to them, without ever blocking. */
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int notiflux_accept(int listener, struct sockaddr_storage *peer) {
  socklen_t length = sizeof *peer;
  int fd = accept4(listener, (struct sockaddr *)peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

int32_t notiflux_send(int fd, const void *bytes, size_t length) {
  if (length > INT32_MAX) length = INT32_MAX;
  ssize_t taken;
  /* Not by send(3): that is a place where a thread can be cancelled (pthreads(7)), which costs at each call and which
   * no thread here is. */
  do taken = syscall(SYS_sendto, fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT, NULL, 0);
  while (taken < 0 && errno == EINTR);
  return taken < 0 ? -errno : (int32_t)taken;
}
