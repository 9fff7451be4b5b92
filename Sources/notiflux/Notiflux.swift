import CommandTable

/// The program: reads its command line against the table of commands, runs what it asks for, and says in one line what
/// went wrong.
@main
enum Notiflux {
  static func main() {
    openStandardStreams()
    ignoreBrokenPipeSignal()
    exit(with: run(Array(CommandLine.arguments.dropFirst())))
  }

  private static func run(_ arguments: [String]) -> ExitCode {
    do {
      switch try Commands.program.parse(arguments, environment: .process) {
      case .run(let run, let settings):
        for warning in settings.warnings { say(warning) }
        return try run(settings)
      case .help(let path, let detail): try HelpScreen.show(path, detail)
      case .version: try StandardStream.output.write(Commands.program.versionLine + "\n")
      }
      return .success
    } catch {
      return report(error)
    }
  }
}
