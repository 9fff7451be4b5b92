/* Accepting connections and sending to them, without ever blocking. */
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <sys/socket.h>

int notiflux_accept(int listener, struct sockaddr_storage *peer) {
  socklen_t length = sizeof *peer;
  int fd = accept4(listener, (struct sockaddr *)peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

int32_t notiflux_send(int fd, const void *bytes, size_t length) {
  if (length > INT32_MAX) length = INT32_MAX;
  ssize_t taken;
  do taken = send(fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
  while (taken < 0 && errno == EINTR);
  return taken < 0 ? -errno : (int32_t)taken;
}
