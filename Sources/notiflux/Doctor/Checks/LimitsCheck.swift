/// What the machine allows, where the server is on this one.
struct LimitsCheck: Sendable {
  /// A process that holds clients, and how many files it may open.
  struct Process: Sendable, Equatable {
    enum Kind: String, Sendable { case notiflux = "notiflux serve", nginx = "nginx: worker process" }
    let kind: Kind
    let id: Int
    let files: Int
    /// The process that started it.
    var parent: Int?
  }

  struct Machine: Sendable {
    var processes: [Process] = []
    var nginx: [Nginx] = []
    /// net.core.somaxconn: connections that wait to be accepted.
    var backlog: Int?
    /// net.ipv4.ip_local_port_range.
    var ports: ClosedRange<Int>?
  }

  /// `nil` where the server is elsewhere.
  let machine: Machine?

  /// Descriptors below which a few thousand clients are too many. systemd and shells give 1024 unless told otherwise.
  static let fewFiles = 4096
  /// notiflux asks for 4096, of which it gets no more than this.
  private static let fewBacklog = 1024
  private static let fewPorts = 16_384

  var findings: [Finding] {
    guard let machine else {
      return [
        .skipped(.limits, "run notiflux doctor on the server's machine, with its loopback address, to see its limits")
      ]
    }
    let few = alike(machine).filter { $0.process.files < Self.fewFiles }
    var findings = few.map { low($0.process, $0.others, machine) }
    let served = machine.processes.filter { $0.kind == .notiflux }.map(\.files).max()
    findings += machine.nginx.compactMap { nginx in
      nginx.finding(served: served, files: machine.processes.filter { $0.parent == nginx.id }.map(\.files).min())
    }
    if let backlog = machine.backlog, backlog < Self.fewBacklog {
      findings.append(
        .warning(
          .limits, "net.core.somaxconn is \(backlog)",
          why: "when many clients come back at once, those that do not fit are made to wait for seconds",
          Remedy("sysctl -w net.core.somaxconn=4096, and in /etc/sysctl.d/ for good")))
    }
    if let ports = machine.ports, ports.count < Self.fewPorts {
      findings.append(
        .warning(
          .limits, "net.ipv4.ip_local_port_range has \(grouped(ports.count)) ports",
          why: "a proxy on this machine takes one for each client it connects to notiflux",
          Remedy(#"sysctl -w net.ipv4.ip_local_port_range="10240 65535", and in /etc/sysctl.d/ for good"#)))
    }
    return findings.isEmpty ? [.ok(.limits, sound(machine))] : findings
  }

  /// The workers of one nginx are all as the first of them, and how many others there are.
  private func alike(_ machine: Machine) -> [(process: Process, others: Int)] {
    machine.processes.reduce(into: []) { all, process in
      let isLike = { (other: Process) in process.parent == other.parent && process.files == other.files }
      if process.parent != nil, let index = all.firstIndex(where: { isLike($0.process) }) {
        all[index].others += 1
      } else {
        all.append((process, 0))
      }
    }
  }

  private func words(_ process: Process, _ others: Int) -> String {
    let more = others > 0 ? ", and \(Figures.count(others, "other"))" : ""
    return "\(process.kind.rawValue) (pid \(process.id)\(more))"
  }

  private func low(_ process: Process, _ others: Int, _ machine: Machine) -> Finding {
    let (holds, remedy) =
      switch process.kind {
      case .notiflux:
        (
          "one file a client",
          Remedy(
            "raise it: LimitNOFILE=65536 in the systemd unit, --ulimit nofile=65536 for docker, ulimit -n in a shell")
        )
      case .nginx:
        (
          "two files a client",
          (machine.nginx.first { $0.id == process.parent } ?? Nginx(id: process.id, mostFiles: .max)).moreFiles
        )
      }
    return .warning(
      .limits, "\(words(process, others)) may open \(grouped(process.files)) files",
      why: "it takes \(holds), and refuses those beyond", remedy)
  }

  private func sound(_ machine: Machine) -> String {
    let seen =
      alike(machine).map { "\(words($0.process, $0.others)): \(grouped($0.process.files)) files" }
      + machine.nginx.map { "nginx (pid \($0.id)): \($0.words)" }
    return seen.isEmpty
      ? "no process of notiflux or nginx to be seen; the kernel's limits are sound" : seen.joined(separator: ", ")
  }
}
