import Glibc

/// What the system says of this process (proc(5)), as every Prometheus client library exports it.
struct ProcessFigures: Sendable, Equatable {
  /// Seconds of CPU, in user and system mode.
  var cpuSeconds = 0.0
  var residentBytes = 0
  var virtualBytes = 0
  var openDescriptors = 0
  /// The soft limit; -1 where there is none.
  var maximumDescriptors = -1
  var threads = 0
  /// Seconds since 1970.
  var startTime = 0.0

  /// Takes some 50 µs, and more where many files are open. What cannot be read stays 0.
  static func now() -> ProcessFigures {
    var figures = ProcessFigures()
    figures.readStatus()
    figures.openDescriptors = descriptorCount()
    var limit = rlimit()
    if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0, limit.rlim_cur != rlim_t.max {
      figures.maximumDescriptors = Int(clamping: limit.rlim_cur)
    }
    return figures
  }

  /// From the fields after the name, which may hold blanks and brackets: the state is the third field of proc_pid_stat(5).
  private mutating func readStatus() {
    let status = Self.read("/proc/self/stat")
    guard let nameEnd = status.lastIndex(of: UInt8(ascii: ")")) else { return }
    let fields = status[(nameEnd + 1)...].split(separator: UInt8(ascii: " "))
    func field(_ number: Int) -> Int {
      fields.indices.contains(number - 3) ? Int(String(decoding: fields[number - 3], as: UTF8.self)) ?? 0 : 0
    }
    let ticks = Double(max(1, sysconf(Int32(_SC_CLK_TCK))))
    cpuSeconds = Double(field(14) + field(15)) / ticks
    threads = field(20)
    virtualBytes = field(23)
    residentBytes = field(24) * sysconf(Int32(_SC_PAGESIZE))
    startTime = SystemClock.bootTime() + Double(field(22)) / ticks
  }

  private static func descriptorCount() -> Int {
    guard let directory = opendir("/proc/self/fd") else { return 0 }
    defer { closedir(directory) }
    var count = -3  // `.`, `..`, and the directory itself.
    while readdir(directory) != nil { count += 1 }
    return max(0, count)
  }

  private static func read(_ path: String) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return [] }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    while bytes.count < 1 << 20 {
      let piece = [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
        count = max(0, Glibc.read(descriptor, buffer.baseAddress, buffer.count))
      }
      if piece.isEmpty { break }
      bytes += piece
    }
    return bytes
  }
}
