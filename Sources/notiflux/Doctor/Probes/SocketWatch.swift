import NotifluxClient
import NotifluxProtocol

/// A WebSocket under observation.
final class SocketWatch: Sendable {
  private enum Event: Sendable {
    case ping
    case text(String)
    case ended(String, byServer: Bool)

    var envelope: ServerEnvelope? {
      guard case .text(let text) = self else { return nil }
      return Array(text.utf8).withUnsafeBytes { ServerEnvelope(json: $0) }
    }
  }

  /// What is known so far.
  let check: StreamCheck
  private let link: WebSocketLink
  private let transcript: Transcript<Event>

  private init(check: StreamCheck, link: WebSocketLink, transcript: Transcript<Event>) {
    self.check = check
    self.link = link
    self.transcript = transcript
  }

  /// Shakes hands, and subscribes where there is a token.
  static func open(_ probe: DoctorProbe) async throws(ClientError) -> (SocketWatch, WebSocketCheck.Opened) {
    let transcript = Transcript<Event>()
    var configuration = probe.plan.configuration
    configuration.pingObserver = { transcript.append(.ping) }
    configuration.idleTimeout = probe.plan.wait + .seconds(60)
    let start = ContinuousClock.now
    let link: WebSocketLink
    do { link = try await WebSocketLink.connect(probe.connector, configuration: configuration) } catch {
      throw error.error
    }
    let opened = WebSocketCheck.Opened(speaksEnvelopes: link.mode == .envelope, took: ContinuousClock.now - start)
    Task { await write(link, into: transcript) }
    let check = await subscribe(probe.plan, link, transcript)
    return (SocketWatch(check: check, link: link, transcript: transcript), opened)
  }

  private static func write(_ link: WebSocketLink, into transcript: Transcript<Event>) async {
    while true {
      let events = await link.nextEvents()
      guard !events.isEmpty else { return }
      for event in events {
        switch event {
        case .text(let text): transcript.append(.text(text))
        case .pong: break
        case .ended(.closed(let code, let reason)):
          let number = code.map { "\($0.rawValue)" } ?? "1005"
          transcript.append(.ended("code \(number)" + (reason.isEmpty ? "" : ": \(reason)"), byServer: true))
        case .ended(.failed(.unreachable(_, let reason))): transcript.append(.ended(reason, byServer: false))
        case .ended(.failed(let error)): transcript.append(.ended(error.inWords, byServer: false))
        }
      }
    }
  }

  private static func subscribe(
    _ plan: DoctorPlan, _ link: WebSocketLink, _ transcript: Transcript<Event>
  ) async -> StreamCheck {
    var check = StreamCheck(transport: .webSocket)
    guard link.mode == .envelope else {
      check.subscribing = .notTried("is not looked into in text mode")
      return check
    }
    let deadline = ContinuousClock.now + plan.timeout
    let interval = await transcript.first(until: deadline) { entries in
      entries.lazy.compactMap { if case .welcome(_, let interval)? = $0.event.envelope { interval } else { nil } }.first
    }
    if let interval, interval > 0 { check.interval = interval }
    let token: String
    do { token = try plan.subscribing.get() } catch {
      check.subscribing = .notTried(error.advice)
      return check
    }
    let request = ClientEnvelope(
      .subscribe(topics: [plan.topic], isList: false, token: token, since: nil), id: RequestID(1))
    try? await link.send(String(decoding: request.json, as: UTF8.self))
    let answer: Result<Void, Refusal>? = await transcript.first(until: deadline) { entries in
      for entry in entries {
        switch entry.event.envelope {
        case .subscribed?: return .success(())
        case .error(let refusal, _, _)?: return .failure(refusal)
        default: if case .ended = entry.event { return .success(()) }
        }
      }
      return nil
    }
    switch answer {
    case .success?: break
    case .failure(let refusal)?: check.subscribing = .init(refusal)
    case nil: check.hasBegun = false
    }
    return check
  }

  /// Waits for the message, then for the end of the silence.
  func finish(_ publication: Result<DoctorProbe.Publication, StreamCheck.Obstacle>, _ plan: DoctorPlan) async
    -> StreamCheck
  {
    var check = check
    switch publication {
    case .failure(let obstacle): check.publishing = obstacle
    case .success(let publication) where check.subscribing == nil:
      check.patience = plan.patience
      check.delivery = await transcript.first(until: publication.time + plan.patience) { entries in
        for entry in entries {
          if case .message(_, _, publication.text)? = entry.event.envelope { return entry.time - publication.time }
        }
        return nil
      }
    case .success: break
    }
    let start = ContinuousClock.now
    let end: Int? = await transcript.first(until: start + plan.wait) { entries in
      entries.firstIndex { if case .ended = $0.event { true } else { false } }
    }
    let entries = transcript.entries
    if plan.wait > .zero { check.silence = ContinuousClock.now - start }
    check.signsOfLife = entries.count { if case .ping = $0.event { $0.time >= start } else { false } }
    if let end, case .ended(let how, let byServer) = entries[end].event {
      check.cut = (entries[end].time - (end > 0 ? entries[end - 1].time : start), how, byServer)
    }
    link.close()
    return check
  }
}

extension StreamCheck.Obstacle {
  /// A token for something else is none for this; any other refusal is worth a finding.
  init(_ refusal: Refusal) {
    switch refusal.code {
    case .tokenScope, .topicNotAllowed: self = .notTried(refusal.message)
    default: self = .refused(refusal.message)
    }
  }
}
