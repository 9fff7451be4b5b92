/// What `notiflux doctor` looks into, in the order of its report.
enum Check: String, Sendable, CaseIterable {
  case reach, certificate, health, connection, clock, authorization, size, websocket, origin, delivery, events, idle
  case limits
}

/// One line of the report, and for what is not as it should be: why that matters, and what to do about it.
struct Finding: Sendable, Equatable {
  enum Level: String, Sendable, CaseIterable {
    case ok
    /// Push works, but not for everybody, or not for long.
    case warning
    /// Push is broken, or will break.
    case problem
    /// Not looked into; `seen` says why, and what to give.
    case skipped
  }

  let level: Level
  let check: Check
  /// One line. Some of it may be a server's words.
  let seen: String
  var why: String?
  var remedy: Remedy?

  static func ok(_ check: Check, _ seen: String) -> Finding { Finding(level: .ok, check: check, seen: seen) }
  static func skipped(_ check: Check, _ seen: String) -> Finding { Finding(level: .skipped, check: check, seen: seen) }

  static func warning(_ check: Check, _ seen: String, why: String, _ remedy: Remedy) -> Finding {
    Finding(level: .warning, check: check, seen: seen, why: why, remedy: remedy)
  }

  static func problem(_ check: Check, _ seen: String, why: String, _ remedy: Remedy) -> Finding {
    Finding(level: .problem, check: check, seen: seen, why: why, remedy: remedy)
  }
}

/// What to do about a finding: in words for any proxy, and as directives where it is nginx.
struct Remedy: Sendable, Equatable {
  /// Where the directives belong.
  enum Place: Sendable, Equatable {
    /// Outside of all blocks, in this file.
    case main(String)
    case server
    /// What stands behind `location`, e.g. `= /ws`.
    case location(String)

    static let main = Place.main(LimitsCheck.Nginx.usualFile)
  }

  let text: String
  var place: Place?
  var nginx: [String] = []

  init(_ text: String, in place: Place? = nil, nginx: [String] = []) {
    self.text = text
    self.place = place
    self.nginx = nginx
  }
}

extension Remedy.Place {
  /// As nginx calls it.
  var name: String {
    switch self {
    case .main: "main"
    case .server: "server"
    case .location(let path): "location \(path)"
    }
  }

  /// For a person, who wants to know the file too.
  var inWords: String {
    switch self {
    case .main(let file): "\(file), outside of all blocks"
    case .server, .location: "\(name) { } of the site (/etc/nginx/sites-enabled/ or conf.d/)"
    }
  }
}
