extension LimitsCheck {
  /// An nginx on this machine, and how many clients it has room for.
  struct Nginx: Sendable, Equatable {
    /// Of its master process.
    let id: Int
    /// The main file of its configuration.
    var file = Self.usualFile
    /// `nil` where the file cannot be read, or does not say.
    var connections: WorkerConnections?
    /// What it may raise its limit of files to: the hard limit of the master process. A worker's own is what it was given.
    let mostFiles: Int

    static let usualFile = "/etc/nginx/nginx.conf"
    /// Room for 8,000 clients a worker, and for more than as many files.
    static let directives = ["events { worker_connections \(roomyConnections); }", files]

    private static let roomyConnections = 16_384
    private static let roomyFiles = 65_536
    private static let files = "worker_rlimit_nofile \(roomyFiles);"
    /// What a worker opens besides its connections.
    private static let otherFiles = 512
  }
}

extension LimitsCheck.Nginx {
  /// Of several limits nginx's is the one to mend where it is the smallest by far: Debian's file has 768.
  ///
  /// `served`: the most clients that notiflux can hold; `files`: the fewest that a worker may open, each `nil` where it is not known.
  func finding(served: Int?, files: Int?) -> Finding? {
    guard let connections, connections.count < min(LimitsCheck.fewFiles, served ?? .max) else { return nil }
    let clients = connections.count / 2
    let most = served.map { ", where notiflux serve may hold \(grouped($0))" } ?? ""
    let needsFiles = (files ?? 0) < Self.roomyConnections + Self.otherFiles
    return .warning(
      .limits, "nginx (pid \(id)): \(words(connections)) are enough for \(grouped(clients)) clients a worker\(most)",
      why: "it takes two connections a client; those beyond are closed, also during the TLS handshake, or answered 500",
      Remedy(
        "raise it, in place of the events block that is there" + advice(raisesFiles: needsFiles),
        in: .main(file), nginx: needsFiles ? Self.directives : [Self.directives[0]]))
  }

  /// For a worker that may open too few files.
  var moreFiles: Remedy { Remedy("raise it" + advice(raisesFiles: true), in: .main(file), nginx: [Self.files]) }

  /// How to have it take effect. What is above the hard limit is refused by the kernel, and nginx goes on with what it has.
  private func advice(raisesFiles: Bool) -> String {
    guard raisesFiles, mostFiles < Self.roomyFiles else { return "; then systemctl reload nginx" }
    return "; but first raise the hard limit of the service, which is \(grouped(mostFiles)) (systemctl show nginx -p "
      + "LimitNOFILE): systemctl edit nginx, with LimitNOFILE=\(Self.roomyFiles) under [Service], then systemctl restart "
      + "nginx. What is above it fails: \"setrlimit(RLIMIT_NOFILE, \(Self.roomyFiles)) failed\" in nginx's error log"
  }

  /// What was read, and where.
  func words(_ connections: WorkerConnections) -> String {
    connections.isDefault
      ? "the \(grouped(connections.count)) worker_connections of nginx's default (\(file) sets none)"
      : "\(grouped(connections.count)) worker_connections (from \(file))"
  }

  /// For where nothing is wrong.
  var words: String { connections.map(words) ?? "worker_connections cannot be seen in \(file)" }
}
