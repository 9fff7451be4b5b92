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
    let value: JSONValue
    do { value = try JSONValue.parse(bytes) } catch {
      throw Refusal(.badRequest, "the body is not valid JSON: \(error.message)")
    }
    guard case .object(let object) = value else {
      throw Refusal(.badRequest, #"the body must be a JSON object such as {"topic":"t","message":"m","token":"…"}"#)
    }
    topics = try Self.topics(of: object)
    guard let message = try Self.string("message", of: object) else {
      throw Refusal(.badRequest, #""message" is missing; give the text to publish as a string"#)
    }
    self.message = message
    token = try Self.string("token", of: object)
    id = try Self.string("id", of: object)
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

  private static func topics(of object: JSONObject) throws(Refusal) -> [Topic] {
    let single = try string("topic", of: object)
    switch (single, object["topics"]) {
    case (let topic?, nil): return [try Topic(topic)]
    case (nil, let list?): return try Topic.list(list)
    case (nil, nil): throw Refusal(.badRequest, #""topic" is missing; name the topic to publish to"#)
    case (_?, _?): throw Refusal(.badRequest, #"give either "topic" or "topics", not both"#)
    }
  }

  private static func string(_ name: String, of object: JSONObject) throws(Refusal) -> String? {
    switch object[name] {
    case nil: return nil
    case .string(let text): return text
    case _?: throw Refusal(.badRequest, #""\#(name)" must be a string"#)
    }
  }
}
