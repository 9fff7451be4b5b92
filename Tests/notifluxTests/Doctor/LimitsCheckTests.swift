import Foundation
import Testing

@testable import notiflux

@Suite("Doctor judges the machine:") struct LimitsCheckTests {
  @Test("few files, a short queue and few ports are warnings, each with the setting to change")
  func low() {
    let machine = LimitsCheck.Machine(
      processes: [.init(kind: .notiflux, id: 7, files: 1024), .init(kind: .nginx, id: 8, files: 4095)],
      backlog: 128, ports: 60_000...61_000)
    let findings = LimitsCheck(machine: machine).findings
    #expect(findings.levels == Array(repeating: "warning limits", count: 4))
    for word in ["LimitNOFILE=65536", "worker_rlimit_nofile 65536;", "net.core.somaxconn=4096", "1,001 ports", "pid 7"]
    {
      #expect(findings.text.contains(word), "\(word)")
    }
  }

  private func nginx(_ connections: String?, most: Int = .max) -> LimitsCheck.Nginx {
    LimitsCheck.Nginx(
      id: 7, connections: connections.flatMap { WorkerConnections(file: "events { \($0) }") }, mostFiles: most)
  }

  private func findings(_ nginx: LimitsCheck.Nginx, served: Int = 20_000, files: Int = 65_536) -> [Finding] {
    let machine = LimitsCheck.Machine(
      processes: [
        .init(kind: .notiflux, id: 9, files: served), .init(kind: .nginx, id: 8, files: files, parent: nginx.id),
      ], nginx: [nginx])
    return LimitsCheck(machine: machine).findings
  }

  @Test("of nginx's connections a client takes two: the 768 of Debian's file and nginx's own 512 are too few")
  func fewConnections() {
    let stock = findings(nginx("worker_connections 768;"))
    #expect(stock.levels == ["warning limits"])
    let file = "/etc/nginx/nginx.conf"
    #expect(stock.text.contains("768 worker_connections (from \(file)) are enough for 384 clients a worker"))
    #expect(stock.text.contains("where notiflux serve may hold 20,000"))
    #expect(stock.text.contains("nginx, in \(file), outside of all blocks:"))
    #expect(stock.first?.remedy?.nginx == ["events { worker_connections 16384; }"])
    #expect(findings(nginx("")).text.contains("512 worker_connections of nginx's default (\(file) sets none)"))
    // Where notiflux holds fewer still, that is the one to mend.
    #expect(findings(nginx("worker_connections 768;"), served: 700).first?.seen.hasPrefix("notiflux serve") == true)
    #expect(findings(nginx("worker_connections 768;"), served: 700).count == 1)
    let alone = LimitsCheck.Machine(nginx: [nginx("worker_connections 768;")])
    #expect(LimitsCheck(machine: alone).findings.levels == ["warning limits"])
    #expect(findings(nginx("worker_connections 16384;")).levels == ["ok limits"])
    #expect(findings(nginx("worker_connections 16384;")).text.contains("16,384 worker_connections (from /etc"))
    #expect(findings(nginx(nil)).text.contains("worker_connections cannot be seen in \(file)"))
  }

  @Test("more files for nginx are advised with the service's hard limit, where that does not let it have them")
  func hardLimit() {
    for machine in [
      findings(nginx("worker_connections 768;", most: 20_000), files: 8192),
      findings(nginx("worker_connections 16384;", most: 20_000), files: 1024),
    ] {
      #expect(machine.levels == ["warning limits"])
      #expect(machine.first?.remedy?.nginx.last == "worker_rlimit_nofile 65536;")
      for words in [
        "hard limit of the service, which is 20,000", "LimitNOFILE=65536", "setrlimit(RLIMIT_NOFILE, 65536) failed",
      ] {
        #expect(machine.text.contains(words), "\(words)")
      }
    }
    let free = findings(nginx("worker_connections 16384;", most: 524_288), files: 1024)
    #expect(free.first?.remedy?.nginx == ["worker_rlimit_nofile 65536;"])
    #expect(!free.text.contains("LimitNOFILE"))
    // What suffices for the connections is left as it is.
    let enough = findings(nginx("worker_connections 768;", most: 20_000), files: 20_000)
    #expect(!enough.text.contains("rlimit") && !enough.text.contains("LimitNOFILE"))
  }

