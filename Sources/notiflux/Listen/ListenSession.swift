import CommandTable
import NotifluxClient
import NotifluxJWT
import NotifluxProtocol
import Synchronization

/// One run of `notiflux listen`: a subscription, the commands that steer it, and what ends it.
final class ListenSession: Sendable {
  struct Settings {
    var endpoint: Endpoint
    var configuration: ClientConfiguration
    var topics: [Topic]
    var credentials: Credentials?
    /// Topics begin after this place.
    var since: Cursor?
    /// Ends after so many messages.
    var count: Int?
    /// Commands go to the server as they are typed.
    var isRaw = false
    /// Somebody is there who can see what is wrong and do something about it: only they end the session.
    var isInteractive = false
  }

  private let settings: Settings
  private let output: any ListenOutput
  private let client: NotifluxClient
  private let subscription: Subscription
  private let ends: AsyncStream<ExitCode>
  private let ending: AsyncStream<ExitCode>.Continuation

  init(_ settings: Settings, output: any ListenOutput) {
    self.settings = settings
    self.output = output
    (ends, ending) = AsyncStream.makeStream(of: ExitCode.self)
    let client = NotifluxClient(endpoint: settings.endpoint, configuration: settings.configuration)
    self.client = client
    let credentials = settings.credentials
    subscription = client.subscribe(to: settings.topics, since: settings.since) { topics in
      guard let credentials else {
        throw CommandFailure("none is at hand; give one with /subscribe TOPIC TOKEN, or start with --key FILE")
      }
      return try credentials.token(.subscribe, topics: topics)
    }
  }

  /// Runs until something ends it: a command, the last message, the time-out, an error. Leaves the server with a
  /// good-bye.
  func run(timeout: Duration?) async -> ExitCode {
    let listening = Task { await listen() }
    let clock = Task {
      guard let timeout else { return }
      try await Task.sleep(for: timeout)
      output.note("the time of --timeout is up")
      finish(.timedOut)
    }
    let code = await ends.first { _ in true } ?? .failure
    clock.cancel()
    listening.cancel()
    await listening.value
    await client.shutDown()
    return code
  }

  /// The first call ends the session.
  func finish(_ code: ExitCode) { ending.yield(code) }

  /// The topics that can be completed to.
  var topics: [String] { subscription.topics.map(\.text) }

  // MARK: Events

  private func listen() async {
    var connections = 0
    var remaining = settings.count ?? .max
    do {
      for try await event in subscription {
        switch event {
        case .message(let message):
          try output.show(message, namesTopic: subscription.topics != [message.topic])
          remaining -= 1
          if remaining == 0 { return finish(.success) }
        case .connected:
          connections += 1
          if connections > 1 { output.note("connected again") }
        case .gap(let gap): try output.show(gap)
        case .subscribed(let topic, let cursor):
          let mayMiss = cursor == nil && !settings.isRaw && (connections > 1 || settings.since != nil)
          output.note("subscribed to \(topic)\(mayMiss ? Self.missing : "")")
        case .caughtUp: break
        case .refused(let topic, let reason):
          output.note("not subscribed to \(topic): \(reason)")
          if !settings.isInteractive && subscription.topics.isEmpty { return finish(.refused) }
        case .disconnected(let error, let delay):
          // Somebody who mistyped a URL in a script wants to know at once.
          if connections == 0 && !settings.isInteractive { throw error }
          output.note("\(error); trying again in \(Self.text(delay))")
        }
      }
    } catch let error as ClientError {
      output.note("\(error)")
      finish(error.exitCode)
    } catch StandardStream.Failure.brokenPipe {
      finish(.success)
    } catch {
      output.note("\(error)")
      finish(.failure)
    }
  }

  private static let missing = "; what came before is missed, for the server speaks text mode only"

  private static func text(_ delay: Duration) -> String {
    let milliseconds = Int(delay.inSeconds * 1000)
    return milliseconds < 1000 ? "\(milliseconds) ms" : "\(milliseconds / 1000).\(milliseconds / 100 % 10) s"
  }

  // MARK: Commands

  /// Carries out one line.
  func execute(_ line: String) async {
    do {
      if settings.isRaw { return try await subscription.send(raw: line) }
      switch SessionCommand(line) {
      case .subscribe(let topic, let token):
        try await subscription.add(Topic(topic), since: settings.since, token: token)
      case .unsubscribe(let topic): subscription.remove(try Topic(topic))
      case .unsubscribeAll: subscription.removeAll()
      case .publish(let topic, let message): try await publish(message, to: Topic(topic))
      case .topics:
        let topics = topics
        output.note(topics.isEmpty ? "no topics; /subscribe TOPIC adds one" : topics.joined(separator: "\n"))
      case .help: output.note(SessionCommand.helpText)
      case .quit: finish(.success)
      case .wrong(let complaint): output.note(complaint)
      case .nothing: break
      }
    } catch let refusal as Refusal {
      output.note(refusal.message)
    } catch let failure as CommandFailure {
      output.note(failure.message)
    } catch {
      output.note("\(error)")
    }
  }

  private func publish(_ message: String, to topic: Topic) async throws {
    guard let credentials = settings.credentials else {
      throw CommandFailure("publishing needs a token; start with --key FILE")
    }
    let cursor = try await client.publish(
      message, to: [topic], token: credentials.token(.broadcast, topics: [topic]))
    output.note("published \(cursor)")
  }
}
