import Glibc

/// What the current thread has had of a core, in nanoseconds since it started.
struct ThreadTime: Sendable, Equatable {
  var at: Int
  /// It ran.
  var used: Int
  /// It could have run, but all cores were taken; 0 where the kernel does not say.
  var waited: Int

  static func now() -> ThreadTime {
    ThreadTime(
      at: MonotonicClock.now(), used: MonotonicClock.read(CLOCK_THREAD_CPUTIME_ID), waited: waitedForCore())
  }

  /// The second number in `/proc/thread-self/schedstat` (proc(5)).
  private static func waitedForCore() -> Int {
    guard let bytes = try? File.read("/proc/thread-self/schedstat") else { return 0 }
    let words = bytes.split(separator: UInt8(ascii: " "))
    return words.count > 1 ? Int(String(decoding: words[1], as: UTF8.self)) ?? 0 : 0
  }
}

/// How busy the generator was, so that one sees when it and not the server was the limit.
struct GeneratorLoad: Sendable, Equatable {
  /// One thread: the share of the time it ran, and the share it waited for a core.
  struct Share: Sendable, Equatable {
    var used: Double
    var waited: Double
    /// How much of the time it wanted to run.
    var wanted: Double { used + waited }
  }

  var threads: [Share]
  /// The cores this process may run on.
  var cores: Int

  init(_ spans: [(from: ThreadTime, until: ThreadTime)], cores: Int) {
    self.cores = cores
    threads = spans.map { from, until in
      let time = Double(max(1, until.at - from.at))
      return Share(used: Double(until.used - from.used) / time, waited: Double(until.waited - from.waited) / time)
    }
  }

  /// Cores' worth of work done by all threads.
  var used: Double { threads.reduce(0) { $0 + $1.used } }
  var busiest: Share { threads.max { $0.wanted < $1.wanted } ?? Share(used: 0, waited: 0) }

  /// Above this a thread has hardly a moment to sleep, so that what waits for it is measured too.
  static let limit = 0.85

  /// Whether a faster generator might have measured something else.
  var mayHaveBeenTheLimit: Bool { busiest.wanted >= Self.limit }
}

extension Machine {
  /// The cores this process may use, which `taskset` and containers narrow (proc(5), `Cpus_allowed` as a mask).
  static var allowedCores: Int {
    let name = Array("Cpus_allowed:".utf8)
    let lines = ((try? File.read("/proc/self/status")) ?? []).split(separator: UInt8(ascii: "\n"))
    guard let line = lines.first(where: { $0.starts(with: name) }) else { return cores }
    let digits = String(decoding: line.dropFirst(name.count), as: UTF8.self).compactMap(\.hexDigitValue)
    return max(1, digits.reduce(0) { $0 + $1.nonzeroBitCount })
  }
}
