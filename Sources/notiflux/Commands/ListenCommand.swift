import CommandTable

enum ListenCommand {
  static let command: Command = Command("listen", summary: "Print messages as they are published") { _ in .failure }
}
