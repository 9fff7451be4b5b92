import CLinux
import Glibc

/// What this machine allows a server.
enum Machine {
  /// Has all threads of the process allocate from `count` heaps. By itself glibc gives each thread one of its own, which
  /// grows by a system call a page; the first one grows by 128 KiB (mallopt(3)). To be called before there are threads.
  static func shareHeaps(_ count: Int) { notiflux_share_heaps(Int32(clamping: count)) }

  /// Has freed memory kept for what is allocated next, up to `bytes` a heap. By itself glibc returns it to the system at
  /// once where much is freed together: a message of 2 MiB would be a thousand page faults, which take milliseconds. To be
  /// called before there are threads.
  static func keepFreedMemory(_ bytes: Int) { notiflux_keep_freed_memory(Int32(clamping: bytes)) }

  static var cores: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

  /// Raises the soft limit on open files to the hard one; returns it.
  static func raiseFileLimit() -> Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
    limit.rlim_cur = limit.rlim_max
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    return Int(clamping: limit.rlim_cur)
  }

  /// As many connections as descriptors, some kept for everything else, and half the memory allow at 16 KiB each.
  static func connections(fileLimit: Int) -> Int {
    let memory = sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))
    return max(16, min(fileLimit - 64, memory / 2 / (16 << 10)))
  }
}
