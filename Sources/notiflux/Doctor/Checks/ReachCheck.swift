import NotifluxClient

/// Which addresses the name has, and whether there is a connection to be had at each.
struct ReachCheck: Sendable {
  struct Address: Sendable {
    /// Without the port.
    let text: String
    /// How long connecting took.
    let result: Result<Duration, ClientError>
  }

  let endpoint: Endpoint
  /// Fails where the name is not known.
  let addresses: Result<[Address], ClientError>

  var isReachable: Bool { !answering.isEmpty }

  private var answering: [Address] {
    ((try? addresses.get()) ?? []).filter { if case .success = $0.result { true } else { false } }
  }

  var findings: [Finding] {
    let all: [Address]
    do { all = try addresses.get() } catch {
      return [
        .problem(
          .reach, "\(error)", why: "clients cannot find the server",
          Remedy("check the spelling, and that the DNS has an A or AAAA record for \(endpoint.host)"))
      ]
    }
    let silent = all.filter { if case .failure = $0.result { true } else { false } }
    guard isReachable else { return silent.map(unreachable) }
    let times = answering.map { address in
      let time = (try? address.result.get()).map { " in \($0.inWords)" } ?? ""
      return "\(address.text)\(time)"
    }
    // Every machine has both loopback addresses; a server needs one of them.
    let missed = endpoint.isLocal ? [] : silent.map(halfReachable)
    return [.ok(.reach, "port \(endpoint.port) of " + times.joined(separator: ", "))] + missed
  }

  private func unreachable(_ address: Address) -> Finding {
    .problem(
      .reach, "port \(endpoint.port) of \(address.text): \(reason(address))", why: "nobody can connect",
      Remedy(
        "see that the server or proxy runs and listens there (ss -ltnp), and that no firewall drops what comes in "
          + "(nft list ruleset; the cloud's security group)"))
  }

  private func halfReachable(_ address: Address) -> Finding {
    let isIPv6 = address.text.contains(":")
    return .warning(
      .reach, "port \(endpoint.port) of \(address.text): \(reason(address))",
      why:
        "clients that try this address first wait before they try another; those that have no other way never connect",
      Remedy(
        "listen there too, or take the \(isIPv6 ? "AAAA" : "A") record of \(endpoint.host) out of the DNS",
        in: .server,
        nginx: ["listen \(isIPv6 ? "[::]:" : "")\(endpoint.port)\(endpoint.isTLS ? " ssl" : "");"]))
  }

  private func reason(_ address: Address) -> String {
    guard case .failure(let error) = address.result else { return "" }
    return switch error {
    case .unreachable(_, let reason), .timedOut(_, let reason), .tls(_, let reason): reason
    default: "\(error)"
    }
  }
}

extension Endpoint {
  /// Whether the server is on this machine.
  var isLocal: Bool { host == "localhost" || host == "::1" || host.hasPrefix("127.") }
}
