import NotifluxClient
import NotifluxProtocol

/// An event stream under observation: asked for as a browser does, but with the token in a header field.
final class EventsWatch: Sendable {
  /// What is known so far.
  let check: StreamCheck
  /// `nil` where there is no stream.
  private let probe: HTTPProbe?

  private init(_ check: StreamCheck, _ probe: HTTPProbe?) {
    self.check = check
    self.probe = probe
  }

  /// A proxy that holds even the head back is given this long before the message is published that may loosen it.
  private static let headPatience = Duration.seconds(2)

  static func open(_ doctor: DoctorProbe) async -> EventsWatch {
    var check = StreamCheck(transport: .events)
    let token: String
    do { token = try doctor.plan.subscribing.get() } catch {
      check.subscribing = .notTried(error.advice)
      return EventsWatch(check, nil)
    }
    let watch = await open(doctor, bearer: token, query: nil)
    // In a query it may be logged, which does no harm to a topic of our own only.
    guard watch.check.subscribing == .headerIsMissing, doctor.plan.isTopicFresh else { return watch }
    return await open(doctor, bearer: nil, query: token)
  }

  private static func open(_ doctor: DoctorProbe, bearer: String?, query: String?) async -> EventsWatch {
    var check = StreamCheck(transport: .events)
    do throws(ClientError) {
      let probe = try await HTTPProbe.connect(doctor.connector)
      probe.send(question(doctor.plan.topic, bearer: bearer, query: query))
      let limit = min(doctor.plan.timeout, headPatience)
      let head = await probe.transcript.first(until: .now + limit) { entries in
        entries.lazy.compactMap { if case .head(let head) = $0.event { head } else { nil } }.first
      }
      guard let head, head.status != 200 else { return EventsWatch(check, probe) }
      _ = await probe.transcript.first(until: .now + doctor.plan.timeout) { $0.first { $0.event.isEnd } }
      check.subscribing = obstacle(HTTPReply(head: head, body: body(probe.transcript.entries)), isBearer: bearer != nil)
    } catch {
      check.subscribing = .noConnection(error)
    }
    return EventsWatch(check, nil)
  }

  private static func question(_ topic: Topic, bearer: String?, query: String?) -> HTTPQuestion {
    // A given topic may hold anything.
    let name = topic.text.utf8.map { byte in
      let isPlain =
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
          true
        default: false
        }
      return isPlain ? String(UnicodeScalar(byte)) : (byte < 16 ? "%0" : "%") + String(byte, radix: 16)
    }.joined()
    var question = HTTPQuestion(
      "GET", "/events?topic=\(name)" + (query.map { "&token=\($0)" } ?? ""),
      [("Accept", "text/event-stream"), ("Accept-Encoding", "gzip")])
    if let bearer { question.fields.append(("Authorization", "Bearer \(bearer)")) }
    return question
  }

  private static func obstacle(_ reply: HTTPReply, isBearer: Bool) -> StreamCheck.Obstacle {
    guard let refusal = reply.refusal else {
      return .notTried("GET /events is not passed on (\(reply.description)); fine if all your clients use WebSockets")
    }
    return isBearer && refusal.code == .tokenMissing ? .headerIsMissing : .init(refusal)
  }

  /// Waits for the message, then for the end of the silence.
  func finish(
    _ publication: Result<DoctorProbe.Publication, StreamCheck.Obstacle>, _ plan: DoctorPlan
  ) async -> StreamCheck {
    var check = check
    guard let transcript = probe?.transcript else { return check }
    switch publication {
    case .failure(let obstacle):
      check.publishing = obstacle
      // The stream begins with an envelope of its own.
      _ = await transcript.first(until: .now + plan.patience) { $0.first { $0.event.isPart } }
    case .success(let publication):
      check.patience = plan.patience
      check.delivery = await transcript.first(until: publication.time + plan.patience) { Self.arrival($0, publication) }
    }
    check.hasBegun = transcript.entries.contains { $0.event.isPart }
    check.encoding = Self.encoding(transcript.entries)
    let start = ContinuousClock.now
    let end: Int? = await transcript.first(until: start + plan.wait) { entries in
      entries.firstIndex { $0.event.isEnd }
    }
    let entries = transcript.entries
    if plan.wait > .zero { check.silence = ContinuousClock.now - start }
    check.signsOfLife = entries.count { $0.event.isPart && $0.time >= start }
    if let end {
      check.cut = (entries[end].time - (end > 0 ? entries[end - 1].time : start), "the answer ended", byServer: false)
    }
    probe?.close()
    return check
  }

  private typealias Entries = [Transcript<HTTPProbeEvent>.Entry]

  private static func arrival(_ entries: Entries, _ publication: DoctorProbe.Publication) -> Duration? {
    // What is compressed cannot be read here; nothing else is said on this topic.
    if encoding(entries) != nil {
      return entries.first { $0.event.isPart && $0.time > publication.time }.map { $0.time - publication.time }
    }
    guard String(decoding: body(entries), as: UTF8.self).contains(publication.text) else { return nil }
    return entries.last { $0.event.isPart }.map { $0.time - publication.time }
  }

  private static func encoding(_ entries: Entries) -> String? {
    for entry in entries { if case .head(let head) = entry.event { return head.first("content-encoding") } }
    return nil
  }

  private static func body(_ entries: Entries) -> [UInt8] {
    entries.flatMap { entry -> [UInt8] in if case .part(let bytes) = entry.event { bytes } else { [] } }
  }
}

extension HTTPProbeEvent {
  fileprivate var isPart: Bool { if case .part = self { true } else { false } }
  fileprivate var isEnd: Bool {
    switch self {
    case .end, .closed: true
    case .head, .part: false
    }
  }
}
