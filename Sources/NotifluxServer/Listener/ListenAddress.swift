/// Where a server listens.
public enum ListenAddress: Sendable, Equatable {
  /// A name or an IP address, and a port; 0 takes any free one.
  case network(host: String, port: Int)
  /// A Unix-domain socket at `path`, with the permissions `mode`. What a server that is gone has left there is taken
  /// away; the socket is removed at the end.
  case unix(path: String, mode: UInt32)
  /// A socket that listens already, which whoever started the process opened.
  case inherited(descriptor: Int32)
}

extension ListenAddress: CustomStringConvertible {
  /// As one would write it on a command line.
  public var description: String {
    switch self {
    case .network(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    case .unix(let path, _): "unix:\(path)"
    case .inherited(let descriptor): "descriptor \(descriptor)"
    }
  }
}
