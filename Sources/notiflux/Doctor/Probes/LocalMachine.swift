import CommandTable
import Glibc

/// Reads the limits of this machine, and of the processes on it that hold clients, from /proc.
struct LocalMachine {
  /// Where the proc file system is.
  var root = "/proc"

  func look() -> LimitsCheck.Machine {
    let ports = numbers("sys/net/ipv4/ip_local_port_range")
    return LimitsCheck.Machine(
      processes: processIDs.compactMap(process).sorted { $0.id < $1.id },
      backlog: numbers("sys/net/core/somaxconn").first,
      ports: ports.count == 2 && ports[0] <= ports[1] ? ports[0]...ports[1] : nil)
  }

  private var processIDs: [Int] {
    guard let directory = opendir(root) else { return [] }
    defer { closedir(directory) }
    var ids: [Int] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if let id = Int(name) { ids.append(id) }
    }
    return ids
  }

  private func process(_ id: Int) -> LimitsCheck.Process? {
    guard let kind = kind(id), let limits = text("\(id)/limits") else { return nil }
    // Max open files            1024                 1048576              files
    let line = limits.split(separator: "\n").first { $0.hasPrefix("Max open files") }
    guard let soft = line?.split(separator: " ").dropFirst(3).first else { return nil }
    guard let files = soft == "unlimited" ? Int.max : Int(soft) else { return nil }
    return LimitsCheck.Process(kind: kind, id: id, files: files)
  }

  private func kind(_ id: Int) -> LimitsCheck.Process.Kind? {
    guard let words = text("\(id)/cmdline")?.split(separator: "\0"), let program = words.first else { return nil }
    if program.hasPrefix(LimitsCheck.Process.Kind.nginx.rawValue) { return .nginx }
    let isOurs = program == "notiflux" || program.hasSuffix("/notiflux")
    return isOurs && words.dropFirst().first == "serve" ? .notiflux : nil
  }

  private func numbers(_ path: String) -> [Int] {
    (text(path) ?? "").split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
  }

  private func text(_ path: String) -> String? {
    (try? File.read("\(root)/\(path)")).map { String(decoding: $0, as: UTF8.self) }
  }
}
