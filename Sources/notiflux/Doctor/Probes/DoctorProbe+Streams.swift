import NotifluxClient
import NotifluxProtocol

/// One message to those who are subscribed, and then silence.
extension DoctorProbe {
  /// What was published, and when.
  struct Publication: Sendable {
    let text: String
    let time: ContinuousClock.Instant
  }

  /// Opens a connection of each transport, publishes once to both, and leaves them alone.
  func streams() async -> (WebSocketCheck, [StreamCheck]) {
    async let openingSocket = openSocket()
    async let openingEvents = EventsWatch.open(self)
    let (socket, events) = await (openingSocket, openingEvents)
    let opened = [socket.watch?.check, events.check].compactMap { $0 }
    let isAwaited = opened.contains { $0.subscribing == nil }
    let publication = isAwaited ? await publishOnce() : .failure(.notOpen)
    async let socketCheck = socket.watch?.finish(publication, plan)
    async let eventsCheck = events.finish(publication, plan)
    let checks = await [socketCheck, eventsCheck]
    return (WebSocketCheck(result: socket.result), checks.compactMap { $0 })
  }

  private func openSocket() async -> (result: Result<WebSocketCheck.Opened, ClientError>, watch: SocketWatch?) {
    do {
      let (watch, opened) = try await SocketWatch.open(self)
      return (.success(opened), watch)
    } catch {
      return (.failure(error), nil)
    }
  }

  private func publishOnce() async -> Result<Publication, StreamCheck.Obstacle> {
    let token: String
    do { token = try plan.publishing.get() } catch { return .failure(.notTried(error.advice)) }
    let text = "notiflux doctor \(UInt32.random(in: 0 ... .max))"
    let start = ContinuousClock.now
    switch await ask(publish(text, token: token)) {
    case .failure(let error): return .failure(.noConnection(error))
    case .success(let reply) where reply.head.status == 200: return .success(Publication(text: text, time: start))
    case .success(let reply):
      guard let refusal = reply.refusal else { return .failure(.notTried(RequestCheck.notPassedOn(reply))) }
      return .failure(.refused(refusal.message))
    }
  }
}

extension StreamCheck.Obstacle: Error {}
