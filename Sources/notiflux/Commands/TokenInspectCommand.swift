import CommandTable
import NotifluxJWT
import NotifluxProtocol

/// `notiflux token inspect`: what a token says, and every reason why a server would refuse it.
enum TokenInspectCommand {
  static let token = Argument(
    optional: "TOKEN", .text("TOKEN"),
    help: "The token; @FILE reads it from a file, - or nothing from standard input", isSecret: true)
  static let publicKey = Option(
    repeatable: "public-key", short: "p", .file, environment: "JWT_PUBLIC_KEY_FILE",
    help: "Check the signature with the public keys in FILE")
  static let jwks = Option(
    repeatable: "jwks", .file, environment: "NOTIFLUX_JWKS_FILE",
    help: "Check the signature with the keys of the JWK Set in FILE, too")
  static let revoked = Option(
    "revoked", .file, environment: "NOTIFLUX_REVOKED_FILE",
    help: "Look whether the token is revoked by FILE, as notiflux serve reads it")
  static let leeway = Option(
    "leeway", .duration(in: .zero ... .seconds(3600)), default: "0s", help: "Judge times with this leeway")

  static let command: Command = Command(
    "inspect", summary: "Explain a token, and why a server would refuse it",
    discussion: [
      "Prints the token's header and claims as JSON with its times for people, then every reason why a server would refuse "
        + "it. Exits with 1 if there is any. The signature is checked where the public key is given."
    ],
    arguments: [token], options: [publicKey, jwks, revoked, leeway],
    examples: [
      Example(
        "notiflux token inspect @token.txt --public-key es256_public.pem", "Ask a token without showing it to ps.")
    ], run: run)

  private static func run(_ settings: Settings) throws -> ExitCode {
    let text = try ConnectionOptions.tokenText(settings[token] ?? "-")
    let keys = try KeyFile.keySet(pem: settings[publicKey], jwks: settings[jwks])
    let revocations = try settings[revoked].map { try RevocationFile.read($0) } ?? RevocationList()
    let now = Timestamp.now()
    let (seconds, attoseconds) = settings[leeway].components
    let inspection = TokenInspection(
      of: text, keys: keys, revocations: revocations, now: now, leeway: Double(seconds) + Double(attoseconds) / 1e18)
    try StandardStream.output.write(report(inspection, now: now))
    if let note = inspection.note { Notiflux.say("note: \(note)") }
    return inspection.refusals.isEmpty ? .success : .failure
  }

  private static func report(_ inspection: TokenInspection, now: Double) -> String {
    var lines: [String] = []
    if let header = inspection.header { lines.append("header  \(text(header))") }
    if let claims = inspection.claims { lines.append("claims  \(text(claims))") }
    for (name, moment) in [
      ("issued", inspection.issuedAt), ("valid from", inspection.notBefore), ("expires", inspection.expires),
    ] {
      guard let moment else { continue }
      lines.append("\(name)  \(Timestamp.text(moment) ?? "\(moment)") (\(distance(from: now, to: moment)))")
    }
    lines.append("signature  \(signature(inspection.signature))")
    lines += inspection.refusals.map { "refused  \($0.message) [\($0.code.rawValue)]" }
    if inspection.refusals.isEmpty {
      lines.append("accepted  as far as was checked, for the topics and the scope it names")
    }
    return aligned(lines)
  }

  /// The first word of each line in a column of its own.
  private static func aligned(_ lines: [String]) -> String {
    let width = lines.compactMap { $0.split(separator: "  ", maxSplits: 1).first?.count }.max() ?? 0
    return lines.map { line in
      let parts = line.split(separator: "  ", maxSplits: 1)
      guard parts.count == 2 else { return line + "\n" }
      return parts[0] + String(repeating: " ", count: width - parts[0].count + 2) + parts[1] + "\n"
    }.joined()
  }

  private static func text(_ value: JSONValue) -> String {
    TerminalText.safe(String(decoding: value.serialized(), as: UTF8.self))
  }

  private static func signature(_ signature: TokenInspection.Signature) -> String {
    switch signature {
    case .good: "good"
    case .refused: "not acceptable"
    case .notChecked: "not checked"
    }
  }

  /// `in 4 min`, `2 h ago`.
  static func distance(from now: Double, to moment: Double) -> String {
    let seconds = abs(moment - now)
    let (amount, unit) =
      seconds < 120
      ? (seconds, "s")
      : seconds < 7200 ? (seconds / 60, "min") : seconds < 172_800 ? (seconds / 3600, "h") : (seconds / 86400, "days")
    let text = "\(Int(min(amount.rounded(.down), 1e15))) \(unit)"
    return moment >= now ? "in \(text)" : "\(text) ago"
  }
}
