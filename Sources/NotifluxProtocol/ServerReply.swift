/// Every text the server answers a text-mode client with. The first two are the seed's, to the letter.
package enum ServerReply {
  package static let malformedSubscribe = "Invalid subscribe command, it should be: /subscribe <topic> <token>"
  package static let unknownCommand = "Unknown command"

  package static func subscribeRefused(topic: String, reason: String) -> String {
    "\(refusalStart(topic: topic))\(reason)"
  }

  /// What every refusal of `topic` begins with; the reason follows. A client recognises it by this.
  package static func refusalStart(topic: String) -> String { "Not allowed to subscribe to \(topic): " }
}
