import NotifluxProtocol

/// What happens on a ``Subscription``.
public enum SubscriptionEvent: Sendable, Equatable {
  /// There is a connection, the first one or a new one after ``disconnected(_:retryIn:)``.
  case connected
  /// The server has confirmed the topic: what was published after the cursor arrives, unless a ``gap(_:)`` says
  /// otherwise. `nil` where the server speaks text mode only: then what is published from now on arrives.
  case subscribed(Topic, Cursor?)
  /// All that these topics missed has arrived; what follows is live. Told only where something could be missed.
  case caughtUp([Topic], Cursor)
  /// Messages are lost: the server does not have them any more.
  case gap(Gap)
  /// A message of one of the topics.
  case message(Message)
  /// The server refuses the topic; the subscription goes on without it, or, where it held the topic before, as it was.
  /// `reason` is one line for a person.
  case refused(Topic, reason: String)
  /// There is no connection; the next attempt is made after `retryIn`. Messages published meanwhile arrive then, or a
  /// ``gap(_:)`` does. Only a server that speaks text mode has them missed without a word.
  case disconnected(ClientError, retryIn: Duration)
}

/// A message as it was published.
public struct Message: Sendable, Equatable {
  /// The topic it was published to. `nil` where the protocol does not say: in text mode, whenever more than one topic
  /// can deliver.
  public let topic: Topic?
  /// Exactly the published text.
  public let data: String
  /// Its place in the server's log; `nil` in text mode only.
  public let cursor: Cursor?

  package init(topic: Topic?, data: String, cursor: Cursor? = nil) {
    self.topic = topic
    self.data = data
    self.cursor = cursor
  }
}

/// Messages of a topic that nobody can have any more: those after `from` and up to `to`.
public struct Gap: Sendable, Equatable {
  /// The topic that lost them.
  public let topic: Topic
  /// The last place up to which nothing is missing.
  public let from: Cursor
  /// The last place that is missing. In another epoch than `from`, nobody knows how many messages there were: the log
  /// has begun anew.
  public let to: Cursor

  package init(topic: Topic, from: Cursor, to: Cursor) {
    self.topic = topic
    self.from = from
    self.to = to
  }
}
