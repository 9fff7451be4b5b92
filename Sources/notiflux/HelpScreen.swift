import CommandTable

/// Shows help on standard output, as wide as the terminal and coloured where that is wanted.
enum HelpScreen {
  static func show(_ path: CommandPath, _ detail: HelpDetail) throws {
    let output = StandardStream.output
    let width = min(output.columns ?? 80, 100)
    let text = Commands.program.help(for: path, detail, columns: width, style: output.wantsColour ? .ansi : .plain)
    try output.write(text)
  }
}
