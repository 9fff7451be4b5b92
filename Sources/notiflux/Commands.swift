import CommandTable

/// The table: every command of notiflux and what holds for all of them. Parsing, help, man pages and completions are
/// drawn from it.
enum Commands {
  static let program: Program = Program(
    name: "notiflux", version: Version.text,
    summary: "Subscribe over WebSockets, publish over REST",
    discussion: [
      "`notiflux` pushes messages from your services to browsers: they subscribe to topics over a WebSocket, you publish "
        + "to topics with one HTTP POST. Both show a signed token (JWT, ES256) that names the topics they may use.",
      "`notiflux serve` is the server. `notiflux keygen` and `notiflux token` make keys and tokens, `notiflux publish` and "
        + "`notiflux listen` talk to a server, `notiflux doctor` finds what is wrong on the way to one, and "
        + "`notiflux bench` puts load on one.",
    ],
    commands: [
      ServeCommand.command, KeygenCommand.command, TokenCommand.command, PublishCommand.command, ListenCommand.command,
      DoctorCommand.command, BenchCommand.command, CompletionCommand.command,
    ],
    examples: [
      Example("notiflux serve --dev", "Start a server for development, and print commands to try it with."),
      Example("notiflux keygen", "Make a key pair; the server gets the public half."),
      Example("notiflux publish news 'hello' --key es256_private.pem", "Publish a message."),
      Example("notiflux listen news --key es256_private.pem", "See what is published."),
    ],
    exitStatuses: [
      ExitStatus(.success, "done"),
      ExitStatus(.failure, "failed"),
      ExitStatus(.usage, "the command line or a setting is wrong"),
      ExitStatus(.refused, "refused by the server: the token does not allow it"),
      ExitStatus(.unreachable, "the server cannot be reached, by us or by a proxy (502, 503, 504)"),
      ExitStatus(.timedOut, "timed out"),
    ],
    variables: [
      Variable("NO_COLOR", "When set to anything, nothing is coloured."),
      Variable("TERM", "With `dumb`, nothing is coloured and no line is redrawn."),
    ], variablePrefix: "NOTIFLUX_")
}
