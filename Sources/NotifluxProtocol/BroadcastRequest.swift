/// The body of `POST /broadcast`: what is to be said, to whom, and by whose leave.
package struct BroadcastRequest: Sendable, Equatable {
  /// In the order given, without repetitions. Never empty.
  package var topics: [Topic]
  /// Delivered to subscribers exactly as it stands.
  package var message: String
  /// `nil` when the request carries it in its `Authorization` field instead.
  package var token: String?
  /// The idempotency key.
  package var id: String?

  package init(topics: [Topic], message: String, token: String? = nil, id: String? = nil) {
    self.topics = topics
    self.message = message
    self.token = token
    self.id = id
  }

  /// Reads a JSON object; members it does not know are ignored. Throws ``ErrorCode/badRequest`` or
  /// ``ErrorCode/topicInvalid``.
  package init(json bytes: UnsafeRawBufferPointer) throws(Refusal) {
    var members = Members()
    do { try members.read(bytes) } catch {
      throw Refusal(.badRequest, "the body is not valid JSON: \(error.message)")
    }
    guard members.isObject else {
      throw Refusal(.badRequest, #"the body must be a JSON object such as {"topic":"t","message":"m","token":"…"}"#)
    }
    topics = try members.readTopics()
    guard let message = try members.message.string("message") else {
      throw Refusal(.badRequest, #""message" is missing; give the text to publish as a string"#)
    }
    self.message = message
    token = try members.token.string("token")
    id = try members.id.string("id")
    if let id { try Self.check(id: id) }
  }

  /// The body that ``init(json:)`` reads back.
  package var json: [UInt8] {
    var object = JSONObject()
    if topics.count == 1 {
      object["topic"] = .string(topics[0].text)
    } else {
      object["topics"] = .array(topics.map { .string($0.text) })
    }
    object["message"] = .string(message)
    object["token"] = token.map(JSONValue.string)
    object["id"] = id.map(JSONValue.string)
    return JSONValue.object(object).serialized()
  }

  /// An idempotency key has 1 to 128 bytes.
  package static func check(id: String) throws(Refusal) {
    guard !id.isEmpty else { throw Refusal(.badRequest, #""id" is empty; leave it out or give a key"#) }
    guard id.utf8.count <= Limits.idempotencyKey else {
      throw Refusal(
        .badRequest, #""id" has \#(id.utf8.count) bytes; at most \#(Limits.idempotencyKey) are allowed"#)
    }
  }
}

extension BroadcastRequest {
  /// A member that has to be a string.
  private enum Text {
    case absent
    case string(String)
    case otherValue

    func string(_ name: String) throws(Refusal) -> String? {
      switch self {
      case .absent: return nil
      case .string(let text): return text
      case .otherValue: throw Refusal(.badRequest, #""\#(name)" must be a string"#)
      }
    }
  }

  /// The members that mean something, as they stand in the text; what they mean is judged when all of it is known to be
  /// JSON.
  private struct Members {
    private(set) var isObject = false
    private var topic = Text.absent
    private var topics: JSONValue?
    private(set) var message = Text.absent
    private(set) var token = Text.absent
    private(set) var id = Text.absent

    private static let topicKey = JSONName.key("topic")
    private static let topicsKey = JSONName.key("topics")
    private static let messageKey = JSONName.key("message")
    private static let tokenKey = JSONName.key("token")
    private static let idKey = JSONName.key("id")

    mutating func read(_ bytes: UnsafeRawBufferPointer) throws(JSONError) {
      var reader = JSONReader(bytes, maximumValues: Limits.valuesPerBroadcast)
      try reader.document { (reader) throws(JSONError) in
        isObject = try reader.kind() == .object
        guard isObject else { return try reader.skip() }
        try reader.object { (name, reader) throws(JSONError) in
          switch name.key {
          case Self.messageKey: message = try Self.text(&reader)
          case Self.tokenKey: token = try Self.text(&reader)
          case Self.topicKey: topic = try Self.text(&reader)
          case Self.topicsKey: topics = try reader.value()
          case Self.idKey: id = try Self.text(&reader)
          default: try reader.skip()
          }
        }
      }
    }

    private static func text(_ reader: inout JSONReader) throws(JSONError) -> Text {
      guard try reader.kind() == .string else {
        try reader.skip()
        return .otherValue
      }
      return .string(try reader.string())
    }

    func readTopics() throws(Refusal) -> [Topic] {
      switch (try topic.string("topic"), topics) {
      case (let topic?, nil): return [try Topic(topic)]
      case (nil, let list?): return try Topic.list(list)
      case (nil, nil): throw Refusal(.badRequest, #""topic" is missing; name the topic to publish to"#)
      case (_?, _?): throw Refusal(.badRequest, #"give either "topic" or "topics", not both"#)
      }
    }
  }
}
