@testable import CommandTable
@testable import notiflux

/// Command lines of notiflux, a word a line. The first byte says whether the last word is the value of every variable
/// as well.
enum CommandLines: FuzzTarget {
  static let name = "command-lines"

  private static let program = notiflux.Commands.program
  private static let secret = "hush-hush-hush"
  private static let secretVariables = Set(
    program.paths.flatMap { $0.command?.options ?? [] }.filter { $0.facts.isSecret }.compactMap { $0.facts.variable })

  static func prepare() { require(!secretVariables.isEmpty, "some variables are secret") }

  static func run(_ input: [UInt8]) {
    var choices = Choices(input)
    let setsVariables = choices.byte() & 1 == 1
    var words = choices.text.split(separator: "\n", omittingEmptySubsequences: false).map { String($0) }
    let value = setsVariables ? words.popLast() : nil
    let environment = Environment { name in secretVariables.contains(name) ? secret : value }
    do throws(UsageError) {
      switch try program.parse(words, environment: environment) {
      case .run(_, let settings):
        require(settings.commandLine.utf8.starts(with: "notiflux ".utf8), "what runs is a command")
      case .help(let path, let detail):
        require(!program.help(for: path, detail).isEmpty, "there is help for everything")
      case .version: break
      }
    } catch {
      require(isOneLine(error.message) && error.message.count < 600, "an error is one line: \(error.message)")
      require(error.hint.map(isOneLine) ?? false, "an error says where to read more")
      let isKnown = words.contains { $0.contains(secret) } || value?.contains(secret) == true
      require(isKnown || !error.message.contains(secret), "an error holds no secret")
    }
  }
}
