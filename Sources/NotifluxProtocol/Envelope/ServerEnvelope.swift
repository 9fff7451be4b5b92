/// What the server says in `notiflux.v1`, in SSE events and in NDJSON lines: one JSON object, the same everywhere.
package enum ServerEnvelope: Sendable, Equatable {
  /// The topics an answer is about, named as the request named them.
  package enum Subject: Sendable, Equatable {
    case topic(Topic)
    case topics([Topic])

    package var topics: [Topic] {
      switch self {
      case .topic(let topic): [topic]
      case .topics(let topics): topics
      }
    }
  }

  /// First of all: the head of the log, and seconds between the server's pings.
  case welcome(Cursor, pingInterval: Int)
  /// What follows continues from this place.
  case subscribed(Subject, Cursor, id: RequestID?)
  case message(topic: Topic, Cursor, data: String)
  /// Messages of the topic after `from` and up to `to` are gone.
  case gap(topic: Topic, from: Cursor, to: Cursor)
  /// Everything that was missed has been sent; what follows is live.
  case caughtUp(Subject, Cursor)
  /// `nil`: from all topics.
  case unsubscribed(Topic?, id: RequestID?)
  case pong(id: RequestID?)
  case error(Refusal, topic: String?, id: RequestID?)

  /// The value of `type`.
  package var type: String {
    switch self {
    case .welcome: "welcome"
    case .subscribed: "subscribed"
    case .message: "message"
    case .gap: "gap"
    case .caughtUp: "caught-up"
    case .unsubscribed: "unsubscribed"
    case .pong: "pong"
    case .error: "error"
    }
  }

  package var json: [UInt8] {
    if case .message(let topic, let cursor, let data) = self {
      return Self.message(topic: topic, cursor: cursor, data: data)
    }
    var object: JSONObject = ["type": .string(type)]
    switch self {
    case .welcome(let cursor, let interval):
      object["cursor"] = .string(cursor.description)
      object["pingInterval"] = .number(JSONNumber(interval))
    case .subscribed(let subject, let cursor, let id):
      object.name(subject)
      object["cursor"] = .string(cursor.description)
      object["id"] = id?.value
    case .message: break  // above
    case .gap(let topic, let from, let to):
      object["topic"] = .string(topic.text)
      object["from"] = .string(from.description)
      object["to"] = .string(to.description)
    case .caughtUp(let subject, let cursor):
      object.name(subject)
      object["cursor"] = .string(cursor.description)
    case .unsubscribed(let topic, let id):
      object["topic"] = topic.map { .string($0.text) }
      object["id"] = id?.value
    case .pong(let id): object["id"] = id?.value
    case .error(let refusal, let topic, let id):
      object["code"] = .string(refusal.code.rawValue)
      object["message"] = .string(refusal.message)
      object["topic"] = topic.map(JSONValue.string)
      object["id"] = id?.value
    }
    return JSONValue.object(object).serialized()
  }

  /// Made for every broadcast, so without a tree in between.
  package static func message(topic: Topic, cursor: Cursor, data: String) -> [UInt8] {
    var json: [UInt8] = []
    json.reserveCapacity(data.utf8.count + topic.text.utf8.count + 96)
    begin(topic: topic, cursor: cursor, into: &json)
    JSONWriter.string(data, into: &json)
    json.append(UInt8(ascii: "}"))
    return json
  }

  /// What stands before and after the ``quoted(_:)`` text in the envelope of a message.
  package static func aroundData(topic: Topic, cursor: Cursor) -> (head: [UInt8], tail: [UInt8]) {
    var head: [UInt8] = []
    begin(topic: topic, cursor: cursor, into: &head)
    return (head, [UInt8(ascii: "}")])
  }

  /// A text as it stands in an envelope: a JSON string, with its quotes.
  package static func quoted(_ text: String) -> [UInt8] {
    var json: [UInt8] = []
    json.reserveCapacity(text.utf8.count + 2)
    JSONWriter.string(text, into: &json)
    return json
  }

  @inline(__always)
  private static func begin(topic: Topic, cursor: Cursor, into json: inout [UInt8]) {
    json += #"{"type":"message","topic":"#.utf8
    JSONWriter.string(topic.text, into: &json)
    json += #","cursor":""#.utf8
    json += cursor.description.utf8
    json += #"","data":"#.utf8
  }

  /// `nil` for what is none of the above: a client ignores what a later server may say.
  package init?(json bytes: UnsafeRawBufferPointer) {
    guard case .object(let object)? = try? JSONValue.parse(bytes), let type = object["type"]?.string,
      let envelope = try? Self.read(type, object)
    else { return nil }
    self = envelope
  }

  private static func read(_ type: String, _ object: JSONObject) throws(Refusal) -> ServerEnvelope? {
    let id: RequestID? = if let value = object["id"] { try RequestID(value) } else { nil }
    switch type {
    case "welcome":
      return .welcome(try cursor("cursor", object), pingInterval: object["pingInterval"]?.number?.int ?? 0)
    case "subscribed": return .subscribed(try subject(object), try cursor("cursor", object), id: id)
    case "message":
      guard let data = object["data"]?.string else { return nil }
      return .message(topic: try topic(object), try cursor("cursor", object), data: data)
    case "gap": return .gap(topic: try topic(object), from: try cursor("from", object), to: try cursor("to", object))
    case "caught-up": return .caughtUp(try subject(object), try cursor("cursor", object))
    case "unsubscribed": return .unsubscribed(object["topic"] == nil ? nil : try topic(object), id: id)
    case "pong": return .pong(id: id)
    case "error":
      guard let code = ErrorCode(rawValue: object["code"]?.string ?? "") else { return nil }
      let refusal = Refusal(code, object["message"]?.string ?? code.rawValue)
      return .error(refusal, topic: object["topic"]?.string, id: id)
    default: return nil
    }
  }

  private static func subject(_ object: JSONObject) throws(Refusal) -> Subject {
    if let list = object["topics"] { return .topics(try Topic.list(list)) }
    return .topic(try topic(object))
  }

  private static func topic(_ object: JSONObject) throws(Refusal) -> Topic { try Topic(object["topic"]?.string ?? "") }

  private static func cursor(_ name: String, _ object: JSONObject) throws(Refusal) -> Cursor {
    try Cursor(object[name]?.string ?? "")
  }
}

extension JSONObject {
  fileprivate mutating func name(_ subject: ServerEnvelope.Subject) {
    switch subject {
    case .topic(let topic): self["topic"] = .string(topic.text)
    case .topics(let topics): self["topics"] = .array(topics.map { .string($0.text) })
    }
  }
}
