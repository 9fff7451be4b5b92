/// What the machine allows, where the server is on this one.
struct LimitsCheck: Sendable {
  /// A process that holds clients, and how many files it may open.
  struct Process: Sendable, Equatable {
    enum Kind: String, Sendable { case notiflux = "notiflux serve", nginx = "nginx: worker process" }
    let kind: Kind
    let id: Int
    let files: Int
  }

  struct Machine: Sendable {
    var processes: [Process] = []
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
    var findings = machine.processes.filter { $0.files < Self.fewFiles }.map(low)
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

  private func low(_ process: Process) -> Finding {
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
          "two files a client", Remedy("raise it", in: .main, nginx: ["worker_rlimit_nofile 65536;"])
        )
      }
    return .warning(
      .limits, "\(process.kind.rawValue) (pid \(process.id)) may open \(grouped(process.files)) files",
      why: "it takes \(holds), and refuses those beyond", remedy)
  }

  private func sound(_ machine: Machine) -> String {
    let seen = machine.processes.map { "\($0.kind.rawValue) (pid \($0.id)): \(grouped($0.files)) files" }
    return seen.isEmpty
      ? "no process of notiflux or nginx to be seen; the kernel's limits are sound" : seen.joined(separator: ", ")
  }
}
