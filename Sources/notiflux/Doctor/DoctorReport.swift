import NotifluxClient
import NotifluxProtocol

/// What a run of `notiflux doctor` found out.
struct DoctorReport: Sendable {
  let endpoint: Endpoint
  var findings: [Finding] = []

  var problems: Int { count(.problem) }

  func count(_ level: Finding.Level) -> Int { findings.count { $0.level == level } }

  /// `2 problems, 1 warning, 7 ok, 1 skipped`.
  var summary: String {
    [
      Figures.count(problems, "problem"), Figures.count(count(.warning), "warning"), "\(count(.ok)) ok",
      "\(count(.skipped)) skipped",
    ].joined(separator: ", ")
  }

  /// For programs: one object.
  var json: [UInt8] {
    let object: JSONObject = [
      "url": .string(endpoint.description), "passed": .bool(problems == 0), "problems": .number(JSONNumber(problems)),
      "warnings": .number(JSONNumber(count(.warning))), "checks": .array(findings.map { .object($0.json) }),
    ]
    return JSONValue.object(object).serialized() + [UInt8(ascii: "\n")]
  }
}

extension Finding {
  fileprivate var json: JSONObject {
    var object: JSONObject = [
      "check": .string(check.rawValue), "level": .string(level.rawValue), "seen": .string(seen),
    ]
    object["why"] = why.map(JSONValue.string)
    object["remedy"] = remedy.map { .string($0.text) }
    if let remedy, let place = remedy.place {
      object["nginx"] = [
        "place": .string(place.name), "directives": .array(remedy.nginx.map(JSONValue.string)),
      ]
    }
    return object
  }

  /// For people: a line, and under it what to know and what to do, filled to `columns`.
  func text(columns: Int, isColoured: Bool) -> String {
    let label = level.rawValue + String(repeating: " ", count: 9 - level.rawValue.count)
    let name = check.rawValue + String(repeating: " ", count: 15 - check.rawValue.count)
    let coloured = isColoured ? "\u{1B}[\(level.colour)m\(label)\u{1B}[0m" : label
    var text = coloured + name + Self.filled(Self.safe(seen), indent: 9 + 15, columns)
    if let why { text += Self.indented("why  ", why, columns) }
    guard let remedy else { return text }
    text += Self.indented("do   ", remedy.text, columns)
    guard let place = remedy.place else { return text }
    text += Self.indented("     ", "nginx, in \(place.inWords):", columns)
    for line in remedy.nginx { text += String(repeating: " ", count: 16) + Self.safe(line) + "\n" }
    return text
  }

  private static func indented(_ word: String, _ text: String, _ columns: Int) -> String {
    "         \(word)" + filled(safe(text), indent: 14, columns)
  }

  /// Words in lines that end before `columns`, where one can end; the first line goes on `indent` columns from the left, and
  /// the others begin there.
  private static func filled(_ text: String, indent: Int, _ columns: Int) -> String {
    var lines = ""
    var used = indent
    for word in text.split(separator: " ", omittingEmptySubsequences: false) {
      if used > indent, used + 1 + word.count > columns {
        lines += "\n" + String(repeating: " ", count: indent) + word
        used = indent + word.count
      } else {
        lines += (used > indent ? " " : "") + word
        used += (used > indent ? 1 : 0) + word.count
      }
    }
    return lines + "\n"
  }

  private static func safe(_ text: String) -> String { TerminalText.safe(text, lineFeeds: .shown) }
}

extension Finding.Level {
  /// Parameters of SGR (ECMA-48 §8.3.117).
  fileprivate var colour: String {
    switch self {
    case .ok: "32"
    case .warning: "33"
    case .problem: "1;31"
    case .skipped: "2"
    }
  }
}
