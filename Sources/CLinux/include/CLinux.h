/* What the server needs of Linux and Swift's Glibc module does not have: epoll, eventfd, accept4, mallopt, and io_uring
 * by plain system calls. The functions return what the kernel does, or -errno where the kernel fails: no caller reads
 * errno. <linux/io_uring.h> stays in ring.c, because before glibc 2.37 it does not go together with <sys/mount.h>. */
#ifndef NOTIFLUX_CLINUX_H
#define NOTIFLUX_CLINUX_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* -- Sockets: sockets.c ------------------------------------------------------------------------------------------ */

/* The next connection of a listening socket, as a descriptor that never blocks and does not survive an exec, and the
 * address of its peer. */
int notiflux_accept(int listener, struct sockaddr_storage *peer);

/* Sends without waiting and without SIGPIPE, and again where a signal came between: the number of bytes taken, which
 * may be fewer than `length`; -EAGAIN where the socket takes none now. At most 2 GiB - 1 at once. */
int32_t notiflux_send(int fd, const void *bytes, size_t length);

/* -- Threads: threads.c ------------------------------------------------------------------------------------------ */

/* The name that ps and gdb show, cut to 15 bytes. */
void notiflux_name_thread(pthread_t thread, const char *name);

/* Adds to the nice value of the calling thread, and asks for long slices of time: a thread that wakes and has shorter
 * ones takes the core from it at once (EEVDF, Linux 6.12). Where the kernel grants neither all works, only less evenly. */
void notiflux_yield_to_others(int niceness);

/* -- Memory: threads.c --------------------------------------------------------------------------------------------- */

/* Has all threads allocate from so many heaps (mallopt(3)). To be called before there are threads. */
void notiflux_share_heaps(int count);

/* Has each heap keep up to so many bytes at its end that are free, and has it hold whatever is smaller than that
 * (mallopt(3)). At most 32 MiB. To be called before there are threads. */
void notiflux_keep_freed_memory(int bytes);

/* Has the processor fetch the cache line at `address`, which is about to be written, and does not wait for it. Any
 * address will do. */
static inline void notiflux_prefetch(const void *address) { __builtin_prefetch(address, 1); }

/* -- Events: events.c -------------------------------------------------------------------------------------------- */

/* epoll's bits, of a type that Swift can join with |. */
static const uint32_t NOTIFLUX_EPOLLIN = EPOLLIN;
static const uint32_t NOTIFLUX_EPOLLOUT = EPOLLOUT;
static const uint32_t NOTIFLUX_EPOLLRDHUP = EPOLLRDHUP;
static const uint32_t NOTIFLUX_EPOLLHUP = EPOLLHUP;
static const uint32_t NOTIFLUX_EPOLLERR = EPOLLERR;
static const uint32_t NOTIFLUX_EPOLLET = EPOLLET;

/* A new epoll instance; it does not survive an exec. */
int notiflux_epoll_open(void);

/* Watches `fd` for `events`; each event of it brings `data`. 0, or -errno. */
int notiflux_epoll_add(int epoll, int fd, uint32_t events, uint64_t data);

/* The same for a descriptor that is watched already. */
int notiflux_epoll_change(int epoll, int fd, uint32_t events, uint64_t data);

/* Ends it. Closing `fd` alone would not where another process has the socket too, if only between a fork and an exec:
 * events would come for as long (epoll(7), Q6). */
int notiflux_epoll_remove(int epoll, int fd);

/* Waits for events: the number written to `events`, 0 once `milliseconds` have passed (-1: without an end), -EINTR
 * where a signal came between. */
int notiflux_epoll_wait(int epoll, struct epoll_event *events, int capacity, int milliseconds);

/* What the event was registered with. */
static inline uint64_t notiflux_event_data(const struct epoll_event *event) { return event->data.u64; }

/* A counter that wakes an epoll_wait of another thread; it never blocks and does not survive an exec. */
int notiflux_eventfd_open(void);

/* Any thread: has the counter readable. */
void notiflux_eventfd_signal(int fd);

/* Has it not readable, until the next signal. */
void notiflux_eventfd_clear(int fd);

/* A timer by the monotonic clock, not set yet; it never blocks and does not survive an exec. */
int notiflux_timer_open(void);

/* Has it readable once every `interval` nanoseconds from now on; 0: no longer. */
void notiflux_timer_set(int fd, int64_t interval);

/* How often it expired since this was asked last. Has it not readable, until it expires again. */
uint64_t notiflux_timer_take(int fd);

/* -- io_uring, for sends only: ring.c ---------------------------------------------------------------------------- */

/* A submission queue and its completion queue. Confined to the thread that opened it: the kernel may refuse all others
 * (IORING_SETUP_SINGLE_ISSUER). */
struct notiflux_ring;

/* Opens a ring with places for `entries` requests, rounded up to a power of two. 0 and `*ring`, or -errno where the
 * kernel does not grant one: ENOSYS, EPERM, EINVAL, ENOMEM and others; EOPNOTSUPP where it cannot send by it. */
int notiflux_ring_open(unsigned entries, struct notiflux_ring **ring);

/* Gives everything back. Nothing may be under way. */
void notiflux_ring_close(struct notiflux_ring *ring);

/* The number of requests that can be prepared before they must be submitted. */
unsigned notiflux_ring_capacity(const struct notiflux_ring *ring);

/* Prepares one send with the meaning of notiflux_send: it never waits for the socket, so it is completed while it is
 * submitted. The bytes must stay valid until its completion was reaped. No more than the ring's capacity may be
 * prepared and not submitted. */
void notiflux_ring_prepare_send(
    struct notiflux_ring *ring, int fd, const void *bytes, size_t length, uint64_t user_data);

/* Submits all that is prepared, then waits for `completions` in all that were not reaped. The number submitted, which
 * may be smaller (it does not wait then), or -errno. */
int notiflux_ring_submit(struct notiflux_ring *ring, unsigned completions);

/* Takes back what is prepared and was not submitted: the last ones prepared. Their number. */
unsigned notiflux_ring_retract(struct notiflux_ring *ring);

/* Reaps one completion, in no promised order: what its request was prepared with and what notiflux_send would have
 * returned. False where there is none. */
bool notiflux_ring_reap(struct notiflux_ring *ring, uint64_t *user_data, int32_t *result);

#endif
