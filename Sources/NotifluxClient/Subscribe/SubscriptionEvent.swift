import NotifluxProtocol

/// What happens on a ``Subscription``.
public enum SubscriptionEvent: Sendable, Equatable {
  /// There is a connection, the first one or a new one after ``disconnected(_:retryIn:)``.
  case connected
  /// The server has confirmed the topic: messages published from now on arrive.
  case subscribed(Topic)
  /// The server refuses the topic; the subscription goes on without it. `reason` is one line for a person.
  case refused(Topic, reason: String)
  /// A message of one of the topics.
  case message(Message)
  /// There is no connection; the next attempt is made after `retryIn`. Messages published meanwhile are missed.
  case disconnected(ClientError, retryIn: Duration)
}

/// A message as it was published.
public struct Message: Sendable, Equatable {
  /// The topic it was published to; `nil` where the protocol does not say, which in text mode is whenever more than one
  /// topic can deliver.
  public let topic: Topic?
  /// Exactly the published text.
  public let data: String
  /// Its place in the server's log; `nil` in text mode.
  public let cursor: Cursor?

  init(topic: Topic?, data: String, cursor: Cursor? = nil) {
    self.topic = topic
    self.data = data
    self.cursor = cursor
  }
}
