import CommandTable

/// `notiflux bench`: load on a running server, one subcommand a kind of load, and the rows they share.
enum BenchCommand {
  static let command: Command = Command(
    "bench", summary: "Put load on a running server and measure it",
    discussion: [
      "Each kind of load shows its progress on a terminal and then prints a table, or with `--json` one object: rates, "
        + "percentiles of times, and everything that went wrong. A run ends early at Ctrl-C and prints what it has "
        + "measured until then; a second Ctrl-C does not wait for what is under way.",
      "The generator tells how much of a core its busiest thread used and how long it had to wait for one. Where that "
        + "comes near a whole core it says so: then the figures may be its own and not the server's. Run it on another "
        + "machine, or on cores of its own.",
      "The status is 0 when everything that was sent came once and in order and no connection failed, else 1; 3, 4 and 5 "
        + "when the server refused, was not reached or did not answer at all.",
    ],
    subcommands: [BenchFanoutCommand.command, BenchPublishCommand.command, BenchConnectCommand.command])
}

/// The rows that several kinds of load share.
enum BenchOptions {
  static let topic = Option(
    "topic", .text("TOPIC"), help: "Use this topic; several are TOPIC-0, TOPIC-1 … [a fresh one]",
    details: ["The numbers of several topics all have the same length: TOPIC-00 to TOPIC-11."])
  static let topics = Option(
    "topics", .integer(in: 1...100_000), default: "1", help: "Spread the load evenly over this many topics")
  static let rate = Option(
    "rate", short: "r", .integer(in: 0...10_000_000), default: "0",
    help: "Publish this many messages a second; 0: as fast as answers come",
    details: [
      "With a rate, messages are due at even distances, whether those before are answered or not, and all times are "
        + "measured from when a message was due, not from when it could be sent. A server that stalls is charged for "
        + "everything that had to wait (no coordinated omission).",
      "With 0 each publisher sends its next message when the last one is answered. That shows the most the "
        + "server can do; for the times users will see, give a rate.",
    ])
  static let size = Option(
    "size", short: "s", .byteCount(in: MessageFormat.leastSize...(16 << 20)), default: "128",
    help: "Publish messages of this many bytes")
  static let duration = Option(
    "duration", short: "d", .duration(in: .milliseconds(100) ... .seconds(30 * 86400)), default: "10s",
    help: "Measure for this long")
  static let warmup = Option(
    "warmup", .duration(in: .zero ... .seconds(3600)), default: "1s",
    help: "Publish for this long before measuring",
    details: ["Losses are counted from the first message on."])
  static let concurrency = Option(
    "concurrency", short: "c", .integer(in: 1...100_000), default: "64",
    help: "Open at most this many connections at once")
  static let raw = Option(flag: "raw", help: "Subscribe in text mode, also where the server speaks notiflux.v1")
  static let threads = Option(
    "threads", .integer(in: 1...1024),
    default: .computed("half the cores", { max(1, Machine.allowedCores / 2) }),
    help: "Generate the load on this many threads")
  static let timeout = Option(
    "timeout", .duration(in: .milliseconds(1) ... .seconds(3600)), default: "10s",
    help: "Give up a connection, or an answer, after this time")
  static let json = Option(flag: "json", short: "j", help: "Print one JSON object in place of the table")
  static let quiet = Option(flag: "quiet", short: "q", help: "Show no progress")

  /// How many publishers a load has.
  static func publishers(default count: Default<Int>) -> Option<Int> {
    Option(
      "publishers", short: "p", .integer(in: 1...10_000), default: count,
      help: "Publish over this many connections, each one message at a time")
  }
}
