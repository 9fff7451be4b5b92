import CommandTable
import NIOCore
import NIOPosix
import NotifluxClient

/// One run: what is needed to get anywhere is looked at first, one after the other, then all the rest side by side.
struct DoctorRun: Sendable {
  let plan: DoctorPlan
  let output: DoctorOutput

  /// On the process's own event loop, which is not waited for at the end: a peer may take seconds to let a connection go.
  func run() async throws -> ExitCode {
    let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
    var report = DoctorReport(endpoint: plan.endpoint)
    func add(_ findings: [Finding]) throws {
      report.findings += findings
      try output.show(findings)
    }
    try output.begin(report)
    let code = try await examine(DoctorProbe(plan: plan, eventLoop: eventLoop), add)
    try output.end(report)
    return code ?? (report.problems > 0 ? .failure : .success)
  }

  /// Returns an exit code where there was no way to go on.
  private func examine(_ probe: DoctorProbe, _ add: ([Finding]) throws -> Void) async throws -> ExitCode? {
    var probe = probe
    let reach = await probe.reach()
    try add(reach.findings)
    guard reach.isReachable else { return .unreachable }
    if plan.endpoint.isTLS {
      let certificate = await probe.certificate()
      try add(certificate.findings)
      guard certificate.hasTLS else { return .unreachable }
      if !certificate.isTrusted {
        probe = DoctorProbe(plan: plan.withoutSecrets, eventLoop: probe.eventLoop, trust: .nothing)
      }
    }
    let (health, stamp) = await probe.health()
    try add(health.findings)
    guard health.redirect == nil else { return nil }
    output.waiting(plan.wait)
    try add(await sideBySide(probe, stamp))
    return nil
  }

  private func sideBySide(_ probe: DoctorProbe, _ stamp: ClockCheck.Stamp?) async -> [Finding] {
    async let clock = probe.clock(stamp)
    async let requests = probe.requests()
    async let origin = probe.origin()
    async let streams = probe.streams()
    let limits = LimitsCheck(machine: plan.endpoint.isLocal ? LocalMachine().look() : nil)
    let (webSocket, watched) = await streams
    var findings = await clock.findings + requests.findings + webSocket.findings
    if case .success = webSocket.result {
      findings += await origin.findings
    } else {
      findings.append(.skipped(.origin, "no WebSocket comes about, from whatever page"))
    }
    findings += watched.flatMap(\.findings) + limits.findings
    return Check.allCases.flatMap { check in findings.filter { $0.check == check } }
  }
}