  @Test(
    "worker_connections is read as nginx reads it",
    arguments: [
      ("events { worker_connections 768; }", 768), ("events{worker_connections\t1024;}", 1024),
      ("user www-data;\r\nevents {\r\n\t# worker_connections 9;\r\n\tmulti_accept on;\r\n}\r\n", 512),
      ("events { use epoll; worker_connections \"2048\"; }\nhttp { bad", 2048),
      ("env 'A={'; http { log_format a '#}'; map $x $y { default ${x}; } } events { worker_connections 7; }", 7),
      ("http { events { worker_connections 7; } }", nil), ("worker_connections 7;", nil), ("", nil),
      ("events { include more.conf; }", nil), ("events { worker_connections many; }", nil),
      ("events { worker_connections 7 8; }", nil), ("events { worker_connections 7;", nil),
      ("# events { }", nil), ("env A=\\#; events { worker_connections 7; }", 7),
    ])
  func connections(file: String, count: Int?) {
    let read = WorkerConnections(file: file)
    #expect(read?.count == count)
    #expect(read?.isDefault != true || count == 512)
  }

  @Test("the workers of one nginx are one finding, another's another")
  func workers() {
    func worker(_ id: Int, of parent: Int, files: Int) -> LimitsCheck.Process {
      .init(kind: .nginx, id: id, files: files, parent: parent)
    }
    let few = [worker(11, of: 7, files: 1024), worker(12, of: 7, files: 1024), worker(13, of: 8, files: 1024)]
    let seen = LimitsCheck(machine: .init(processes: few + [worker(14, of: 7, files: 1024)])).findings.map(\.seen)
    #expect(
      seen == [
        "nginx: worker process (pid 11, and 2 others) may open 1,024 files",
        "nginx: worker process (pid 13) may open 1,024 files",
      ])
  }

  @Test("enough of everything is one line, and another machine's limits cannot be seen")
  func enough() {
    let machine = LimitsCheck.Machine(
      processes: [.init(kind: .notiflux, id: 7, files: .max)], backlog: 4096, ports: 32_768...60_999)
    #expect(LimitsCheck(machine: machine).findings.levels == ["ok limits"])
    #expect(LimitsCheck(machine: LimitsCheck.Machine()).findings.levels == ["ok limits"])
    #expect(LimitsCheck(machine: nil).findings.levels == ["skipped limits"])
  }

  @Test("the limits are read from /proc: of notiflux serve and of nginx's workers, and of no other process")
  func proc() throws {
    let root = FileManager.default.temporaryDirectory.appendingPathComponent("notiflux-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: root) }
    func write(_ path: String, _ text: String) throws {
      let file = root.appendingPathComponent(path)
      try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: file)
    }
    func process(_ id: Int, _ command: String, _ files: String, parent: Int = 1) throws {
      try write("\(id)/cmdline", command)
      try write("\(id)/status", "Name:\tx\nPid:\t\(id)\nPPid:\t\(parent)\n")
      let head = "Limit                     Soft Limit           Hard Limit           Units     \n"
      try write(
        "\(id)/limits", head + "Max open files            \(files)                 524288               files     \n")
    }
    try process(12, "/usr/local/bin/notiflux\0serve\0", "524288")
    try process(9, "nginx: worker process\0", "1024", parent: 10)
    try process(10, "nginx: master process /usr/sbin/nginx -g daemon on; master_process on;\0\0", "1")
    let other = root.appendingPathComponent("other.conf").path
    try process(16, "nginx: master process nginx -p / -c \(other)\0", "1")
    try process(17, "nginx: master process nginx -c/nowhere/nginx.conf\0", "1")
    try write("nginx.conf", "events { worker_connections 768; }")
    try write("other.conf", "events { }")
    try process(11, "notiflux\0listen\0", "1")
    try process(13, "notiflux\0serve\0", "unlimited")
    try process(14, "notiflux\0serve\0", "?")
    try write("15/cmdline", "notiflux\0serve\0")
    try write("sys/net/core/somaxconn", "4096\n")
    try write("sys/net/ipv4/ip_local_port_range", "32768\t60999\n")
    let usual = root.appendingPathComponent("nginx.conf").path
    let machine = LocalMachine(root: root.path, nginxFile: usual).look()
    #expect(
      machine.processes == [
        .init(kind: .nginx, id: 9, files: 1024, parent: 10), .init(kind: .notiflux, id: 12, files: 524_288),
        .init(kind: .notiflux, id: 13, files: .max),
      ])
    let (stock, none) = ("events { worker_connections 768; }", "events { }")
    #expect(
      machine.nginx == [
        .init(id: 10, file: usual, connections: WorkerConnections(file: stock), mostFiles: 524_288),
        .init(id: 16, file: other, connections: WorkerConnections(file: none), mostFiles: 524_288),
        .init(id: 17, file: "/nowhere/nginx.conf", connections: nil, mostFiles: 524_288),
      ])
    #expect(machine.backlog == 4096)
    #expect(machine.ports == 32_768...60_999)
    #expect(LocalMachine(root: "/nowhere").look().processes.isEmpty)
  }
}
