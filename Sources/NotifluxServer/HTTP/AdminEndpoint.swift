import NIOCore
import NotifluxProtocol

/// What only the admin address serves: `GET /metrics`, for Prometheus, and `GET /topics`, for people.
enum AdminEndpoint {
  /// Topics that are shown unless the query says how many.
  private static let shownTopics = 20

  static func metrics(for connection: HTTPConnection) {
    guard case .admin(let overview) = connection.worker.site else { return }
    answer(connection, MetricsText.contentType) { await overview.figures().metrics }
  }

  /// The busiest topics, `?limit=N` of them, or with `?topic=NAME`, as often as one likes, these.
  static func topics(_ head: RequestHead, for connection: HTTPConnection) {
    guard case .admin(let overview) = connection.worker.site else { return }
    do throws(Refusal) {
      let query = try Query(head.query)
      var names: [Topic] = []
      for name in query["topic"] { names.append(try Topic(name)) }
      let (topics, limit) = (names, try limit(query["limit"].last))
      answer(connection, "application/json") {
        topics.isEmpty
          ? json(await overview.busiestTopics(limit: limit)) : json(await overview.topics(named: topics))
      }
    } catch {
      connection.reply(.refusal(error))
    }
  }

  private static func limit(_ text: String?) throws(Refusal) -> Int {
    guard let text else { return shownTopics }
    guard let limit = Int(text), (1...BusyTopics.capacity).contains(limit) else {
      throw Refusal(.badRequest, "limit must be a number from 1 to \(BusyTopics.capacity), as in /topics?limit=20")
    }
    return limit
  }

  private static func json(_ topics: [Overview.BusyTopic]) -> [UInt8] {
    let list = topics.map { topic -> JSONValue in
      var object: JSONObject = ["topic": .string(topic.topic.text)]
      object["messagesPerSecond"] = number(topic.rate)
      object["uncertainty"] = number(topic.uncertainty)
      object["subscribers"] = .number(JSONNumber(topic.subscribers))
      return .object(object)
    }
    return JSONValue.object(["topics": .array(list)]).serialized()
  }

  /// To a thousandth, which is less than they are known to.
  private static func number(_ value: Double) -> JSONValue {
    .number(JSONNumber((value * 1000).rounded() / 1000) ?? JSONNumber(0))
  }

  /// `body` asks other loops, so the answer comes in a later turn; one request at a time, as for every connection.
  private static func answer(
    _ connection: HTTPConnection, _ contentType: String, _ body: @escaping @Sendable () async -> [UInt8]
  ) {
    let bound = LoopBound(connection, loop: connection.worker.loop)
    Task {
      let bytes = await body()
      bound.loop.execute {
        bound.value.reply(.answer(HTTPResponse(status: .ok, body: .bytes(bytes), contentType: contentType)))
      }
    }
  }
}
