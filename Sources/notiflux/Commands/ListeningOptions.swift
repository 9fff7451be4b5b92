import CommandTable
import NotifluxServer

/// The rows of `serve` that say where it listens and whom it believes, and what they amount to.
enum ListeningOptions {
  static let host = Option(
    "host", .text("HOST", accepted: "a name or an IP address"), default: "127.0.0.1", environment: "HOST",
    help: "Listen on this address; 0.0.0.0 or :: for all", group: "Listening")
  static let port = Option(
    "port", short: "p", .integer(in: 0...65535, placeholder: "PORT"), default: "8080", environment: "PORT",
    help: "Listen on this port; 0 takes any free one, which is logged", group: "Listening")
  static let listen = Option(
    repeatable: "listen", .listenAddress, environment: "NOTIFLUX_LISTEN", environmentSeparator: ",",
    help: "Listen here, in place of --host and --port",
    details: [
      "`unix:/run/notiflux.sock` is a Unix-domain socket, for a proxy on the same machine: a file that a server left there is taken "
        + "over. Sockets that systemd hands over (`LISTEN_FDS`) are used in place of all these; one that is called "
        + "`admin` is for `--admin`."
    ], group: "Listening")
  static let socketMode = Option(
    "socket-mode", .fileMode, default: "660", environment: "NOTIFLUX_SOCKET_MODE",
    help: "Who may connect to Unix-domain sockets (octal)", group: "Listening")
  static let admin = Option(
    "admin", .listenAddress, environment: "NOTIFLUX_ADMIN",
    help: "Serve /metrics, /topics and /ready on this address",
    details: [
      "In plain HTTP and without a token: an address that only those can reach who operate the server, such as `127.0.0.1:9090`. It "
        + "answers while the server is busy, full or draining."
    ], group: "Listening")
  static let trustProxy = Option(
    repeatable: "trust-proxy", .proxies, environment: "NOTIFLUX_TRUST_PROXY", environmentSeparator: ",",
    help: "Believe proxies of these addresses whom a request comes from",
    details: [
      "Limits by address and the log then go by the client, not by the proxy. `unix` stands for whoever connects to a Unix-domain "
        + "socket. Trust only proxies that set the field of `--proxy-header` themselves."
    ], group: "Listening")
  static let proxyHeader = Option(
    "proxy-header", .choice(of: TrustedProxies.Field.self), default: "x-forwarded-for",
    environment: "NOTIFLUX_PROXY_HEADER", help: "The header field by which trusted proxies say so",
    details: ["The other one is not looked at: a client could have sent it."], group: "Listening")

  static let rows: [any OptionRow] = [host, port, listen, socketMode, admin, trustProxy, proxyHeader]

  /// `activation` has the sockets that were handed over.
  static func apply(
    _ settings: Settings, activation: SocketActivation, to configuration: inout ServerConfiguration
  ) throws {
    configuration.addresses = try addresses(settings, activation)
    configuration.adminAddress = activation.admin ?? settings[admin].map { with(mode: settings[socketMode], $0) }
    if settings[ServeCommand.dev] { try requireLocal(configuration.addresses, settings) }
    configuration.trustedProxies = TrustedProxies(ranges: settings[trustProxy], field: settings[proxyHeader])
  }

  private static func addresses(_ settings: Settings, _ activation: SocketActivation) throws -> [ListenAddress] {
    guard activation.clients.isEmpty else { return activation.clients }
    let given = settings[listen].map { with(mode: settings[socketMode], $0) }
    guard !given.isEmpty else { return [.network(host: settings[host], port: settings[port])] }
    guard !isFlag(settings.origin(of: host)), !isFlag(settings.origin(of: port)) else {
      throw settings.usageError("--listen is in place of --host and --port; give one or the other")
    }
    return given
  }

  private static func isFlag(_ origin: Origin) -> Bool { if case .flag = origin { true } else { false } }

  private static func with(mode: UInt32, _ address: ListenAddress) -> ListenAddress {
    if case .unix(let path, _) = address { .unix(path: path, mode: mode) } else { address }
  }

  private static func requireLocal(_ addresses: [ListenAddress], _ settings: Settings) throws {
    guard let open = addresses.first(where: { !isLocal($0) }) else { return }
    let reason = "is not a loopback address, which --dev is for"
    guard case .network(let name, _) = open, settings[listen].isEmpty else {
      throw settings.usageError("\(open) \(reason); leave one of them out")
    }
    throw settings.rejection(of: host, name, because: reason)
  }

  /// Whether only this machine can reach it.
  private static func isLocal(_ address: ListenAddress) -> Bool {
    switch address {
    case .network(let host, _): host == "localhost" || host == "::1" || host.hasPrefix("127.")
    case .unix: true
    case .inherited: false
    }
  }
}

extension ValueKind where Value == ListenAddress {
  fileprivate static var listenAddress: Self {
    let network = ValueKind<HostAndPort>.hostAndPort
    return Self(
      placeholder: "ADDRESS", accepted: "HOST:PORT such as 127.0.0.1:9090 or [::1]:9090, or unix:/PATH"
    ) { text throws(ValueProblem) in
      guard text.hasPrefix("unix:") else {
        let address = try network.parse(text)
        return .network(host: address.host, port: address.port)
      }
      let path = String(text.dropFirst(5))
      guard path.hasPrefix("/") else { throw ValueProblem("has no absolute path behind unix:") }
      // sun_path holds 108 bytes, the last of which is 0 (unix(7)).
      guard path.utf8.count < 108 else { throw ValueProblem("has a path of over 107 bytes") }
      return .unix(path: path, mode: 0o660)
    }
  }
}

extension ValueKind where Value == UInt32 {
  fileprivate static var fileMode: Self {
    Self(placeholder: "MODE", accepted: "three octal digits such as 660 or 666") { text throws(ValueProblem) in
      let digits = text.count == 4 && text.hasPrefix("0") ? String(text.dropFirst()) : text
      guard digits.utf8.count == 3, let mode = UInt32(digits, radix: 8) else {
        throw ValueProblem("is not three octal digits")
      }
      return mode
    }
  }
}

extension ValueKind where Value == TrustedProxies.Range {
  fileprivate static var proxies: Self {
    Self(placeholder: "CIDR", accepted: "a range such as 10.0.0.0/8 or fd00::/8, an address, or unix") {
      text throws(ValueProblem) in
      guard let range = TrustedProxies.Range(text) else {
        throw ValueProblem("is not a range of addresses, or has bits set behind its prefix")
      }
      return range
    }
  }
}
