import CommandTable
import Testing

/// A generator whose every run is the same: SplitMix64.
private struct Seeded: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

@Suite("Any command line")
struct PropertyTests {
  /// Pieces that mean something to the table, and such as mean trouble.
  private static let pieces = [
    "serve", "token", "subscribe", "inspect", "publish", "completion", "help", "bash", "--", "-", "--port", "-p", "=",
    "8080", "65536", "-1", "--no-color", "--color", "--help", "-h", "--version", "-V", "-qj", "--quiet", "--log-format",
    "json", "--history-ttl", "1h", "5", "--history-size=1MiB", "-k", "a.pem", "--token", "hush", "", " ", "\n", "\u{0}",
    "\u{1B}[31m", "é", "e\u{301}", "\u{301}", "👩‍👩‍👧", "\u{202E}", "\u{2028}", "\u{FFFD}", "\u{212A}", "--=", "-=", "---",
    "99999999999999999999999999", "--admin", "[::1]:1", ":", "%", "\"", "\\", "'",
  ]

  private func randomWord(_ random: inout Seeded) -> String {
    switch Int.random(in: 0..<10, using: &random) {
    case 0...5: Self.pieces.randomElement(using: &random) ?? ""
    case 6, 7:
      (0..<Int.random(in: 1...4, using: &random)).map { _ in Self.pieces.randomElement(using: &random) ?? "" }.joined()
    default:
      String(
        String.UnicodeScalarView(
          (0..<Int.random(in: 0...12, using: &random)).compactMap { _ in
            Unicode.Scalar(UInt32.random(in: 0...(Bool.random(using: &random) ? 0x7F : 0x10FFFF), using: &random))
          }))
    }
  }

  private func isOneLine(_ text: String) -> Bool {
    !text.isEmpty
      && text.unicodeScalars.allSatisfy {
        ![.control, .format, .lineSeparator, .paragraphSeparator].contains($0.properties.generalCategory)
      }
  }

  @Test("runs, gets help or is refused in one line", arguments: [1, 2, 3, 4] as [UInt64])
  func total(_ seed: UInt64) {
    var random = Seeded(state: seed)
    var outcomes = (run: 0, help: 0, refused: 0)
    for _ in 0..<5_000 {
      // Most begin with a command, else few would get beyond their first word.
      let first = Int.random(in: 0...3, using: &random) > 0 ? [Self.pieces[Int.random(in: 0...6, using: &random)]] : []
      let most = Int.random(in: 0...7, using: &random)
      let words = first + (0..<Int.random(in: 0...most, using: &random)).map { _ in randomWord(&random) }
      let variable = Bool.random(using: &random) ? randomWord(&random) : ""
      do throws(UsageError) {
        switch try Chat.program.parse(words, environment: ["PORT": variable, "CHAT_QUIET": variable]) {
        case .run(_, let settings):
          outcomes.run += 1
          #expect(settings.commandLine.utf8.starts(with: "chat ".utf8), "\(words)")
        case .help(let path, let detail):
          outcomes.help += 1
          #expect(!Chat.program.help(for: path, detail).isEmpty, "\(words)")
        case .version: outcomes.help += 1
        }
      } catch {
        outcomes.refused += 1
        #expect(isOneLine(error.message) && error.message.count < 400, "\(words)")
        #expect(error.hint.map(isOneLine) ?? false, "\(words)")
      }
    }
    #expect(outcomes.run > 100)
    #expect(outcomes.help > 100)
    #expect(outcomes.refused > 100)
  }

  @Test("with a secret in it is refused without the secret", arguments: [5, 6] as [UInt64])
  func secret(_ seed: UInt64) {
    var random = Seeded(state: seed)
    let secret = "hush-hush-hush"
    for _ in 0..<2_000 {
      let rest = (0..<Int.random(in: 0...5, using: &random)).map { _ in Self.pieces.randomElement(using: &random) }
      let words = ["publish", "--token=\(secret)"] + rest.compactMap { $0 }
      do throws(UsageError) {
        _ = try Chat.program.parse(words, environment: ["CHAT_TOKEN": secret])
      } catch {
        #expect(!error.message.contains(secret), "\(words)")
      }
    }
  }

  @Test("of a hundred thousand words is read") func long() throws {
    let words = ["token", "subscribe", "-kx"] + Array(repeating: "topic", count: 100_000)
    guard case .run(_, let settings) = try Chat.program.parse(words, environment: [:]) else {
      Issue.record("it does not run")
      return
    }
    #expect(settings[Chat.topics].count == 100_000)
  }
}
