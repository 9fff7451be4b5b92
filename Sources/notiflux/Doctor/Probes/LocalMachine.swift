import CommandTable
import Glibc

/// Reads the limits of this machine, and of the processes on it that hold clients, from /proc and from nginx's main file.
struct LocalMachine {
  /// Where the proc file system is.
  var root = "/proc"
  /// Where the main file is of an nginx that was not given another.
  var nginxFile = LimitsCheck.Nginx.usualFile

  func look() -> LimitsCheck.Machine {
    let ports = numbers("sys/net/ipv4/ip_local_port_range")
    let ids = processIDs.sorted()
    return LimitsCheck.Machine(
      processes: ids.compactMap(process), nginx: ids.compactMap(nginx),
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
    guard let kind = kind(id), let files = files(id) else { return nil }
    return LimitsCheck.Process(kind: kind, id: id, files: files.soft, parent: kind == .nginx ? parent(id) : nil)
  }

  private func nginx(_ id: Int) -> LimitsCheck.Nginx? {
    guard let title = text("\(id)/cmdline"), title.hasPrefix("nginx: master process"), let files = files(id) else {
      return nil
    }
    let file = Self.file(inTitle: title) ?? nginxFile
    let text = (try? File.read(file)).map { String(decoding: $0, as: UTF8.self) }
    return LimitsCheck.Nginx(
      id: id, file: file, connections: text.flatMap { WorkerConnections(file: $0) }, mostFiles: files.hard)
  }

  /// nginx puts its command line into its title, parted by blanks: `nginx: master process nginx -c /srv/nginx.conf`.
  private static func file(inTitle title: String) -> String? {
    let words = title.split { $0 == " " || $0 == "\0" }
    guard let index = words.firstIndex(where: { $0.hasPrefix("-c") }) else { return nil }
    let file = words[index].count > 2 ? words[index].dropFirst(2) : words.dropFirst(index + 1).first
    return file.map(String.init)
  }

  /// The limits of open files.
  private func files(_ id: Int) -> (soft: Int, hard: Int)? {
    // Max open files            1024                 1048576              files
    let line = text("\(id)/limits")?.split(separator: "\n").first { $0.hasPrefix("Max open files") }
    let words = line?.split(separator: " ").dropFirst(3).prefix(2) ?? []
    let numbers = words.compactMap { $0 == "unlimited" ? Int.max : Int($0) }
    return numbers.count == 2 ? (numbers[0], numbers[1]) : nil
  }

  private func parent(_ id: Int) -> Int? {
    let line = text("\(id)/status")?.split(separator: "\n").first { $0.hasPrefix("PPid:") }
    return line?.split(whereSeparator: \.isWhitespace).last.flatMap { Int($0) }
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
