/* io_uring by its three system calls (io_uring_setup(2), io_uring_enter(2), io_uring_register(2)). */
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <linux/io_uring.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

struct notiflux_ring {
  int fd;
  unsigned entries;
  /* Up to here requests are prepared; the kernel learns of it when they are submitted. */
  unsigned prepared;

  /* Shared with the kernel: it moves the first and the last, we move the others. */
  unsigned *submission_head, *submission_tail, *completion_head, *completion_tail;
  unsigned submission_mask, completion_mask;
  struct io_uring_sqe *requests;
  struct io_uring_cqe *completions;

  void *queues;
  size_t queues_size, requests_size;
};

/* What the kernel writes is read after its index (acquire); what we write is there before ours (release). */
static unsigned load(const unsigned *index) { return __atomic_load_n(index, __ATOMIC_ACQUIRE); }
static void store(unsigned *index, unsigned value) { __atomic_store_n(index, value, __ATOMIC_RELEASE); }

/* Asks for what suits one thread that waits for all it submits (Linux 6.1), else for a plain ring (5.6). */
static int set_up(unsigned entries, struct io_uring_params *parameters) {
  const unsigned flags[] = {
      IORING_SETUP_CLAMP | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
      IORING_SETUP_CLAMP,
  };
  int fd = -1;
  for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
    memset(parameters, 0, sizeof *parameters);
    parameters->flags = flags[i];
    fd = (int)syscall(SYS_io_uring_setup, entries, parameters);
    if (fd >= 0 || errno != EINVAL) break;
  }
  return fd < 0 ? -errno : fd;
}

/* Whether the kernel sends by this ring, and neither loses completions nor wants the queues mapped one by one. */
static bool is_sufficient(int fd, const struct io_uring_params *parameters) {
  const unsigned needed = IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP;
  if ((parameters->features & needed) != needed) return false;
  const unsigned count = IORING_OP_SEND + 1;
  struct io_uring_probe *probe = calloc(1, sizeof *probe + count * sizeof *probe->ops);
  bool sends = probe && syscall(SYS_io_uring_register, fd, IORING_REGISTER_PROBE, probe, count) == 0
      && probe->ops_len == count && (probe->ops[IORING_OP_SEND].flags & IO_URING_OP_SUPPORTED);
  free(probe);
  return sends;
}

static void *map(int fd, size_t size, off_t offset) {
  void *address = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, offset);
  return address == MAP_FAILED ? NULL : address;
}

/* Maps the queues of `ring->fd`. 0, or -errno; what was mapped is then left to notiflux_ring_close. */
static int map_queues(struct notiflux_ring *ring, const struct io_uring_params *parameters) {
  const struct io_sqring_offsets *submission = &parameters->sq_off;
  const struct io_cqring_offsets *completion = &parameters->cq_off;
  size_t submission_end = submission->array + parameters->sq_entries * sizeof(unsigned);
  size_t completion_end = completion->cqes + parameters->cq_entries * sizeof(struct io_uring_cqe);
  ring->queues_size = submission_end > completion_end ? submission_end : completion_end;
  ring->requests_size = parameters->sq_entries * sizeof(struct io_uring_sqe);
  ring->queues = map(ring->fd, ring->queues_size, IORING_OFF_SQ_RING);
  if (!ring->queues) return -errno;
  ring->requests = map(ring->fd, ring->requests_size, IORING_OFF_SQES);
  if (!ring->requests) return -errno;

  char *base = ring->queues;
  ring->entries = parameters->sq_entries;
  ring->submission_head = (unsigned *)(base + submission->head);
  ring->submission_tail = (unsigned *)(base + submission->tail);
  ring->submission_mask = *(unsigned *)(base + submission->ring_mask);
  ring->completion_head = (unsigned *)(base + completion->head);
  ring->completion_tail = (unsigned *)(base + completion->tail);
  ring->completion_mask = *(unsigned *)(base + completion->ring_mask);
  ring->completions = (struct io_uring_cqe *)(base + completion->cqes);
  ring->prepared = load(ring->submission_tail);
  /* Requests are submitted in the order of their places, so the list of places never changes. */
  unsigned *places = (unsigned *)(base + submission->array);
  for (unsigned i = 0; i < ring->entries; i++) places[i] = i;
  return 0;
}

int notiflux_ring_open(unsigned entries, struct notiflux_ring **result) {
  struct io_uring_params parameters;
  int fd = set_up(entries, &parameters);
  if (fd < 0) return fd;
  struct notiflux_ring *ring = calloc(1, sizeof *ring);
  if (!ring) {
    close(fd);
    return -ENOMEM;
  }
  ring->fd = fd;
  int error = is_sufficient(fd, &parameters) ? map_queues(ring, &parameters) : -EOPNOTSUPP;
  if (error) {
    notiflux_ring_close(ring);
    return error;
  }
  *result = ring;
  return 0;
}

void notiflux_ring_close(struct notiflux_ring *ring) {
  if (ring->requests) munmap(ring->requests, ring->requests_size);
  if (ring->queues) munmap(ring->queues, ring->queues_size);
  close(ring->fd);
  free(ring);
}

unsigned notiflux_ring_capacity(const struct notiflux_ring *ring) { return ring->entries; }

void notiflux_ring_prepare_send(
    struct notiflux_ring *ring, int fd, const void *bytes, size_t length, uint64_t user_data) {
  struct io_uring_sqe *request = &ring->requests[ring->prepared++ & ring->submission_mask];
  memset(request, 0, sizeof *request);
  request->opcode = IORING_OP_SEND;
  request->fd = fd;
  request->addr = (uintptr_t)bytes;
  request->len = length > INT32_MAX ? INT32_MAX : (uint32_t)length;
  /* With MSG_DONTWAIT a full socket completes with -EAGAIN; without, the kernel would wait for it to have room. */
  request->msg_flags = MSG_NOSIGNAL | MSG_DONTWAIT;
  request->user_data = user_data;
}

int notiflux_ring_submit(struct notiflux_ring *ring, unsigned completions) {
  unsigned count = ring->prepared - load(ring->submission_head);
  store(ring->submission_tail, ring->prepared);
  long submitted = syscall(SYS_io_uring_enter, ring->fd, count, completions, IORING_ENTER_GETEVENTS, NULL, 0);
  return submitted < 0 ? -errno : (int)submitted;
}

unsigned notiflux_ring_retract(struct notiflux_ring *ring) {
  /* The kernel reads the queue only while it is entered. */
  unsigned head = load(ring->submission_head);
  unsigned count = ring->prepared - head;
  ring->prepared = head;
  store(ring->submission_tail, head);
  return count;
}

bool notiflux_ring_reap(struct notiflux_ring *ring, uint64_t *user_data, int32_t *result) {
  unsigned head = *ring->completion_head;
  if (head == load(ring->completion_tail)) return false;
  const struct io_uring_cqe *completion = &ring->completions[head & ring->completion_mask];
  *user_data = completion->user_data;
  *result = completion->res;
  store(ring->completion_head, head + 1);
  return true;
}
