/// What a client of `notiflux.v1` says: one JSON object a text message. Parsing and printing are inverse.
package struct ClientEnvelope: Sendable, Equatable {
  package enum Request: Sendable, Equatable {
    /// `topics` is never empty and repeats nothing. `isList` tells `"topics":[…]` from `"topic":…`.
    case subscribe(topics: [Topic], isList: Bool, token: String?, since: Cursor?)
    case unsubscribe(Topic)
    case unsubscribeAll
    case ping
  }

  package var request: Request
  package var id: RequestID?

  package init(_ request: Request, id: RequestID? = nil) {
    self.request = request
    self.id = id
  }

  /// Why a message is no envelope, with what of it is known, so that the answer can name it.
  package struct Failure: Error, Equatable {
    package let refusal: Refusal
    package var topic: String?
    package var id: RequestID?
  }

  /// Reads one message. Members it does not know are ignored.
  package init(json bytes: UnsafeRawBufferPointer) throws(Failure) {
    let value: JSONValue
    do { value = try JSONValue.parse(bytes) } catch {
      throw Failure(refusal: Refusal(.badRequest, "the message is not valid JSON: \(error.message)"))
    }
    guard case .object(let object) = value else {
      throw Failure(refusal: Refusal(.badRequest, "the message must be a JSON object, not \(value.kind)"))
    }
    var failure = Failure(refusal: Refusal(.badRequest, ""))
    do throws(Refusal) {
      if let id = object["id"] { failure.id = try RequestID(id) }
      failure.topic = object["topic"]?.string
      self.init(try Self.request(in: object), id: failure.id)
    } catch {
      throw Failure(refusal: error, topic: failure.topic, id: failure.id)
    }
  }

  private static func request(in object: JSONObject) throws(Refusal) -> Request {
    let type = try string("type", in: object)
    switch type {
    case "subscribe":
      let (topics, isList) = try topics(in: object)
      let since = try string("since", in: object).flatMap { $0.isEmpty ? nil : $0 }
      return .subscribe(
        topics: topics, isList: isList, token: try string("token", in: object), since: try cursor(since))
    case "unsubscribe":
      guard let topic = try string("topic", in: object) else {
        throw Refusal(.badRequest, #""topic" is missing; name the topic to unsubscribe from"#)
      }
      return .unsubscribe(try Topic(topic))
    case "unsubscribe-all": return .unsubscribeAll
    case "ping": return .ping
    case nil: throw Refusal(.badRequest, #""type" is missing; one of \#(types) is expected"#)
    case _?: throw Refusal(.badRequest, #"this "type" is not known; one of \#(types) is expected"#)
    }
  }

  private static let types = "subscribe, unsubscribe, unsubscribe-all and ping"

  private static func topics(in object: JSONObject) throws(Refusal) -> ([Topic], isList: Bool) {
    switch (try string("topic", in: object), object["topics"]) {
    case (let topic?, nil): return ([try Topic(topic)], false)
    case (nil, let list?): return (try Topic.list(list), true)
    case (nil, nil): throw Refusal(.badRequest, #""topic" is missing; name the topic to subscribe to"#)
    case (_?, _?): throw Refusal(.badRequest, #"give either "topic" or "topics", not both"#)
    }
  }

  private static func cursor(_ text: String?) throws(Refusal) -> Cursor? {
    guard let text else { return nil }
    return try Cursor(text)
  }

  private static func string(_ name: String, in object: JSONObject) throws(Refusal) -> String? {
    switch object[name] {
    case nil: return nil
    case .string(let text): return text
    case let value?: throw Refusal(.badRequest, #""\#(name)" must be a string, not \#(value.kind)"#)
    }
  }

  /// The message that ``init(json:)`` reads back.
  package var json: [UInt8] {
    var object = JSONObject()
    switch request {
    case .subscribe(let topics, let isList, let token, let since):
      object["type"] = "subscribe"
      if isList {
        object["topics"] = .array(topics.map { .string($0.text) })
      } else {
        object["topic"] = topics.first.map { .string($0.text) }
      }
      object["token"] = token.map(JSONValue.string)
      object["since"] = since.map { .string($0.description) }
    case .unsubscribe(let topic):
      object["type"] = "unsubscribe"
      object["topic"] = .string(topic.text)
    case .unsubscribeAll: object["type"] = "unsubscribe-all"
    case .ping: object["type"] = "ping"
    }
    object["id"] = id?.value
    return JSONValue.object(object).serialized()
  }
}

extension Topic {
  /// Several topics in the order given, without repetitions; at least one, at most ``Limits/topicsPerBroadcast``.
  static func list(_ value: JSONValue) throws(Refusal) -> [Topic] {
    guard case .array(let values) = value else { throw Refusal(.badRequest, #""topics" must be an array of strings"#) }
    guard !values.isEmpty else { throw Refusal(.badRequest, #""topics" is empty; name at least one topic"#) }
    let most = Limits.topicsPerBroadcast
    guard values.count <= most else {
      throw Refusal(.badRequest, #""topics" names \#(values.count) topics; at most \#(most) at once"#)
    }
    var topics: [Topic] = []
    var seen: Set<Topic> = []
    for value in values {
      guard case .string(let text) = value else {
        throw Refusal(.badRequest, #""topics" must be an array of strings"#)
      }
      let topic = try Topic(text)
      if seen.insert(topic).inserted { topics.append(topic) }
    }
    return topics
  }
}
