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
    func process(_ id: Int, _ command: String, _ files: String) throws {
      try write("\(id)/cmdline", command)
      let head = "Limit                     Soft Limit           Hard Limit           Units     \n"
      try write(
        "\(id)/limits", head + "Max open files            \(files)                 524288               files     \n")
    }
    try process(12, "/usr/local/bin/notiflux\0serve\0", "524288")
    try process(9, "nginx: worker process\0", "1024")
    try process(10, "nginx: master process nginx\0", "1")
    try process(11, "notiflux\0listen\0", "1")
    try process(13, "notiflux\0serve\0", "unlimited")
    try process(14, "notiflux\0serve\0", "?")
    try write("15/cmdline", "notiflux\0serve\0")
    try write("sys/net/core/somaxconn", "4096\n")
    try write("sys/net/ipv4/ip_local_port_range", "32768\t60999\n")
    let machine = LocalMachine(root: root.path).look()
    #expect(
      machine.processes == [
        .init(kind: .nginx, id: 9, files: 1024), .init(kind: .notiflux, id: 12, files: 524_288),
        .init(kind: .notiflux, id: 13, files: .max),
      ])
    #expect(machine.backlog == 4096)
    #expect(machine.ports == 32_768...60_999)
    #expect(LocalMachine(root: "/nowhere").look().processes.isEmpty)
  }
}
