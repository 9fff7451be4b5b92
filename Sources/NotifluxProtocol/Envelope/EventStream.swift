/// The forms of an envelope on `GET /events`.
package enum EventStream: String, Sendable {
  /// Server-Sent Events (HTML standard §9.2).
  case serverSentEvents = "text/event-stream"
  /// One envelope a line.
  case ndjson = "application/x-ndjson"

  /// What a stream begins with. An `EventSource` keeps the time that it was told last, also through connections that come
  /// after the one that told it: that of a drain must not outlive the drain (HTML standard §9.2.6).
  package var opening: [UInt8] { retry(after: Limits.eventSourceRetry) }

  /// What says when to come back, where the form has a way to.
  package func retry(after milliseconds: Int) -> [UInt8] {
    switch self {
    case .serverSentEvents: Array("retry: \(milliseconds)\n\n".utf8)
    case .ndjson: []
    }
  }

  /// What keeps proxies from cutting a quiet stream: a comment, or an empty line.
  package var keepAlive: [UInt8] {
    switch self {
    case .serverSentEvents: Array(":\n\n".utf8)
    case .ndjson: [UInt8(ascii: "\n")]
    }
  }

  /// An envelope as it stands in the stream. `position` becomes the event's id, with which a browser comes back; a
  /// message has no `event` field, so that `EventSource.onmessage` gets it. An envelope holds no line break.
  package func event(_ json: [UInt8], type: String, position: Cursor) -> [UInt8] {
    switch self {
    case .ndjson: return json + [UInt8(ascii: "\n")]
    case .serverSentEvents:
      var event: [UInt8] = []
      event.reserveCapacity(json.count + 80)
      begin(type: type, position: position, into: &event)
      event += json
      event += "\n\n".utf8
      return event
    }
  }

  /// What stands before and after an envelope in the stream.
  package func around(type: String, position: Cursor) -> (opening: [UInt8], closing: [UInt8]) {
    guard case .serverSentEvents = self else { return ([], [UInt8(ascii: "\n")]) }
    var opening: [UInt8] = []
    begin(type: type, position: position, into: &opening)
    return (opening, Array("\n\n".utf8))
  }

  private func begin(type: String, position: Cursor, into event: inout [UInt8]) {
    event += "id: \(position)\n".utf8
    if type != "message" { event += "event: \(type)\n".utf8 }
    event += "data: ".utf8
  }
}
